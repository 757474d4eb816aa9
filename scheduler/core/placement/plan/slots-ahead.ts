// When slots will be free, as far as what they have is known.

import { nodeOf, slotsOf } from '../../leases.ts';
import type { Instant } from '../../model/ids.ts';
import type { NodeRecord, State } from '../../state.ts';
import { isSending, isStaged, taskLength } from './node-tasks.ts';

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

/** Where seconds until each slot of a node is free are put: nodes are looked at by the thousand, and an array
 * for each would take longer than all the rest. */
export interface SlotTimes {
  readonly seconds: Float64Array;
  /** Where those of the node begin, and how many it has: as many as no service holds. */
  readonly first: number;
  readonly count: number;
}

/** Slots of the node that no service holds. */
export function openSlotsOf(node: NodeRecord): number {
  return Math.max(0, slotsOf(node) - node.serving);
}

/**
 * Puts down in how many seconds each slot of the node is free, sorted, with `more` tasks. Results of its tasks are
 * added to `results`, for those who ask.
 */
export function layOut(
  state: State,
  node: NodeRecord,
  about: {
    readonly now: Instant;
    readonly more: readonly MoreWork[];
    readonly results?: Result[] | undefined;
    readonly slots: SlotTimes;
  },
): void {
  const { now, more, results, slots } = about;
  const { seconds, first, count } = slots;
  const { speedGhz } = node.inventory;
  // What is staged where no slot is left comes one after another.
  for (let slot = first; slot < first + Math.max(1, count); slot += 1) seconds[slot] = 0;
  const tasks = state.nodeTasks.of(state, node);
  let running = 0;
  for (let at = 0; at < tasks.length; at += taskLength) {
    const since = tasks[at] ?? 0;
    const runSeconds = (tasks[at + 1] ?? 0) / speedGhz;
    let readySeconds = 0;
    if (since === isStaged) readySeconds = startNext(slots, runSeconds);
    else if (since !== isSending) {
      readySeconds = leftOf(runSeconds, now - since);
      if (running < count) seconds[first + running] = readySeconds;
      running += 1;
    }
    results?.push({ readySeconds, upBits: tasks[at + 2] ?? 0 });
  }
  for (const { work, upBits } of more) {
    const readySeconds = startNext(slots, work / speedGhz);
    results?.push({ readySeconds, upBits });
  }
  sortFew(slots);
}

/** On the slot that is free first; returns when that has run. */
function startNext({ seconds, first, count }: SlotTimes, runSeconds: number): number {
  let soonest = first;
  for (let slot = first + 1; slot < first + count; slot += 1) {
    if ((seconds[slot] ?? 0) < (seconds[soonest] ?? 0)) soonest = slot;
  }
  const readySeconds = (seconds[soonest] ?? 0) + runSeconds;
  seconds[soonest] = readySeconds;
  return readySeconds;
}

/** In place: of a handful, `sort` takes longer than all the rest. */
function sortFew({ seconds, first, count }: SlotTimes): void {
  for (let at = first + 1; at < first + count; at += 1) {
    const number = seconds[at] ?? 0;
    let place = at;
    for (; place > first && (seconds[place - 1] ?? 0) > number; place -= 1) {
      seconds[place] = seconds[place - 1] ?? 0;
    }
    seconds[place] = number;
  }
}

function leftOf(seconds: number, elapsedMs: number): number {
  return Math.max(seconds - Math.max(0, elapsedMs) / 1000, overrun * seconds);
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
