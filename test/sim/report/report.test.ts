// Statistics that reports rest on, and comparisons in pairs.

import { expect, test } from 'vitest';
import { comparisonOf } from '../../../sim/report/comparison.ts';
import { meanInterval, spreadOf } from '../../../sim/report/statistics.ts';
import { simulate } from '../../../sim/run/simulate.ts';

test('the interval of a mean is Student’s', () => {
  // Student's own data (Biometrika 1908): additional sleep by two drugs, ten patients. R's
  // t.test(extra ~ group, data = sleep, paired = TRUE) has 0.7001 to 2.4599 for it.
  const { mean, half } = meanInterval([1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4]);
  expect(mean).toBeCloseTo(1.58);
  expect(half).toBeCloseTo((2.4598858 - 0.7001142) / 2, 3);
  expect(meanInterval([3])).toEqual({ mean: 3, half: null });
  expect(meanInterval([3, 3]).half).toBe(0);
});

test('quantiles are values that occur', () => {
  const values = Float64Array.from({ length: 200 }, (_, at) => 200 - at);
  expect(spreadOf(values)).toEqual({ mean: 100.5, p50: 100, p99: 198 });
  expect(spreadOf(Float64Array.from([7]))).toEqual({ mean: 7, p50: 7, p99: 7 });
});

test('policies are held against the first one, world by world', async () => {
  const scenario = 'test/fixtures/scenarios/tiny.yaml';
  const wanted = { scenario, policy: 'fifo', seed: 1 };
  const { summary } = await simulate(wanted, () => undefined);
  const run = (policy: string, seed: number, makespanSeconds: number) => ({
    ...summary,
    ...{ policy, seed, makespanSeconds, makespanOverBound: makespanSeconds / 100 },
  });
  // In another order than wanted, and worlds that differ more than the policies do.
  const runs = [run('b', 2, 440), run('a', 1, 100), run('b', 1, 110), run('a', 2, 400)];
  const [first, second] = comparisonOf('tiny', ['a', 'b'], runs).policies;
  expect(first).toMatchObject({ policy: 'a', longerThanFirst: null });
  expect(first?.makespanOverBound.mean).toBeCloseTo(2.5);
  expect(second?.longerThanFirst?.mean).toBeCloseTo(0.1);
  expect(second?.longerThanFirst?.half).toBeCloseTo(0);
});
