// What a figure is: a question it answers, rows that are its table, and a Vega-Lite specification
// that draws them. And what all figures have in common: colours and units.

import type { TopLevelSpec } from 'vega-lite';

export type FigureRow = readonly (string | number)[];

export interface Figure {
  /** Of its files. */
  readonly name: string;
  readonly title: string;
  /** What it answers, how it is read, and what was left out. */
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly FigureRow[];
  /** Draws the rows, as records of the columns. */
  readonly spec: (data: FigureData) => TopLevelSpec;
}

export interface FigureData {
  readonly values: Record<string, string | number>[];
}

/** Of the drawing inside the axes. */
export const plotWidth = 620;

// The palette of Okabe and Ito, which people with any colour vision can tell apart (M. Okabe, K. Ito,
// "Color Universal Design", 2008), without its yellow, too pale for lines on white.
const blue = '#0072B2';
const orange = '#E69F00';
const green = '#009E73';
const purple = '#CC79A7';
const vermilion = '#D55E00';
const sky = '#56B4E9';
export const black = '#000000';
export const grey = '#999999';
export const pale = '#DDDDDD';

/** For kinds of jobs and researchers, in their order; the last is for all others. Who sees no red or
 * green tells the first five apart best. */
export const nameColours = [blue, orange, vermilion, sky, black, green, purple, grey];
/** Beside their colours: solid, and patterns of dashes. */
export const nameDashes = [
  ...[
    [1, 0],
    [7, 2],
    [2, 2],
    [10, 2, 2, 2],
    [1, 0],
    [7, 2],
    [2, 2],
  ],
  [10, 2, 2, 2],
];
/** For CPU, uplink down, uplink up. */
export const resourceColours = [blue, orange, vermilion];
export const pointColour = blue;
/** For what an attempt does: waits are pale, work is not. */
export const stepColours = [grey, '#F5D78E', orange, pale, blue, '#F2C3A0', vermilion];

export interface TimeUnit {
  readonly name: string;
  readonly seconds: number;
}

/** In which a span of so many seconds is well read. */
export function timeUnitFor(seconds: number): TimeUnit {
  if (seconds < 600) return { name: 's', seconds: 1 };
  if (seconds < 3 * 3600) return { name: 'min', seconds: 60 };
  if (seconds < 5 * 86_400) return { name: 'h', seconds: 3600 };
  return { name: 'days', seconds: 86_400 };
}

/** Finer than eyes, coarser than the last digits of a sum; so much is in the tables, too. */
export function rounded(value: number, digits = 6): number {
  return Number(value.toPrecision(digits));
}
