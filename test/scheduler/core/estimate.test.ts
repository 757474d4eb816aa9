// What a task is thought to cost: what was declared, corrected by what tasks have shown.

import { expect, it } from 'vitest';
import { pilotTasks, unknownWorkGhzSeconds } from '../../../scheduler/core/limits.ts';
import { upBytesOf, workOf } from '../../../scheduler/core/placement/estimate.ts';
import type { JobRecord } from '../../../scheduler/core/state.ts';
import { CoreHarness, heldBy } from './harness.ts';

interface Shown {
  readonly declared: number | null;
  /** Of each task that has shown it. */
  readonly each: number;
  readonly count: number;
}

function job({ declared, each, count }: Shown): JobRecord {
  const core = new CoreHarness();
  core.submit('job', { profile: { workGhzSeconds: declared, outputBytes: declared } });
  const [found] = core.state.jobs.values();
  if (found === undefined) throw new Error('the job is not there');
  found.workSumGhzSeconds = found.resultBytes = count * each;
  found.workCount = found.resultCount = count;
  return found;
}

it.each<readonly [string, Shown, number | null]>([
  ['as declared while nothing is shown', { declared: 10, each: 0, count: 0 }, 10],
  ['half-way after as many tasks as a pilot', { declared: 10, each: 30, count: pilotTasks }, 20],
  ['as shown by very many', { declared: 10, each: 30, count: 1e9 }, 30],
  ['a guess while nobody knows', { declared: null, each: 0, count: 0 }, null],
  ['a guess while too few know', { declared: null, each: 30, count: pilotTasks - 1 }, null],
  ['as shown by a pilot', { declared: null, each: 30, count: pilotTasks }, 30],
])('%s', (_, shown, wanted) => {
  expect(workOf(job(shown))).toBeCloseTo(wanted ?? unknownWorkGhzSeconds, 4);
  expect(upBytesOf(job(shown))).toBeCloseTo(wanted ?? 0, 4);
});

it('a result counts when it wants to be sent', () => {
  const core = new CoreHarness();
  core.setSite('here', 1e6);
  core.node('pi', 'here');
  core.submit('job', { profile: { workGhzSeconds: null, outputBytes: null } });
  const [node] = core.state.nodes;
  const transfersWanted = heldBy(node)
    .slice(0, pilotTasks)
    .map((leaseId) => ({
      ...{ leaseId, direction: 'up' as const, sizeBytes: 5_000 },
    }));
  core.speak('pi', { transfersWanted });
  const [found] = core.state.jobs.values();
  if (found === undefined) throw new Error('the job is not there');
  expect(upBytesOf(found)).toBe(5_000);
  expect(core.view.job(found.jobId)?.measuredResultBytes).toBe(5_000);
});
