// Failures of a job, grouped by cause.

import { expect, test } from 'vitest';
import { instant, jobId } from '../../../scheduler/core/index.ts';
import type { EndCode } from '../../../scheduler/core/index.ts';
import { CoreHarness } from './harness.ts';

interface End {
  readonly code: EndCode;
  readonly exitCode?: number;
}

/** A job of which each task ends once, in turn, as told. */
function ended(ends: readonly End[], retries = 0): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 100e6);
  core.setSite('school', 100e6);
  core.node('pi', 'home');
  core.node('pie', 'school');
  core.submit('job', { taskCount: ends.length, retries });
  const isDone = (): boolean => core.view.job(jobId('job'))?.state !== 'active';
  const left = new Map(ends.entries());
  for (let round = 0; round < 100 && left.size > 0 && !isDone(); round += 1) {
    for (const { nodeId, leaseId, taskIndex } of core.take('grant')) {
      const end = left.get(taskIndex);
      if (end === undefined) continue;
      left.delete(taskIndex);
      const attempt = { exitCode: 0, cpuMs: 1, wallMs: 1, result: null, isResultPresent: true };
      core.speak(nodeId, { ended: [{ leaseId, ...attempt, ...end }] });
    }
    core.nowMs = instant(core.nowMs + 10 * 60_000);
    for (const node of core.state.nodes) core.speak(node.nodeId, {});
    core.wait(0);
  }
  return core;
}

test('tasks are grouped by end code and exit code, the largest group first', () => {
  const two = { code: 'exited', exitCode: 2 } as const;
  const ends: End[] = [...new Array<End>(7).fill(two), { code: 'timeout' }, { code: 'succeeded' }];
  const core = ended([...ends, { code: 'exited', exitCode: 3 }]);
  expect(core.view.failures(jobId('job'))).toEqual([
    {
      ...{ endCode: 'exited', exitCode: 2, failed: 7, retrying: 0, nodes: 2, sites: 2 },
      tasks: [0, 1, 2, 3, 4],
    },
    expect.objectContaining({ endCode: 'timeout', failed: 1, nodes: 1, sites: 1, tasks: [7] }),
    expect.objectContaining({ endCode: 'exited', exitCode: 3, failed: 1, tasks: [9] }),
  ]);
});

test('a task that will be tried again counts apart; one that was given back does not', () => {
  const core = ended([{ code: 'exited', exitCode: 2 }, { code: 'given_back' }], 3);
  expect(core.view.failures(jobId('job'))).toMatchObject([
    { exitCode: 2, failed: 0, retrying: 1, tasks: [0] },
  ]);
});

test('there are at most twenty groups', () => {
  const core = ended(Array.from({ length: 25 }, (_, at) => ({ code: 'exited', exitCode: at + 1 })));
  expect(core.view.job(jobId('job'))?.counts.failed).toBe(25);
  expect(core.view.failures(jobId('job'))).toHaveLength(20);
});
