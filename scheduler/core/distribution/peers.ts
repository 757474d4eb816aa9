// Which members each one is told of: few, spread so that chunks reach everybody.

import type { NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Exchange, Member } from './exchange.ts';
import { peersTold, pinnedCopies } from './limits.ts';

/** Members in rings: all of the site, and those of each LAN. */
interface Rings {
  readonly all: readonly number[];
  readonly byLan: ReadonlyMap<number | null, readonly number[]>;
  readonly placeOf: ReadonlyMap<number, { readonly inAll: number; readonly inLan: number }>;
}

/** The rings of those that others reach. */
export function ringsOf(state: State, { members }: Exchange): Rings {
  const all: number[] = [];
  const byLan = new Map<number | null, number[]>();
  const placeOf = new Map<number, { inAll: number; inLan: number }>();
  for (const { nodeNumber, port } of members.values()) {
    const { lan } = nodeAt(state, nodeNumber);
    const ring = byLan.get(lan) ?? [];
    byLan.set(lan, ring);
    placeOf.set(nodeNumber, { inAll: all.length, inLan: ring.length });
    if (port === 0) continue;
    all.push(nodeNumber);
    ring.push(nodeNumber);
  }
  return { all, byLan, placeOf };
}

/**
 * Numbers of the members that this one is told of. Those next to it among all of the site, so that no part of
 * it is cut off, and those of its LAN that are 1, 2, 4, 8 places away, or 1, 3, 9, 27 on a larger one: of steps that grow so, as
 * few as can be reach each.
 */
export function peersOf(state: State, rings: Rings, { nodeNumber }: Member): readonly number[] {
  const { lan } = nodeAt(state, nodeNumber);
  const place = mustHave(rings.placeOf.get(nodeNumber), 'member', nodeNumber);
  const own = rings.byLan.get(lan) ?? [];
  const peers = new Set<number>();
  const add = (ring: readonly number[], at: number): void => {
    if (ring.length === 0) return;
    const found = ring[((at % ring.length) + ring.length) % ring.length];
    if (found !== undefined && found !== nodeNumber && peers.size < peersTold) peers.add(found);
  };
  add(own, place.inLan - 1);
  add(own, place.inLan + 1);
  add(rings.all, place.inAll - 1);
  add(rings.all, place.inAll + 1);
  const growth = Math.max(2, Math.round(own.length ** (2 / peersTold)));
  for (let step = growth; step < own.length && peers.size < peersTold; step *= growth) {
    add(own, place.inLan - step);
    add(own, place.inLan + step);
  }
  return [...peers];
}

/** Numbers of the members whose whole copies stay: those that were told so before, then the oldest. */
export function pinnedOf({ members, chunkCount, idleSince }: Exchange): ReadonlySet<number> {
  if (idleSince !== null) return new Set();
  const whole = [...members.values()].filter(({ heldChunks }) => heldChunks === chunkCount);
  const first = whole.toSorted((one, other) => Number(other.isPinned) - Number(one.isPinned));
  return new Set(first.slice(0, pinnedCopies).map(({ nodeNumber }) => nodeNumber));
}

function nodeAt(state: State, number: number): NodeRecord {
  return mustHave(state.nodes[number], 'node', number);
}
