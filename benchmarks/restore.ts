// How long a restore takes: every hash checked, the journal replayed, the counts compared. The
// tasks of its journal left no files behind, since what those take is the disk's own speed.

import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backUp } from '../scheduler/adapters/backup/backup.ts';
import { restore as restoreFrom } from '../scheduler/adapters/backup/restore.ts';
import { FileJournal } from '../scheduler/adapters/journal/file-journal.ts';
import type { Command, DurableFact, Fact } from '../scheduler/core/index.ts';
import {
  State,
  apply,
  decide,
  defaultPolicy,
  instant,
  jobId,
  leaseId,
  sha256,
  taskStates,
  toJournal,
} from '../scheduler/core/index.ts';
import { enrolNodes, templateOf } from './busy-state.ts';
import type { Benchmark, Outcome, Size } from './figure.ts';

const scales = {
  full: { nodes: 1_000, tasks: 1_000_000, runs: 3 },
  tiny: { nodes: 10, tasks: 5_000, runs: 1 },
} as const;
const startMs = 1_800_000_000_000;
/** Tasks that end in one batch, as in a busy federation. */
const batchTasks = 250;

export const restore: Benchmark = {
  name: 'restore',
  about: 'restore of a backup whose journal has 1,000,000 tasks',
  async run(size: Size): Promise<Outcome> {
    const { nodes, tasks, runs } = scales[size];
    const folder = mkdtempSync(join(tmpdir(), 'punnet-bench-'));
    const [data, file] = [join(folder, 'data'), join(folder, 'backup.tar')];
    try {
      await writeJournal(data, { nodes, tasks });
      await backUp(data, file, new Date(startMs));
      const restores: number[] = [];
      const copies: number[] = [];
      let digest = '';
      for (let run = 0; run < runs; run += 1) {
        const copyMs = performance.now();
        cpSync(data, join(folder, `copy${run}`), { recursive: true });
        copies.push((performance.now() - copyMs) / 1_000);
        const beginMs = performance.now();
        const { contents } = await restoreFrom(file, join(folder, `restored${run}`));
        restores.push((performance.now() - beginMs) / 1_000);
        const { counts } = contents;
        if (counts.tasks !== tasks) throw new Error(`${counts.tasks} of ${tasks} tasks came back`);
        digest = JSON.stringify(counts);
      }
      return {
        digest,
        figures: [
          {
            what: `restore with ${tasks.toLocaleString('en-US')} tasks`,
            ...{ unit: 's', values: restores, wanted: { atMost: 30 } },
            baseline: { what: 'copy of the same files', values: copies },
          },
        ],
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** The journal of a job whose tasks have all run, batch by batch. */
async function writeJournal(
  data: string,
  { nodes, tasks }: { readonly nodes: number; readonly tasks: number },
): Promise<void> {
  const bundle = Buffer.from('bundle');
  const hash = sha256(createHash('sha256').update(bundle).digest('hex'));
  mkdirSync(join(data, 'blobs', hash.slice(0, 2)), { recursive: true });
  writeFileSync(join(data, 'blobs', hash.slice(0, 2), hash), bundle);
  const journal = FileJournal.open(join(data, 'journal'));
  for await (const _ of (await journal.recover()).batches) throw new Error('it is not empty');
  const state = new State();
  let sequence = 0;
  const append = async (facts: readonly DurableFact[]): Promise<void> => {
    if (facts.length === 0) return;
    await journal.append(facts, sequence);
    sequence += 1;
  };
  const give = (commands: Iterable<Command>): Promise<void> => {
    const facts: Fact[] = [];
    for (const command of commands) {
      for (const fact of decide(state, command, { now: instant(startMs), policy: defaultPolicy })
        .facts) {
        apply(state, fact);
        facts.push(fact);
      }
    }
    return append(toJournal(facts));
  };
  await give(enrolNodes(nodes, startMs));
  const bundles = [
    { architecture: 'aarch64', sha256: hash, sizeBytes: bundle.length, isRootFileSystem: false },
  ] as const;
  const template = { ...templateOf(tasks), bundles, manifest: null, taskInputBytes: [] };
  const id = jobId('j0123456789');
  await give([{ kind: 'submitJob', jobId: id, researcher: 'ada', requestId: 'r', template }]);
  for (let from = 0; from < tasks; from += batchTasks) {
    await append(batchOf(from, Math.min(batchTasks, tasks - from), nodes));
  }
  await append([{ kind: 'jobEnded', at: instant(startMs), jobNumber: 0, state: 'succeeded' }]);
  await journal.close();
}

function batchOf(from: number, count: number, nodes: number): readonly DurableFact[] {
  const at = instant(startMs + from);
  const leased: number[] = [];
  const ended: number[] = [];
  for (let index = from; index < from + count; index += 1) {
    leased.push(0, index, index % nodes, 1, 12.5, 3.25);
    ended.push(index + 1, 0, 0, 51_234 + (index % 977), taskStates.indexOf('succeeded'));
  }
  const results = new Array<null>(count).fill(null);
  return [
    { kind: 'tasksLeased', at, firstLeaseId: leaseId(from + 1), rows: leased },
    { kind: 'tasksEnded', at, rows: ended, results },
  ];
}
