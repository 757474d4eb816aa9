// When slots will be free and results will be there, as far as what they have is known.

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
  { now, more, results }: Ahead & { readonly results?: Result[] },
): number[] {
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
  const start = ({ work, upBits }: MoreWork): void => {
    const readySeconds = startNext(slots, work / speedGhz);
    results?.push({ readySeconds, upBits });
  };
  for (const lease of staged === 0 ? [] : node.leases) {
    if (!isToRun(lease) || isEndless(state, node, lease)) continue;
    start({ work: lease.workGhzSeconds, upBits: 8 * lease.upBytes });
  }
  for (const each of more) start(each);
  return slots.length > 1 ? slots.sort((a, b) => a - b) : slots;
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

interface Ahead {
  readonly now: Instant;
  readonly more: readonly MoreWork[];
}

/** Results of the tasks of all the nodes, in the order in which they come. */
export function resultsOf(
  state: State,
  nodes: Iterable<NodeRecord>,
  { now, moreOf }: { readonly now: Instant; readonly moreOf: (node: NodeRecord) => Ahead['more'] },
): readonly Result[] {
  const results: Result[] = [];
  for (const node of nodes) freeIn(state, node, { now, more: moreOf(node), results });
  return results.sort((one, other) => one.readySeconds - other.readySeconds);
}

/** Seconds that a result will wait for the line, behind those that are there before it. */
export function waitBehind(
  results: readonly Result[],
  { upBps, readySeconds }: { readonly upBps: number; readonly readySeconds: number },
): number {
  let busyUntil = 0;
  for (const result of results) {
    if (result.readySeconds > readySeconds) break;
    busyUntil = Math.max(busyUntil, result.readySeconds) + result.upBits / upBps;
  }
  return Math.max(0, busyUntil - readySeconds);
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
