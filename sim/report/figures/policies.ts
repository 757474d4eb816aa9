// Policies held against each other: seed by seed, with means and 95 % intervals.

import type { Comparison } from '../comparison.ts';
import type { Interval } from '../statistics.ts';
import type { Figure, FigureRow } from './figure.ts';
import { black, plotWidth, pointColour, rounded } from './figure.ts';

interface Measured {
  readonly policy: string;
  readonly values: readonly number[];
  readonly interval: Interval;
}

export function ratioFigure({ policies, runs, seeds }: Comparison): Figure {
  const measured = policies.map(({ policy, makespanOverBound }): Measured => {
    const own = runs.filter((run) => run.policy === policy);
    const values = own.map((run) => run.makespanOverBound);
    return { policy, values, interval: makespanOverBound };
  });
  return {
    ...spreadFigure(measured, { title: 'makespan ÷ bound', line: 1, factor: 1 }),
    name: 'ratio-by-policy',
    title: 'How far from the bound?',
    caption: `Makespan over the least time in which anybody could have done the work; at 1 nobody could do better. Circles are the ${seeds} seeds, each another world; below them their mean, with its 95 % interval.`,
  };
}

/** Null: there is but one policy. */
export function differenceFigure({ policies, runs }: Comparison): Figure | null {
  const [first, ...others] = policies;
  if (first === undefined || others.length === 0) return null;
  const base = new Map<number, number>();
  for (const run of runs) if (run.policy === first.policy) base.set(run.seed, run.makespanSeconds);
  const measured = others.map(({ policy, longerThanFirst }): Measured => {
    const own = runs.filter((run) => run.policy === policy);
    const values = own.map((run) => run.makespanSeconds / (base.get(run.seed) ?? 0) - 1);
    return { policy, values, interval: longerThanFirst ?? { mean: 0, half: null } };
  });
  return {
    ...spreadFigure(measured, {
      title: `makespan longer than ${first.policy} (%)`,
      line: 0,
      factor: 100,
    }),
    name: 'difference-by-policy',
    title: `How much longer than ${first.policy}, on the same worlds?`,
    caption: `Differences in pairs: both policies had the same world. An interval that does not touch the dashed line is a difference that the seeds do not explain.`,
  };
}

interface Drawn {
  readonly title: string;
  /** Where a dashed line says what no difference is. */
  readonly line: number;
  readonly factor: number;
}

function spreadFigure(
  measured: readonly Measured[],
  { title, line, factor }: Drawn,
): Pick<Figure, 'columns' | 'rows' | 'spec'> {
  const times = (value: number): number => rounded(factor * value);
  const rows = measured.flatMap(({ policy, values, interval: { mean, half } }) => [
    ...values.map((value): FigureRow => [policy, 'seed', times(value), '', '']),
    [policy, 'mean', times(mean), times(mean - (half ?? 0)), times(mean + (half ?? 0))],
  ]);
  const x = { field: 'value', type: 'quantitative', title, scale: { zero: false } } as const;
  const sort = measured.map(({ policy }) => policy);
  const y = { field: 'policy', type: 'nominal', title: 'policy', sort } as const;
  return {
    columns: ['policy', 'what', 'value', 'low', 'high'],
    rows,
    spec: (data) => ({
      width: plotWidth - 40,
      height: { step: 34 },
      data,
      layer: [
        {
          data: { values: [{ line }] },
          mark: { type: 'rule', strokeDash: [5, 4], color: black },
          encoding: { x: { field: 'line', type: 'quantitative' } },
        },
        {
          transform: [{ filter: "datum.what === 'seed'" }],
          mark: { type: 'point', size: 34, yOffset: -6, color: pointColour },
          encoding: { x, y },
        },
        {
          transform: [{ filter: "datum.what === 'mean'" }],
          mark: { type: 'rule', strokeWidth: 2, yOffset: 6, color: black },
          encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y },
        },
        {
          transform: [{ filter: "datum.what === 'mean'" }],
          mark: { type: 'tick', thickness: 3, size: 12, yOffset: 6, color: black },
          encoding: { x, y },
        },
      ],
    }),
  };
}
