// Who ran what where: the map of sites' ratios against jobs' intensities.

import type { Cell } from '../detail/who-where.ts';
import type { Figure, FigureRow } from './figure.ts';
import { black, nameColours, plotWidth, rounded } from './figure.ts';

/** A scale of powers of ten has no place for 0. */
const leastIntensity = 1e-9;
/** Columns of circles are at least so many times from each other. */
const apart = 1.6;

export function whoWhereFigure(cells: readonly Cell[], kinds: readonly string[]): Figure {
  const all = cells.reduce((sum, { ghzSeconds }) => sum + ghzSeconds, 0);
  const places = placesOf(cells);
  const rows = cells.map(({ kind, intensity, sites, ratio, tasks, ghzSeconds }): FigureRow => {
    const work = rounded((100 * ghzSeconds) / all, 4);
    const at = places.get(kind) ?? leastIntensity;
    return [kind, rounded(intensity), at, sites, rounded(ratio), tasks, work];
  });
  const x = exponentsOf([...places.values()]);
  const y = exponentsOf(cells.map(({ ratio }) => ratio));
  const ends = lineEnds(x, y);
  return {
    name: 'who-where',
    title: 'Which kinds of jobs ran at which sites?',
    caption: `Each column of circles is a kind of job, each row a group of sites, as in the figures above; the area is the work that was done there. On the dashed line a task keeps a site's line as busy as its CPU. Circles below it are tasks that need more line than the site has for its CPU: there the line is the bottleneck. Kinds of about the same intensity are drawn side by side, jobs without bytes at the left edge.`,
    columns: ['kind', 'intensity', 'drawn_at', 'sites', 'ratio', 'tasks', 'work_percent'],
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
              field: 'drawn_at',
              type: 'quantitative',
              title: 'intensity of the job (Gbit/s per GHz)',
              ...decades(x),
            },
            y: {
              field: 'ratio',
              type: 'quantitative',
              title: 'ratio of the sites (Gbit/s down per GHz)',
              ...decades(y),
            },
            size: {
              field: 'work_percent',
              type: 'quantitative',
              title: 'of all work (%)',
              scale: { range: [6, 600] },
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

/** Where kinds are drawn: at their intensity, or to the right of another that is there already. */
function placesOf(cells: readonly Cell[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const { kind, intensity } of cells) {
    if (places.has(kind)) continue;
    let at = Math.max(leastIntensity, intensity);
    const isTaken = (): boolean => [...places.values()].some((other) => isNear(at, other));
    while (isTaken()) at *= apart;
    places.set(kind, rounded(at));
  }
  return places;
}

function isNear(one: number, other: number): boolean {
  return Math.abs(Math.log(one / other)) < 0.9 * Math.log(apart);
}

/** A scale from one power of ten to another, with a line at each. */
function decades(exponents: Exponents) {
  const powers = Array.from({ length: exponents.to - exponents.from + 1 }, (_, at) => {
    return powerOfTen(exponents.from + at);
  });
  const domain = [powerOfTen(exponents.from), powerOfTen(exponents.to)];
  return {
    scale: { type: 'log', domain, nice: false },
    axis: { format: '.0e', values: powers },
  } as const;
}

interface Exponents {
  readonly from: number;
  readonly to: number;
}

/** Of the powers of ten around all values. */
function exponentsOf(values: readonly number[]): Exponents {
  const from = Math.floor(Math.log10(Math.min(...values)));
  return { from, to: Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values)))) };
}

/** As its decimal says, which a product of tens is not always. */
function powerOfTen(exponent: number): number {
  return Number(`1e${exponent}`);
}

/** The part of the diagonal that both axes have. */
function lineEnds(x: Exponents, y: Exponents): readonly number[] {
  const from = Math.max(x.from, y.from);
  const to = Math.min(x.to, y.to);
  return from < to ? [powerOfTen(from), powerOfTen(to)] : [];
}
