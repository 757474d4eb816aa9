// What the last probes of a line say together.

import type { Measurement } from './probing.ts';

export interface Estimate {
  readonly downBps: number;
  readonly upBps: number;
  /** Of the probes around it, relative, in the direction where they differ more: 0.1 is plus or minus ten per cent. */
  readonly spread: number;
}

/** The median of each direction: other traffic and a busy machine spoil some of them. Null: one is not known yet. */
export function estimateOf(recent: readonly Measurement[]): Estimate | null {
  const down = summaryOf(recent.map(({ downBps }) => downBps));
  const up = summaryOf(recent.map(({ upBps }) => upBps));
  if (down === null || up === null) return null;
  const [downBps, upBps] = [Math.round(down.median), Math.round(up.median)];
  return { downBps, upBps, spread: Math.max(down.spread, up.spread) };
}

function summaryOf(
  rates: readonly (number | null)[],
): { readonly median: number; readonly spread: number } | null {
  const known = rates.filter((bps) => bps !== null).sort((a, b) => a - b);
  const [least, most] = [known[0], known.at(-1)];
  if (least === undefined || most === undefined) return null;
  const [low, high] = [(known.length - 1) >> 1, known.length >> 1].map((at) => known[at] ?? least);
  const median = ((low ?? least) + (high ?? least)) / 2;
  return { median, spread: (most - least) / 2 / median };
}
