// What the plan of an end is told: how much each group of sites can do in whole tasks.

import { describe, expect, it } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { apply, decide, instant, policyMakers } from '../../../scheduler/core/index.ts';
import { wholeTasksOf, wholeWorkOf } from '../../../scheduler/core/placement/plan/tail.ts';
import { CoreHarness, pi3 } from './harness.ts';

const solve = await openHighs();
const workGhzSeconds = 1_200;

/** A slot that needs 3,000 s for a task, and four that need 1,000; so many tasks wait for a plan. */
function waiting(taskCount: number): CoreHarness {
  const core = new CoreHarness();
  core.policy = policyMakers.get('ratio')?.make(0) ?? core.policy;
  for (const site of ['slow', 'fast']) core.setSite(site, 100e6);
  core.node('old', 'slow', { ...pi3, slots: 1, speedGhz: 0.4 });
  core.node('new', 'fast');
  core.submit('job', { taskCount, profile: { workGhzSeconds, outputBytes: 0 } });
  return core;
}

function wholeWork({ state, nowMs }: CoreHarness): readonly number[] | null {
  const groupOf = Int32Array.from(state.sites.keys());
  const now = instant(nowMs);
  return wholeWorkOf(state, wholeTasksOf(state, now), { groupOf, groups: groupOf.length, now });
}

describe('what groups can do in whole tasks', () => {
  it.each([
    [1, [0, 4 * workGhzSeconds]],
    [4, [0, 4 * workGhzSeconds]],
    [5, [0, 4 * 2 * workGhzSeconds]],
    // More than there are slots: whole tasks take about as long as water.
    [6, null],
  ])('%d tasks', (tasks, expected) => {
    expect(wholeWork(waiting(tasks))).toEqual(expected);
  });

  it('is more when the lines need longer than the slots', () => {
    const core = waiting(4);
    for (const { planId, program } of core.take('solvePlan')) {
      const solution = solve(program);
      const columns = [3_000, ...solution.columns.slice(1)];
      const answer = { kind: 'planSolved' as const, planId, solution: { ...solution, columns } };
      const about = { now: instant(core.nowMs), policy: core.policy };
      for (const fact of decide(core.state, answer, about).facts) apply(core.state, fact);
    }
    expect(wholeWork(core)).toEqual([workGhzSeconds, 4 * 3 * workGhzSeconds]);
  });
});
