// Rates of home lines: quantiles by technology of Ofcom's panel "UK fixed-line broadband performance"
// (SamKnows, data.gov.uk), November 2015, weighted as the panel says. Contains Ofcom data (c) Ofcom.

import type { Draw } from '../kernel/random.ts';

export interface LineRates {
  readonly downBps: number;
  readonly upBps: number;
}

interface Technology {
  readonly name: string;
  /** Part of UK homes, per mille; 0.3 % with rarer kinds are left out. */
  readonly perMille: number;
  /** Mbit/s at the probabilities below. */
  readonly down: readonly number[];
  readonly up: readonly number[];
  /** Down rate from 20 to 22 h, as a part of the day's mean. Of up rates the panel of 2015 has none. */
  readonly peak: readonly number[];
}

export interface HomeLine extends LineRates {
  readonly technology: string;
}

const probabilities = [0.05, 0.25, 0.5, 0.75, 0.95];

const technologies: readonly Technology[] = [
  {
    name: 'ADSL1',
    perMille: 63,
    down: [0.72, 1.54, 2.4, 4.08, 6.41],
    up: [0.3, 0.36, 0.4, 0.43, 0.81],
    peak: [0.894, 0.98, 0.996, 1.009, 1.063],
  },
  {
    name: 'ADSL2+',
    perMille: 506,
    down: [1.55, 4.03, 7.32, 12.4, 18.2],
    up: [0.41, 0.67, 0.85, 0.99, 1.11],
    peak: [0.932, 0.984, 0.996, 1.003, 1.021],
  },
  {
    name: 'FTTC 38',
    perMille: 163,
    down: [19.7, 32.9, 36.6, 37.0, 37.3],
    up: [1.84, 5.53, 8.66, 9.28, 9.5],
    peak: [0.948, 0.983, 0.994, 0.999, 1.005],
  },
  {
    name: 'FTTC 76',
    perMille: 60,
    down: [36.7, 49.8, 60.7, 70.6, 73.9],
    up: [8.66, 14.1, 17.0, 18.6, 18.6],
    peak: [0.954, 0.985, 0.993, 0.998, 1.008],
  },
  {
    name: 'Cable',
    perMille: 206,
    down: [29.7, 47.5, 54.0, 104, 154],
    up: [1.95, 3.0, 3.12, 6.14, 12.1],
    peak: [0.399, 0.824, 0.964, 0.996, 1.001],
  },
  {
    name: 'FTTP',
    perMille: 2,
    down: [90.8, 124, 171, 185, 192],
    up: [9.45, 20.5, 21.1, 21.4, 28.7],
    peak: [0.733, 0.775, 0.842, 0.907, 0.92],
  },
];

/** Down and up of one line stand at the same quantile: within a technology they go together. */
export function drawHomeLine(draw: Draw): HomeLine {
  let place = 1000 * draw();
  const chosen = technologies.find(({ perMille }) => (place -= perMille) < 0);
  if (chosen === undefined) throw new Error('the technologies do not add up to 1000');
  const probability = draw();
  return {
    technology: chosen.name,
    downBps: 1e6 * quantile(chosen.down, probability),
    upBps: 1e6 * quantile(chosen.up, probability),
  };
}

/** Independent of the line's rate: within a technology they hardly go together. */
export function drawPeakPart(technology: string, draw: Draw): number {
  const chosen = technologies.find(({ name }) => name === technology);
  if (chosen === undefined) throw new Error(`there is no technology ${technology}`);
  return quantile(chosen.peak, draw());
}

/** Straight lines between the known quantiles; beyond them the outermost. */
function quantile(values: readonly number[], probability: number): number {
  const after = probabilities.findIndex((each) => each >= probability);
  if (after < 0) return values.at(-1) ?? 0;
  const [low = 0, high = 0] = [values[Math.max(0, after - 1)], values[after]];
  if (after === 0) return high;
  const [from = 0, to = 0] = [probabilities[after - 1], probabilities[after]];
  return low + ((probability - from) / (to - from)) * (high - low);
}
