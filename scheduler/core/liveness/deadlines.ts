// When nodes need a look next: a column of their deadlines, and the earliest of each block of it, so that
// a sweep goes through few of them. A block is not told that its earliest one has moved on: its part
// of the column is gone through in vain once.

import { defaultLostAfterMs, suspectAfterMs, unheardSuspectAfterMs } from '../limits.ts';
import type { LeaseRecord, NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';

const blockLength = 64;

export class Deadlines {
  /** By the node's number: it has none before that. */
  readonly #at: number[] = [];
  /** By block: none of its nodes has one before that. */
  readonly #earliest: number[] = [];

  /** Something happened to the node. */
  changed(state: State, node: NodeRecord): void {
    const at = deadlineOf(state, node);
    this.#at[node.number] = at;
    const block = Math.floor(node.number / blockLength);
    this.#earliest[block] = Math.min(this.#earliest[block] ?? Infinity, at);
  }

  /** Any node may have another one. */
  forget(): void {
    this.#at.fill(0);
    this.#earliest.fill(0);
  }

  isDue(now: number): boolean {
    return this.#earliest.some((at) => at <= now);
  }

  /** Numbers of the nodes that may have a deadline by now. */
  due(now: number): readonly number[] {
    const due: number[] = [];
    for (const block of this.#blocksDue(now)) {
      const from = block * blockLength;
      for (let number = from; number < from + blockLength; number += 1) {
        if ((this.#at[number] ?? Infinity) <= now) due.push(number);
      }
    }
    return due;
  }

  /** Those of `due` have been looked at, and what followed is applied. */
  looked(state: State, now: number): void {
    const blocks = this.#blocksDue(now);
    for (const number of this.due(now)) {
      this.changed(state, mustHave(state.nodes[number], 'node', number));
    }
    for (const block of blocks) {
      let earliest = Infinity;
      for (const at of this.#at.slice(block * blockLength, (block + 1) * blockLength)) {
        earliest = Math.min(earliest, at);
      }
      this.#earliest[block] = earliest;
    }
  }

  #blocksDue(now: number): readonly number[] {
    const due: number[] = [];
    for (const [block, at] of this.#earliest.entries()) if (at <= now) due.push(block);
    return due;
  }
}

/** Before this instant a sweep does nothing about the node, unless something else happens to it. */
function deadlineOf(state: State, node: NodeRecord): number {
  const restEnds = node.restsUntil > 0 ? node.restsUntil : Number.POSITIVE_INFINITY;
  if (node.health !== 'healthy' && node.health !== 'suspect') return restEnds;
  return Math.min(restEnds, silentUntil(state, node));
}

/** How long its silence has no consequence. */
export function silentUntil(state: State, node: NodeRecord): number {
  const { watchedSince, lastHeardAt } = node;
  // First sweep after a start: everybody gets the full time again.
  if (watchedSince === 0) return 0;
  if (node.health === 'suspect') {
    const patience = node.leases.map((lease) => patienceOf(state, lease));
    return watchedSince + Math.min(defaultLostAfterMs, ...patience);
  }
  const mostMs = lastHeardAt === 0 ? unheardSuspectAfterMs : suspectAfterMs;
  return Math.max(lastHeardAt, watchedSince) + mostMs;
}

/** How long its job waits for a task on a node that is silent. */
export function patienceOf(state: State, lease: LeaseRecord): number {
  return state.jobs.get(lease.jobNumber)?.template.lostAfterMs ?? defaultLostAfterMs;
}
