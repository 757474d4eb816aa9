// Random numbers of a run: a stream of its own for each purpose, all from one seed, so that another
// draw for one thing changes nothing elsewhere.

import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** A purpose is as many jumps of 2^64 numbers away as it has purposes before it: add at the end. */
const purposes = [
  'sites',
  'uplinks',
  'boards',
  'jobs',
  'churn',
  'evenings',
  'faults',
  'messages',
  'crashes',
  'owners',
  'pauses',
  'turnover',
  'cards',
  'throttling',
  'slow spells',
  'releases',
  'reserves',
] as const;
export type Purpose = (typeof purposes)[number];

/** Evenly from 0 up to 1. */
export type Draw = () => number;

export function drawsFor(purpose: Purpose, seed: number): Draw {
  const generator = xoroshiro128plus(seed);
  for (let jumps = purposes.indexOf(purpose); jumps > 0; jumps -= 1) generator.jump();
  return () => uniformFloat64(generator);
}

/** Evenly between two values. */
export function between(draw: Draw, { from, to }: { readonly from: number; readonly to: number }) {
  return from + (to - from) * draw();
}

/**
 * From a Pareto distribution cut at both ends (Arnold, Pareto Distributions, 1983): the inverse of
 * its distribution function.
 */
export function boundedPareto(
  draw: Draw,
  { from, to, exponent }: { readonly from: number; readonly to: number; readonly exponent: number },
): number {
  const cut = 1 - (from / to) ** exponent;
  return from / (1 - draw() * cut) ** (1 / exponent);
}

export interface Weibull {
  readonly shape: number;
  readonly scale: number;
}

export function drawWeibull(draw: Draw, { shape, scale }: Weibull): number {
  return scale * (-Math.log(1 - draw())) ** (1 / shape);
}
