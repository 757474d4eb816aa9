// What the last probes of a line say together.

import { agreeingSpread } from '../limits.ts';
import type { Measurement } from './probing.ts';

export interface Estimate {
  readonly downBps: number;
  readonly upBps: number;
  /** Of the probes around it, relative, in the direction where they differ more: 0.1 is plus or minus ten per cent. */
  readonly spread: number;
  /** One that went wrong could not be told: in some direction there is only it, or two that do not agree. */
  readonly isUnsure: boolean;
}

/**
 * The median of each direction: other traffic and a busy machine spoil some of them. Of two that do not agree the
 * slower, since what is too fast fills the line of a home. Null: one is not known yet.
 */
export function estimateOf(recent: readonly Measurement[]): Estimate | null {
  const down = summaryOf(recent.map(({ downBps }) => downBps));
  const up = summaryOf(recent.map(({ upBps }) => upBps));
  if (down === null || up === null) return null;
  const [downBps, upBps] = [Math.round(down.median), Math.round(up.median)];
  const isUnsure = down.isUnsure || up.isUnsure;
  return { downBps, upBps, spread: Math.max(down.spread, up.spread), isUnsure };
}

interface Summary {
  readonly median: number;
  readonly spread: number;
  readonly isUnsure: boolean;
}

function summaryOf(rates: readonly (number | null)[]): Summary | null {
  const known = rates.filter((bps) => bps !== null).sort((a, b) => a - b);
  const [least, most] = [known[0], known.at(-1)];
  if (least === undefined || most === undefined) return null;
  const [low, high] = [(known.length - 1) >> 1, known.length >> 1].map((at) => known[at] ?? least);
  const median = ((low ?? least) + (high ?? least)) / 2;
  const spread = (most - least) / 2 / median;
  if (known.length > 2) return { median, spread, isUnsure: false };
  const isAgreed = known.length === 2 && spread <= agreeingSpread;
  return { median: isAgreed ? median : least, spread, isUnsure: !isAgreed };
}
