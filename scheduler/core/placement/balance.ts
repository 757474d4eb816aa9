// The balance rule: of the kinds of task that fit, a site takes the one after which its two
// backlogs, seconds of work for its CPUs and seconds of bytes for its uplink, are most alike. Kinds
// that need much data for little work so go where the ratio of uplink to CPU is high, by themselves.

import { linkWindowSeconds } from '../limits.ts';

/** What a site has in hand, and how fast it gets through it. */
export interface SiteLoad {
  readonly workGhzSeconds: number;
  readonly downBits: number;
  readonly upBits: number;
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

/** The balance with one more task; null when the slot had better stay idle. */
export function balanceWith(load: SiteLoad, cost: TaskCost): Balance | null {
  const cpuSeconds = (load.workGhzSeconds + cost.workGhzSeconds) / load.cpuGhz;
  const linkBefore = longerOf(linkSecondsOf(load));
  const linkSeconds = longerOf(linkSecondsOf(load, cost));
  const addsLink = Math.max(cost.downBits / load.downBps, cost.upBits / load.upBps);
  const addsCpu = cost.workGhzSeconds / load.cpuGhz;
  // A thin line that has enough to do takes no more of what it is bad at; an idle one always may,
  // or a task that fits nowhere better would wait for ever.
  if (linkBefore > 0 && linkSeconds > linkWindowSeconds && addsLink > addsCpu) return null;
  return { cpuSeconds, linkSeconds, imbalance: imbalanceOf(cpuSeconds, linkSeconds) };
}

function longerOf({ down, up }: ReturnType<typeof linkSecondsOf>): number {
  return Math.max(down, up);
}

/** Relative: in seconds, a site short of CPU would like small tasks best, whatever they are made of. */
function imbalanceOf(cpuSeconds: number, linkSeconds: number): number {
  const longer = Math.max(cpuSeconds, linkSeconds);
  return longer === 0 ? 0 : 1 - Math.min(cpuSeconds, linkSeconds) / longer;
}
