// When nodes need a look next: the earliest deadline of each block of them, so that a sweep goes through
// few of them. A deadline that moves on is not told: the block is looked at in vain once.

import { defaultLostAfterMs, suspectAfterMs, unheardSuspectAfterMs } from '../limits.ts';
import type { LeaseRecord, NodeRecord, State } from '../state.ts';

/** A churning federation of 10,000 has about a dozen silent nodes, each in a block of its own. */
const blockLength = 16;

export class Deadlines {
  /** By block: none of its nodes has one before that. */
  readonly #earliest: number[] = [];

  /** The node has a deadline then. */
  add(nodeNumber: number, at: number): void {
    const block = Math.floor(nodeNumber / blockLength);
    this.#earliest[block] = Math.min(this.#earliest[block] ?? Number.POSITIVE_INFINITY, at);
  }

  /** Any node may have another one. */
  forget(): void {
    this.#earliest.fill(0);
  }

  isDue(now: number): boolean {
    return this.#earliest.some((at) => at <= now);
  }

  /** Of the nodes, by number, those that may have a deadline by now. */
  *due(nodes: readonly NodeRecord[], now: number): Generator<NodeRecord> {
    for (const [block, at] of this.#earliest.entries()) {
      if (at <= now) yield* nodesOf(nodes, block);
    }
  }

  /** Those of `due` have been looked at, and what followed is applied. */
  looked(state: State, now: number): void {
    for (const [block, at] of this.#earliest.entries()) {
      if (at > now) continue;
      let earliest = Number.POSITIVE_INFINITY;
      for (const node of nodesOf(state.nodes, block)) {
        earliest = Math.min(earliest, deadlineOf(state, node));
      }
      this.#earliest[block] = earliest;
    }
  }
}

function nodesOf(nodes: readonly NodeRecord[], block: number): readonly NodeRecord[] {
  return nodes.slice(block * blockLength, (block + 1) * blockLength);
}

/** Before this instant a sweep does nothing about the node, unless something else happens to it. */
export function deadlineOf(state: State, node: NodeRecord): number {
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
  const mostMs = lastHeardAt === null ? unheardSuspectAfterMs : suspectAfterMs;
  return Math.max(lastHeardAt ?? 0, watchedSince) + mostMs;
}

/** How long its job waits for a task on a node that is silent. */
export function patienceOf(state: State, lease: LeaseRecord): number {
  return state.jobs.get(lease.jobNumber)?.template.lostAfterMs ?? defaultLostAfterMs;
}
