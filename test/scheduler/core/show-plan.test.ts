// The plan as it is shown: sites by ratio, jobs by intensity, and who does how many.

import { expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { policyMakers } from '../../../scheduler/core/index.ts';
import { planEveryMs } from '../../../scheduler/core/limits.ts';
import { CoreHarness } from './harness.ts';

const solve = await openHighs();

function solveAsked(core: CoreHarness): void {
  for (const { planId, program } of core.take('solvePlan')) {
    core.give({ kind: 'planSolved', planId, solution: solve(program) });
  }
}

test('a plan names the ratio of sites, the intensity of jobs, and how many tasks go where', () => {
  const core = new CoreHarness();
  core.policy = policyMakers.get('ratio')?.make(0) ?? core.policy;
  core.setSite('thin', 0.05e6);
  core.setSite('fat', 100e6);
  for (const site of ['thin', 'fat']) core.node(`pi at ${site}`, site);
  expect(core.view.plan()).toMatchObject({ none: { code: 'plan_none' } });
  const profile = { workGhzSeconds: 60, outputBytes: 0 };
  const taskInputBytes = new Array<number>(60).fill(5_000_000);
  core.submit('data', { taskCount: 60, taskInputBytes, profile });
  core.submit('work', { taskCount: 60, profile });
  solveAsked(core);
  core.wait(planEveryMs);
  solveAsked(core);
  const shown = core.view.plan();
  if (!('plan' in shown)) throw new Error(`there is no plan: ${shown.none.reason}`);
  const { sites, jobs } = shown.plan;
  expect(sites.map(({ siteIds }) => siteIds)).toEqual([['thin'], ['fat']]);
  // Of 4 slots of 1.2 GHz.
  expect(sites[0]?.downRatio).toBeCloseTo(0.00005 / 4.8, 12);
  expect(sites[1]?.downRatio).toBeCloseTo(0.1 / 4.8, 12);
  expect(jobs.map(({ names }) => names)).toEqual([['data'], ['work']]);
  // 5 MB for 60 GHz·s.
  expect(jobs[0]?.downIntensity).toBeCloseTo(0.04 / 60, 12);
  expect(jobs[1]?.downIntensity).toBe(0);
  for (const { tasks, shares } of jobs) {
    expect(shares.reduce((sum, each) => sum + each, 0)).toBeCloseTo(tasks, 6);
  }
  expect(jobs[0]?.shares[0]).toBeLessThan(0.1 * (jobs[0]?.tasks ?? 0));
});

test('with a policy that makes none, what would make one is said', () => {
  expect(new CoreHarness().view.plan()).toMatchObject({
    none: { code: 'plan_never', reason: 'the policy balance makes no plan' },
  });
});
