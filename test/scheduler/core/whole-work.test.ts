// What the plan of an end is told: how much each group of sites can do in whole tasks.

import { describe, expect, it } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { apply, decide, instant, policyMakers } from '../../../scheduler/core/index.ts';
import { planEveryMs } from '../../../scheduler/core/limits.ts';
import { planSecondsOf } from '../../../scheduler/core/placement/plan/ask.ts';
import {
  waitingOf,
  wholeTasksOf,
  wholeWorkOf,
} from '../../../scheduler/core/placement/plan/tail.ts';
import { CoreHarness, pi3 } from './harness.ts';

const solve = await openHighs();
const workGhzSeconds = 1_200;

/** A slot that needs 3,000 s for a task, and four that need 1,000. */
function slowAndFast(): CoreHarness {
  const core = new CoreHarness();
  core.policy = policyMakers.get('ratio')?.make(0) ?? core.policy;
  for (const site of ['slow', 'fast']) core.setSite(site, 100e6);
  core.node('old', 'slow', { ...pi3, slots: 1, speedGhz: 0.4 });
  core.node('new', 'fast');
  return core;
}

/** So many tasks wait for a plan. */
function waiting(taskCount: number): CoreHarness {
  const core = slowAndFast();
  core.submit('job', { taskCount, profile: { workGhzSeconds, outputBytes: 0 } });
  return core;
}

function wholeWork({ state, nowMs }: CoreHarness): readonly number[] | null {
  const groupOf = Int32Array.from(state.sites.keys());
  const now = instant(nowMs);
  const about = { groupOf, groups: groupOf.length, planSeconds: planSecondsOf(state, now) };
  return wholeWorkOf(wholeTasksOf(waitingOf(state, now)), about);
}

/** As the solver does, but for the time; nothing is placed by it yet. */
function answer(core: CoreHarness, seconds: number): void {
  for (const { planId, program } of core.take('solvePlan')) {
    const solution = solve(program);
    const columns = [seconds, ...solution.columns.slice(1)];
    const command = { kind: 'planSolved' as const, planId, solution: { ...solution, columns } };
    const about = { now: instant(core.nowMs), policy: core.policy };
    for (const fact of decide(core.state, command, about).facts) apply(core.state, fact);
  }
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
    answer(core, 3_000);
    expect(wholeWork(core)).toEqual([workGhzSeconds, 4 * 3 * workGhzSeconds]);
  });

  it('is not what a plan says that knows nothing of a job that waits', () => {
    const core = waiting(1);
    answer(core, 3_000);
    // What the slots take is held, so that both wait.
    core.policy = { ...core.policy, hold: () => held };
    core.submit('news', { taskCount: 1, profile: { workGhzSeconds, outputBytes: 0 } });
    expect(wholeWork(core)).toEqual([0, 4 * workGhzSeconds]);
  });
});

const held = { code: 'test', reason: 'the test looks at what waits', remedy: 'wait' };

describe('the end of what waits', () => {
  it('is no earlier for a large task than its best slot can have done it', () => {
    const core = slowAndFast();
    core.policy = { ...core.policy, hold: () => held };
    core.submit('small', { taskCount: 40, profile: { workGhzSeconds: 1, outputBytes: 0 } });
    answer(core, 1);
    core.submit('large', { taskCount: 1, profile: { workGhzSeconds, outputBytes: 0 } });
    core.wait(planEveryMs);
    answer(core, 1);
    const [small = 0, large = 0] = [...(core.state.tail?.values() ?? [])];
    expect(large - core.nowMs).toBeGreaterThanOrEqual(1_000_000);
    expect(small).toBeLessThan(large);
  });
});
