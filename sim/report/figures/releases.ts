// How long a release took to all nodes, over which lines, case by case.

import type { ReleaseRun } from '../../distribution/simulate-release.ts';
import type { Figure, FigureRow } from './figure.ts';
import { black, grey, nameColours, nameDashes, plotWidth, pointColour, rounded } from './figure.ts';

/** What is wanted of 1,000 sites behind one origin (issue D). */
const wantedOverBound = 1.05;

export function timeOverBoundFigure(names: readonly string[], runs: readonly ReleaseRun[]): Figure {
  return {
    ...pointsFigure(names, runs, {
      field: 'last_over_bound',
      title: 'time of the last node ÷ bound',
      of: ({ lastOverBound }) => lastOverBound,
      lines: [1, wantedOverBound],
    }),
    name: 'release-time',
    title: 'How far from the bound?',
    caption:
      'When the last node that is to have the release has all of it, over the least time in which anybody could have brought it: one copy through the slowest line and port, or all copies out of the origin. Each circle is a seed; the dashed lines are the bound and 1.05 times it.',
  };
}

export function bytesOverSizeFigure(names: readonly string[], runs: readonly ReleaseRun[]): Figure {
  return {
    ...pointsFigure(names, runs, {
      field: 'uplink_over_size',
      title: 'bytes over the uplink of the site with the most ÷ size',
      of: ({ mostUplinkOverSize }) => mostUplinkOverSize,
      lines: [1],
    }),
    name: 'release-bytes',
    title: 'How often did the release cross an uplink?',
    caption:
      'Of the site whose uplink carried the most, for each seed; chunks that were cut off when their node died count as far as they came. Without the exchange it would be as many copies as a site has nodes.',
  };
}

interface Points {
  readonly field: string;
  readonly title: string;
  readonly of: (run: ReleaseRun) => number;
  /** Where dashed lines are. */
  readonly lines: readonly number[];
}

function pointsFigure(
  names: readonly string[],
  runs: readonly ReleaseRun[],
  { field, title, of, lines }: Points,
): Pick<Figure, 'columns' | 'rows' | 'spec'> {
  const rows = runs.map((run): FigureRow => [names[run.at] ?? '', run.seed, rounded(of(run))]);
  // Where all are alike, an axis of nothing but that value would say nothing.
  const domain = [0.95, Math.max(1.1, ...runs.map(of))];
  const x = { field, type: 'quantitative', title, scale: { domain, zero: false } } as const;
  const axis = { labelLimit: 400 };
  const y = { field: 'case', type: 'nominal', title: null, sort: [...names], axis } as const;
  return {
    columns: ['case', 'seed', field],
    rows,
    spec: (data) => ({
      width: plotWidth - 130,
      height: { step: 34 },
      layer: [
        {
          data: { values: lines.map((line) => ({ line })) },
          mark: { type: 'rule', strokeDash: [5, 4], color: grey },
          encoding: { x: { field: 'line', type: 'quantitative' } },
        },
        { data, mark: { type: 'point', size: 40, color: pointColour }, encoding: { x, y } },
      ],
    }),
  };
}

/** Of each case its first seed. */
export function wholeFigure(names: readonly string[], runs: readonly ReleaseRun[]): Figure {
  const first = names.flatMap((_, at) => runs.find((run) => run.at === at) ?? []);
  const rows = first.flatMap(({ at, quantiles }) =>
    quantiles.map((time, part): FigureRow => [names[at] ?? '', part, time]),
  );
  const scale = { domain: [...names], range: nameColours.slice(0, names.length) };
  const dashes = { domain: [...names], range: nameDashes.slice(0, names.length) };
  return {
    name: 'release-whole',
    title: 'When did nodes have all of it?',
    caption:
      'Nodes that have all, of those that are to have it, over time as a part of the bound; of each case its first seed. At sites with faster lines nodes have it before the bound, unless the origin is what limits all of them.',
    columns: ['case', 'nodes_percent', 'time_over_bound'],
    rows,
    spec: (data) => ({
      width: plotWidth,
      height: 260,
      layer: [
        {
          data,
          mark: { type: 'line', strokeWidth: 2 },
          encoding: {
            x: { field: 'time_over_bound', type: 'quantitative', title: 'time ÷ bound' },
            y: { field: 'nodes_percent', type: 'quantitative', title: 'nodes that have all (%)' },
            order: { field: 'nodes_percent', type: 'quantitative' },
            color: { field: 'case', type: 'nominal', title: null, scale, legend: legendBelow },
            strokeDash: {
              field: 'case',
              type: 'nominal',
              title: null,
              scale: dashes,
              legend: null,
            },
          },
        },
        {
          data: { values: [{ at: 1 }] },
          mark: { type: 'rule', color: black, strokeDash: [5, 4] },
          encoding: { x: { field: 'at', type: 'quantitative' } },
        },
      ],
    }),
  };
}

const legendBelow = {
  ...{ orient: 'bottom', columns: 1, labelLimit: 500 },
  ...{ symbolSize: 400, symbolStrokeWidth: 2 },
} as const;
