// Each benchmark runs at a tiny size, so that it can't rot; its own checks say whether the answer
// is right. What the figures are does not matter here.

import { describe, expect, it } from 'vitest';
import { benchmarks } from '../../benchmarks/all.ts';
import { isReached, quantileOf, tableOf } from '../../benchmarks/figure.ts';

// `whole` differs from `throughput` by the number of its agents alone; `install` builds packages, and runs
// with the tests of these (test/tools/install-time.test.ts).
const different = benchmarks.filter(({ name }) => name !== 'whole' && name !== 'install');

describe('each benchmark measures its figures and a baseline, and finds the right answer', () => {
  it.for(different)('$name', async (benchmark, context) => {
    const missing = benchmark.missing?.();
    context.skip(missing !== undefined, missing);
    const { figures, digest } = await benchmark.run('tiny');
    expect(digest).not.toBe('');
    for (const { what, values, baseline } of figures) {
      expect([what, values.length > 0 && values.every(Number.isFinite)]).toEqual([what, true]);
      expect([what, baseline?.values.length !== 0]).toEqual([what, true]);
    }
    expect(figures.some(({ baseline }) => baseline !== undefined)).toBe(true);
    expect(tableOf(figures)).toContain('wanted');
  });
});

describe('a figure', () => {
  const values = [4, 1, 3, 2, 100];
  const figure = { what: 'x', unit: 'ms', values };

  it('is judged by its median, or by the quantile that it names', () => {
    expect(quantileOf(values, 0.5)).toBe(3);
    expect(quantileOf(values, 0.99)).toBe(100);
    expect(isReached({ ...figure, wanted: { atMost: 3 } })).toBe(true);
    expect(isReached({ ...figure, wanted: { atMost: 2.9 } })).toBe(false);
    expect(isReached({ ...figure, quantile: 0.99, wanted: { atMost: 99 } })).toBe(false);
    expect(isReached({ ...figure, wanted: { atLeast: 3 } })).toBe(true);
    expect(isReached(figure)).toBe(undefined);
  });

  it('of no values is a mistake', () => {
    expect(() => quantileOf([], 0.5)).toThrow('measured nothing');
  });
});
