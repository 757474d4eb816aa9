// What is known of the probes of a line, and when the next one is due.

import {
  dayMs,
  longestProbeRetryMs,
  probeEveryMs,
  probeRetryMs,
  probeSpreadMs,
  probesADay,
  unsureProbeMs,
} from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { instant } from '../model/ids.ts';
import { estimateOf } from './estimate.ts';

/** What one probe found, payload, bit/s; null: too little came. */
export interface Measurement {
  readonly at: Instant;
  readonly downBps: number | null;
  readonly upBps: number | null;
}

export interface Probing {
  /** Leases that were given. */
  readonly leases: number;
  /** When the last ones were, the newest last; as many as there may be in a day. */
  readonly leasedAt: readonly Instant[];
  /** The node that had the last one. */
  readonly nodeNumber: number;
  /** Since the last one that measured both ways. */
  readonly failures: number;
  /** Those that measured something, the newest last. */
  readonly recent: readonly Measurement[];
  /** Of all its trains, both ways, payload. */
  readonly bytes: number;
}

export const notProbed: Probing = {
  ...{ leases: 0, leasedAt: [], nodeNumber: -1, failures: 0, recent: [], bytes: 0 },
};

interface ProbedSite {
  readonly number: number;
  readonly probing: Probing;
}

/** Of steps that are this part of the range, no few are near each other. */
const goldenPart = 0.618_034;

/**
 * Before this instant the line is left alone; 0: it never was probed. Each site has a span of its own, so
 * that sites drift apart.
 */
export function dueAt(site: ProbedSite): Instant {
  const { leasedAt } = site.probing;
  const last = leasedAt.at(-1);
  if (last === undefined) return instant(0);
  const isSpent = leasedAt.length >= probesADay;
  return instant(Math.max(last + spanOf(site), isSpent ? (leasedAt[0] ?? 0) + dayMs : 0));
}

function spanOf({ number, probing }: ProbedSite): number {
  const { failures, recent } = probing;
  if (failures > 0) return Math.min(longestProbeRetryMs, probeRetryMs * 2 ** (failures - 1));
  if (estimateOf(recent)?.isUnsure === true) return unsureProbeMs;
  return probeEveryMs + Math.round(((goldenPart * number) % 1) * probeSpreadMs);
}
