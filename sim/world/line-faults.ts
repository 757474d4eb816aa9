// How often home lines fail: quantiles of the disconnections a day that Ofcom's panel counted in
// November 2015, all of its 2,802 homes alike: two fifths of them have no weight. Contains Ofcom data
// (c) Ofcom.

import type { Draw } from '../kernel/random.ts';

const probabilities = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];
const aDay = [0, 0, 0.044, 0.133, 0.3, 0.767, 1.4, 7.5];

/** Of one line; straight between the known quantiles, and above them the highest. */
export function drawOutagesADay(draw: Draw): number {
  const probability = draw();
  const after = probabilities.findIndex((each) => each >= probability);
  if (after < 0) return aDay.at(-1) ?? 0;
  const before = Math.max(0, after - 1);
  const [from = 0, to = 0] = [probabilities[before], probabilities[after]];
  const [low = 0, high = 0] = [aDay[before], aDay[after]];
  return from === to ? low : low + ((probability - from) / (to - from)) * (high - low);
}

/** The time until the next of what comes at a constant rate. */
export function drawGapMs(draw: Draw, meanMs: number): number {
  return -Math.log(1 - draw()) * meanMs;
}
