// What a report says of how far the simulator is from real programs.

import { expect, test } from 'vitest';
import type { CalibratedPlan } from '../../../sim/report/calibration.ts';
import { calibrationText, lastCalibration } from '../../../sim/report/calibration.ts';

const run = {
  ...{ real: 100, simulated: 90, payloadPart: 0.9, withPayload: 94 },
  ...{ stretch: 1.02, turnaroundSeconds: 0.25, withTimes: 99 },
};
const slept: CalibratedPlan = {
  ...{ on: '2026-11-27', commit: 'abc', policy: 'fifo', cpuShare: null },
  homes: [
    { nodes: 1, downBps: 500_000 },
    { nodes: 2, downBps: 20_000_000 },
  ],
  jobs: [{ tasks: 10 }, { tasks: 20 }],
  runs: [{ ...run, simulated: 120, withTimes: 120 }, run, { ...run, simulated: 95, withTimes: 97 }],
};

test('it tells each run, and by the medians what explains the difference', () => {
  expect(calibrationText({ plans: [slept] })).toBe(
    '30 tasks, which slept, on 3 real agents behind lines of 0.5, 20 Mbit/s down, over OpenVPN, under fifo ' +
      '(lab of 2026-11-27, abc): simulated makespan ÷ real 1.20, 0.90, 0.95. With the 10 % that headers take of ' +
      'the lines 0.94, and with tasks that took 2 % longer than they slept, and 0.25 s from the end of one to the ' +
      'start of the next, 0.99.',
  );
});

test('it tells each plan, and of tasks that computed on how much of a core', () => {
  const computed = { ...slept, policy: 'ratio', cpuShare: 0.125 };
  const text = calibrationText({ plans: [slept, computed] });
  expect(text).toMatch(
    /^30 tasks, which slept, .* under fifo .*, 0\.99\. 30 tasks, which computed on 0\.125 of/,
  );
  expect(text).toMatch(/ under ratio .* took 2 % longer than they were to take, and /);
});

test('tasks that took a little less than they were to took 0 % longer, without a sign', () => {
  const quick = { ...slept, runs: [{ ...run, stretch: 0.998 }] };
  expect(calibrationText({ plans: [quick] })).toContain('tasks that took 0 % longer');
});

test('those that are committed are within a tenth in each run, and what is left within a twentieth', () => {
  const { plans } = lastCalibration;
  expect(plans.map(({ policy }) => policy)).toEqual(['least-allocated', 'ratio']);
  for (const { runs } of plans) {
    expect(runs.length).toBeGreaterThan(0);
    for (const { real, simulated, withTimes } of runs) {
      expect(Math.abs(simulated / real - 1)).toBeLessThanOrEqual(0.1);
      expect(Math.abs(withTimes / real - 1)).toBeLessThanOrEqual(0.05);
    }
  }
});
