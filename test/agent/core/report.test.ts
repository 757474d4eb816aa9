// What an agent says when it is asked: a scheduler that was restarted knows nothing soft any more.

import { expect, test } from 'vitest';
import type { Command, Lease, SayPart } from '../../../agent/core/index.ts';
import { AgentState, fullAllowance, take } from '../../../agent/core/index.ts';

const spoke = {
  kind: 'schedulerSpoke' as const,
  ...{ grants: [], cancels: [], acknowledged: [], transfers: [], blobsMissing: [] },
  ...{ wantsReport: false, isQuarantined: false, reportIntervalMs: 0, allotmentBytes: null },
};
const exit = { code: 'succeeded' as const, exitCode: 0, cpuMs: 1, wallMs: 1, detail: '' };

function lease(leaseId: number): Lease {
  return {
    ...{ leaseId, jobId: 'j', jobName: 'j', researcher: 'ada', taskIndex: leaseId },
    ...{
      command: ['true'],
      environment: {},
      isRootFileSystem: false,
      keepsCheckpoint: false,
      hasSocket: false,
      inputs: [],
      outputs: [],
    },
    bundle: { sha256: '', sizeBytes: 0, capability: '' },
    ...{ timeoutMs: 1, memoryBytes: 1, diskBytes: 1, uploadCapability: '' },
  };
}

test('it tells what it holds, how far each is, and each end again', () => {
  const state = new AgentState();
  let nowMs = 0;
  const give = (command: Command): readonly SayPart[] => {
    nowMs += 1;
    const effects = take(state, command, nowMs);
    return effects.flatMap((effect) => (effect.kind === 'say' ? [effect.part] : []));
  };
  give({ kind: 'connected' });
  const allowance = fullAllowance(4);
  give({ kind: 'allowanceChanged', allowance });
  give({ ...spoke, grants: [lease(1), lease(2), lease(3), lease(4)] });
  for (const leaseId of [2, 3, 4]) {
    give({ kind: 'fetched', leaseId });
    give({ kind: 'started', leaseId });
  }
  for (const leaseId of [3, 4]) give({ kind: 'exited', leaseId, exit });
  const result = { sha256: 'ab', sizeBytes: 1e6 };
  give({ kind: 'collected', leaseId: 3, exit, result, sizeBytes: 1e6 });
  give({ kind: 'collected', leaseId: 4, exit, result: null, sizeBytes: 0 });
  const said = give({ ...spoke, wantsReport: true });
  expect(said.map((part) => ('leaseId' in part ? [part.kind, part.leaseId] : part))).toEqual([
    { kind: 'report', held: [1, 2, 3, 4] },
    ['transferDone', 2],
    ['started', 2],
    ['transferDone', 3],
    ['exited', 3],
    ['transferDone', 4],
    ['transferWanted', 3],
    ['ended', 4],
  ]);
});
