// How much of the federation a researcher has had: of its CPU and of its uplinks, the larger part of
// the two counts (dominant resource fairness, Ghodsi et al., NSDI 2011), and what was used counts
// half as much a day later (as in Slurm's and HTCondor's fair share).

import { shareHalfLifeMs } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { Rates } from '../model/service.ts';

/** What was used until an instant, in GHz·s and bits, decayed to that instant. */
export interface Usage {
  readonly workGhzSeconds: number;
  readonly bits: number;
  readonly at: Instant;
  /** What services have used all the time since then, and still do. */
  readonly rates: Rates;
}

/** What the federation can do. */
export interface Capacity {
  readonly cpuGhz: number;
  /** Sum over the shared parts of the uplinks, both directions. */
  readonly linkBps: number;
}

/** What leases in force will use. */
export interface Claim {
  readonly workGhzSeconds: number;
  readonly bits: number;
}

/** Whoever always had everything has used this many seconds of it: the integral of the decay. */
const spanSeconds = shareHalfLifeMs / 1000 / Math.LN2;

/** The usage at a later instant, with something added. */
export function usageAt(usage: Usage, at: Instant, more: Claim): Usage {
  const { rates } = usage;
  const decay = 2 ** (-Math.max(0, at - usage.at) / shareHalfLifeMs);
  const seconds = spanSeconds * (1 - decay);
  return {
    workGhzSeconds: usage.workGhzSeconds * decay + rates.cpuGhz * seconds + more.workGhzSeconds,
    bits: usage.bits * decay + (rates.downBps + rates.upBps) * seconds + more.bits,
    at,
    rates,
  };
}

export interface Share {
  /** Part of all that the federation could do in the remembered time, 0 to 1. */
  readonly cpu: number;
  readonly link: number;
  /** The larger one, for each unit of weight: whoever has least is next. */
  readonly dominant: number;
}

/** `usage` must be of the instant that the share is wanted for. */
export function shareOf(
  usage: Usage,
  { claim, capacity, weight }: { claim: Claim; capacity: Capacity; weight: number },
): Share {
  const cpu = partOf(usage.workGhzSeconds + claim.workGhzSeconds, capacity.cpuGhz);
  const link = partOf(usage.bits + claim.bits, capacity.linkBps);
  return { cpu, link, dominant: Math.max(cpu, link) / weight };
}

function partOf(used: number, rate: number): number {
  return rate > 0 ? used / (rate * spanSeconds) : 0;
}
