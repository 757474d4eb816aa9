// When slots will be free, as far as what they have is known.

import { isOfService, isToRun, nodeOf, slotsOf } from '../../leases.ts';
import type { Instant } from '../../model/ids.ts';
import type { LeaseRecord, NodeRecord, State } from '../../state.ts';

/** A task that runs longer than it should is thought to need this part of its time more. */
const overrun = 0.1;

/** A task that is given to a node: GHz·s, and bits of its result. */
export interface MoreWork {
  readonly work: number;
  readonly upBits: number;
}

/** What will have to be sent, and in how many seconds it is there. */
export interface Result {
  readonly readySeconds: number;
  readonly upBits: number;
}

/**
 * Seconds until each slot of the node is free, sorted, with `more` tasks. Results of its tasks are
 * added to `results`, for those who ask.
 */
export function freeIn(
  state: State,
  node: NodeRecord,
  about: {
    readonly now: Instant;
    readonly more: readonly MoreWork[];
    readonly results?: Result[] | undefined;
  },
): number[] {
  const { now, more, results } = about;
  const { speedGhz } = node.inventory;
  const slots = new Array<number>(Math.max(0, slotsOf(node) - node.serving)).fill(0);
  let running = 0;
  let staged = 0;
  // Every node is looked at every few seconds, and most are idle or have what runs and no more.
  for (const lease of node.leases) {
    const upBits = 8 * lease.upBytes;
    if (lease.phase === 'sending') results?.push({ readySeconds: 0, upBits });
    if (lease.phase === 'sending' || isEndless(state, node, lease)) continue;
    if (lease.phase !== 'running') {
      staged += 1;
      continue;
    }
    const readySeconds = leftOf(lease, lease.workGhzSeconds / speedGhz, now);
    if (running < slots.length) slots[running] = readySeconds;
    running += 1;
    results?.push({ readySeconds, upBits });
  }
  for (const lease of staged === 0 ? [] : node.leases) {
    if (!isToRun(lease) || isEndless(state, node, lease)) continue;
    const readySeconds = startNext(slots, lease.workGhzSeconds / speedGhz);
    results?.push({ readySeconds, upBits: 8 * lease.upBytes });
  }
  for (const { work, upBits } of more) {
    const readySeconds = startNext(slots, work / speedGhz);
    results?.push({ readySeconds, upBits });
  }
  return sortFew(slots);
}

/** A replica of a service holds its slot for good. */
function isEndless(state: State, node: NodeRecord, lease: LeaseRecord): boolean {
  return node.serving > 0 && isOfService(state, lease);
}

/** On the slot that is free first; returns when that has run. */
function startNext(slots: number[], runSeconds: number): number {
  let first = 0;
  for (let slot = 1; slot < slots.length; slot += 1) {
    if ((slots[slot] ?? 0) < (slots[first] ?? 0)) first = slot;
  }
  const readySeconds = (slots[first] ?? 0) + runSeconds;
  slots[first] = readySeconds;
  return readySeconds;
}

/** In place: of a handful, `sort` takes longer than all the rest. */
function sortFew(numbers: number[]): number[] {
  for (let at = 1; at < numbers.length; at += 1) {
    const number = numbers[at] ?? 0;
    let place = at;
    for (; place > 0 && (numbers[place - 1] ?? 0) > number; place -= 1) {
      numbers[place] = numbers[place - 1] ?? 0;
    }
    numbers[place] = number;
  }
  return numbers;
}

function leftOf(lease: LeaseRecord, seconds: number, now: Instant): number {
  const elapsed = Math.max(0, now - lease.phaseSince) / 1000;
  return Math.max(seconds - elapsed, overrun * seconds);
}

/** GHz·s that running tasks have behind them, by number of the site. */
export function doneOf(state: State, now: Instant): ReadonlyMap<number, number> {
  const done = new Map<number, number>();
  for (const lease of state.leases.values()) {
    if (lease.isVoid || lease.phase !== 'running') continue;
    const { siteNumber, inventory } = nodeOf(state, lease);
    const elapsed = Math.max(0, now - lease.phaseSince) / 1000;
    const work = Math.min((1 - overrun) * lease.workGhzSeconds, elapsed * inventory.speedGhz);
    done.set(siteNumber, (done.get(siteNumber) ?? 0) + work);
  }
  return done;
}
