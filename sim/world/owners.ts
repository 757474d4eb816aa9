// When owners let their nodes work: in hours of the day, and not while they have paused them. All
// nodes of a site have one owner.

import { between, drawsFor } from '../kernel/random.ts';
import type { OwnersOf } from '../scenario/schema.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** The same each day. */
export interface Hours {
  /** After midnight. */
  readonly fromMs: number;
  readonly lastsMs: number;
}

export interface Owners {
  /** By site; null: all day. */
  readonly hours: readonly (Hours | null)[];
  /** Mean spans; null: nobody pauses. */
  readonly pauses: { readonly every: number; readonly lasts: number } | null;
  /** A run begins so long after midnight. */
  readonly startsAtMs: number;
}

export interface Moment {
  /** After midnight, when the run began. */
  readonly startsAtMs: number;
  /** Since then. */
  readonly nowMs: number;
}

export interface OwnersWanted {
  readonly sites: number;
  readonly startsAtMs: number;
  readonly seed: number;
}

export function drawOwners(
  { hours, pauses }: OwnersOf,
  { sites, startsAtMs, seed }: OwnersWanted,
): Owners {
  const draw = drawsFor('owners', seed);
  const drawn = Array.from({ length: sites }, (): Hours | null => {
    if (hours === undefined || draw() >= hours.part) return null;
    return {
      fromMs: minutes(between(draw, hours.from)),
      lastsMs: minutes(between(draw, hours.lasts)),
    };
  });
  return { hours: drawn, pauses: pauses ?? null, startsAtMs };
}

/** Owners write whole minutes. */
function minutes(ms: number): number {
  return minuteMs * Math.round(ms / minuteMs);
}

/** When the hours end that there are now; null: it is outside of them. */
export function closesAt(hours: Hours, { startsAtMs, nowMs }: Moment): number | null {
  const sinceMs = sinceOpening(hours, { startsAtMs, nowMs });
  return sinceMs < hours.lastsMs ? nowMs + hours.lastsMs - sinceMs : null;
}

/** When they begin next. */
export function opensAt(hours: Hours, { startsAtMs, nowMs }: Moment): number {
  return nowMs + dayMs - sinceOpening(hours, { startsAtMs, nowMs });
}

function sinceOpening({ fromMs }: Hours, { startsAtMs, nowMs }: Moment): number {
  return (dayMs + ((startsAtMs + nowMs - fromMs) % dayMs)) % dayMs;
}
