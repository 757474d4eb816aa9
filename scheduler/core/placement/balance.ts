// What a site has in hand, in seconds of its CPUs and of its uplink, and how one more task would
// change that: the figures that policies weigh.

import { linkWindowSeconds } from '../limits.ts';

/** What a site has in hand, and how fast it gets through it. */
export interface SiteLoad {
  readonly workGhzSeconds: number;
  readonly downBits: number;
  readonly upBits: number;
  /** Leases whose bytes are still on the way to the site, and that will have some to send. */
  readonly incoming: number;
  readonly outgoing: number;
  readonly cpuGhz: number;
  /** Of the shared part of the uplink. */
  readonly downBps: number;
  readonly upBps: number;
}

/** What one more task would add. */
export interface TaskCost {
  readonly workGhzSeconds: number;
  readonly downBits: number;
  readonly upBits: number;
}

export interface Balance {
  readonly cpuSeconds: number;
  readonly linkSeconds: number;
  /** 0: both last as long as each other; 1: one of them has nothing. Less is better. */
  readonly imbalance: number;
}

const nothingMore: TaskCost = { workGhzSeconds: 0, downBits: 0, upBits: 0 };

/** Seconds that the uplink needs for what is on the way, and for one more task. */
export function linkSecondsOf(
  load: SiteLoad,
  cost = nothingMore,
): { readonly down: number; readonly up: number } {
  return {
    down: (load.downBits + cost.downBits) / load.downBps,
    up: (load.upBits + cost.upBits) / load.upBps,
  };
}

/** The balance with one more task. */
export function balanceWith(load: SiteLoad, cost: TaskCost): Balance {
  const cpuSeconds = (load.workGhzSeconds + cost.workGhzSeconds) / load.cpuGhz;
  const linkSeconds = longerOf(linkSecondsOf(load, cost));
  return { cpuSeconds, linkSeconds, imbalance: imbalanceOf(cpuSeconds, linkSeconds) };
}

/** What a line may have in hand before it is full. */
export interface LineLimit {
  readonly atOnce: number;
  /** Down; `linkWindowSeconds` by default. */
  readonly windowSeconds?: number | undefined;
}

/**
 * The way on which a line that has enough to do would get more of what it is bad at, a task that adds
 * more link than CPU time; null: neither. Down, over a window's worth would be in hand; up, the task's
 * result would wait for longer than that and its own sending. With fewer than `atOnce` under way a line
 * is never full, or a task that fits nowhere better would wait for ever.
 */
export function fullWayOf(
  { load, cost }: { readonly load: SiteLoad; readonly cost: TaskCost },
  { atOnce, resultWaits, windowSeconds }: LineLimit & { readonly resultWaits: () => number },
): 'down' | 'up' | null {
  if (isDownFull({ load, cost }, { atOnce, windowSeconds })) return 'down';
  const isHard = cost.upBits / load.upBps > cost.workGhzSeconds / load.cpuGhz;
  if (load.outgoing < atOnce || !isHard) return null;
  // It waits for no longer than for all that is in hand; to look closer takes longer.
  const mostSeconds = linkWindowSeconds + cost.upBits / load.upBps;
  return linkSecondsOf(load).up <= mostSeconds || resultWaits() <= mostSeconds ? null : 'up';
}

/** See `fullWayOf`; with more bytes it is no less full. */
export function isDownFull(
  { load, cost }: { readonly load: SiteLoad; readonly cost: TaskCost },
  { atOnce, windowSeconds = linkWindowSeconds }: LineLimit,
): boolean {
  if (load.incoming < atOnce) return false;
  const isHard = cost.downBits / load.downBps > cost.workGhzSeconds / load.cpuGhz;
  return isHard && linkSecondsOf(load, cost).down > windowSeconds;
}

function longerOf({ down, up }: ReturnType<typeof linkSecondsOf>): number {
  return Math.max(down, up);
}

/** Relative: in seconds, a site short of CPU would like small tasks best, whatever they are made of. */
function imbalanceOf(cpuSeconds: number, linkSeconds: number): number {
  const longer = Math.max(cpuSeconds, linkSeconds);
  return longer === 0 ? 0 : 1 - Math.min(cpuSeconds, linkSeconds) / longer;
}
