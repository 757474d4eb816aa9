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
  const tasks = state.nodeTasks.of(state, node);
  let running = 0;
  for (let at = 0; at < tasks.length; at += taskLength) {
    const since = tasks[at] ?? 0;
    const runSeconds = (tasks[at + 1] ?? 0) / speedGhz;
    let readySeconds = 0;
    if (since === isStaged) readySeconds = startNext(slots, runSeconds);
    else if (since !== isSending) {
      readySeconds = leftOf(runSeconds, now - since);
      if (running < slots.length) slots[running] = readySeconds;
      running += 1;
    }
    results?.push({ readySeconds, upBits: tasks[at + 2] ?? 0 });
  }
  for (const { work, upBits } of more) {
    const readySeconds = startNext(slots, work / speedGhz);
    results?.push({ readySeconds, upBits });
  }
  return sortFew(slots);
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
