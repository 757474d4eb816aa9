// A process for tests to kill: appends batches to the journal in the folder it is given, each a site
// more, and snapshots a state that takes time to write. It prints how many batches are on disk.

import { FileJournal } from '../../../scheduler/adapters/journal/file-journal.ts';
import type { DurableFact } from '../../../scheduler/core/index.ts';
import {
  State,
  apply,
  imageOf,
  instant,
  jobId,
  siteId,
  stateOf,
} from '../../../scheduler/core/index.ts';
import { template } from '../core/harness.ts';

const journal = FileJournal.open(process.argv[2] ?? '', {
  segmentBytes: 400,
  segmentsBetweenSnapshots: 3,
});
const recovery = await journal.recover();
const state = recovery.image === undefined ? new State() : stateOf(recovery.image);
for await (const batch of recovery.batches) for (const fact of batch) apply(state, fact);

for (let sequence = recovery.lastSequence(); ; sequence += 1) {
  const fact = sequence === 0 ? largeJob() : site(sequence);
  apply(state, fact);
  await journal.append([fact], sequence);
  process.stdout.write(`${sequence + 1}\n`);
  if (journal.wantsSnapshot()) await journal.snapshot(imageOf(state), sequence + 1);
}

function largeJob(): DurableFact {
  return {
    kind: 'jobSubmitted',
    at: instant(1),
    jobNumber: 0,
    jobId: jobId('large'),
    researcher: 'ada',
    requestId: 'once',
    template: template({ taskCount: 200_000 }),
  };
}

function site(sequence: number): DurableFact {
  return {
    kind: 'siteSet',
    at: instant(sequence),
    siteNumber: sequence - 1,
    siteId: siteId(`site-${sequence}`),
    downBps: 1e6,
    upBps: 1e6,
    source: 'declared',
    share: 1,
  };
}
