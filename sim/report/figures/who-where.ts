// Who ran what where: the map of sites' ratios against jobs' intensities.

import type { Cell } from '../detail/who-where.ts';
import type { Figure, FigureRow } from './figure.ts';
import { black, nameColours, plotWidth, rounded } from './figure.ts';

/** A scale of powers of ten has no place for 0. */
const leastIntensity = 1e-9;

export function whoWhereFigure(cells: readonly Cell[], kinds: readonly string[]): Figure {
  const all = cells.reduce((sum, { ghzSeconds }) => sum + ghzSeconds, 0);
  const rows = cells.map(({ kind, intensity, sites, ratio, tasks, ghzSeconds }): FigureRow => {
    const at = rounded(Math.max(leastIntensity, intensity));
    return [kind, at, sites, rounded(ratio), tasks, rounded((100 * ghzSeconds) / all, 4)];
  });
  const ends = lineEnds(cells);
  return {
    name: 'who-where',
    title: 'Which kinds of jobs ran at which sites?',
    caption: `Each column of circles is a kind of job, each row a group of sites, as in the figures above; the area is the work that was done there. On the dashed line a task keeps a site's line as busy as its CPU. Circles below it are tasks that need more line than the site has for its CPU: there the line is the bottleneck. Jobs without bytes are drawn at the left edge.`,
    columns: ['kind', 'intensity', 'sites', 'ratio', 'tasks', 'work_percent'],
    rows,
    spec: (data) => ({
      width: plotWidth - 20,
      height: 380,
      layer: [
        {
          data: { values: ends.map((at) => ({ at })) },
          mark: { type: 'line', strokeDash: [5, 4], color: black, strokeWidth: 1 },
          encoding: {
            x: { field: 'at', type: 'quantitative' },
            y: { field: 'at', type: 'quantitative' },
          },
        },
        {
          data,
          mark: { type: 'circle', opacity: 0.75, stroke: '#fff', strokeWidth: 0.5 },
          encoding: {
            x: {
              field: 'intensity',
              type: 'quantitative',
              title: 'intensity of the job (Gbit/s per GHz)',
              ...decades(rows.map((row) => Number(row[1]))),
            },
            y: {
              field: 'ratio',
              type: 'quantitative',
              title: 'ratio of the sites (Gbit/s down per GHz)',
              ...decades(rows.map((row) => Number(row[3]))),
            },
            size: {
              field: 'work_percent',
              type: 'quantitative',
              title: 'of all work (%)',
              scale: { range: [6, 900] },
              legend: { tickCount: 4 },
            },
            color: {
              field: 'kind',
              type: 'nominal',
              title: 'kind of job',
              scale: { domain: [...kinds], range: nameColours.slice(0, kinds.length) },
            },
          },
        },
      ],
    }),
  };
}

/** A scale from one power of ten to another, with a line at each. */
function decades(values: readonly number[]) {
  const from = Math.floor(Math.log10(Math.min(...values)));
  const to = Math.ceil(Math.log10(Math.max(...values)));
  const powers = Array.from({ length: to - from + 1 }, (_, at) => Number(`1e${from + at}`));
  const domain = [Number(`1e${from}`), Number(`1e${to}`)];
  return {
    scale: { type: 'log', domain, nice: false },
    axis: { format: '.0e', values: powers },
  } as const;
}

/** The part of the diagonal that both axes have. */
function lineEnds(cells: readonly Cell[]): readonly number[] {
  const span = (of: (cell: Cell) => number): readonly [number, number] => {
    const values = cells.map((cell) => Math.max(leastIntensity, of(cell)));
    return [Math.min(...values), Math.max(...values)];
  };
  const [leastX, mostX] = span(({ intensity }) => intensity);
  const [leastY, mostY] = span(({ ratio }) => ratio);
  const from = Math.max(leastX, leastY);
  const to = Math.min(mostX, mostY);
  return from < to ? [rounded(from), rounded(to)] : [];
}
