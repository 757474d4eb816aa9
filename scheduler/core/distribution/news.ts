// What members of an exchange are told: their peers, and whether others count on their copy.

import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import type { Instant, Sha256 } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Exchange, Member } from './exchange.ts';
import { peersTold, retellMs } from './limits.ts';
import { peersOf, pinnedOf, ringsOf } from './peers.ts';

export interface Part {
  readonly facts: Fact[];
  readonly effects: Effect[];
}

interface Telling {
  readonly part: Part;
  readonly now: Instant;
}

/** Those that have been told nothing yet. */
export function tellUntold(state: State, exchange: Exchange, { part, now }: Telling): void {
  if (!exchange.isNews) return;
  const untold = [...exchange.members.values()].filter(({ told }) => told === null);
  if (untold.length === 0) return;
  const rings = ringsOf(state, exchange);
  for (const member of untold) {
    const { nodeNumber, isPinned } = member;
    const peers = peersOf(state, rings, member);
    tell(state, exchange, { nodeNumber, peers, isPinned, part, now });
  }
}

/** What a member was told is told again only when it is not so any more, and matters to it. */
export function tellAll(state: State, exchange: Exchange, { part, now }: Telling): void {
  const rings = ringsOf(state, exchange);
  const pinned = pinnedOf(exchange);
  for (const member of exchange.members.values()) {
    const { nodeNumber, told, heldChunks } = member;
    const isPinned = pinned.has(nodeNumber);
    const peers = peersOf(state, rings, member);
    const isWhole = heldChunks === exchange.chunkCount;
    const isSamePeers = told !== null && (isWhole || isSame(told, peers));
    if (isSamePeers && isPinned === member.isPinned) continue;
    tell(state, exchange, { nodeNumber, peers, isPinned, part, now });
  }
  const { siteNumber, sha256 } = exchange;
  part.facts.push({ kind: 'exchangeTold', siteNumber, sha256 });
}

/** Whether each newcomer is told at once: where many come they come together, and are told of each other with the next look. */
function isFew({ members, isForeign }: Exchange): boolean {
  return isForeign || members.size <= peersTold;
}

/** They need their peers and the blob's index at once. */
export function tellNewcomers(state: State, now: Instant): Part {
  const part: Part = { facts: [], effects: [] };
  for (const { siteNumber, sha256, nodeNumber } of state.exchanges.newcomers) {
    const exchange = state.exchanges.of(siteNumber, sha256);
    const member = exchange?.members.get(nodeNumber);
    if (exchange === undefined || member === undefined || member.told !== null) continue;
    if (!isFew(exchange)) continue;
    const peers = peersOf(state, ringsOf(state, exchange), member);
    tell(state, exchange, { nodeNumber, peers, isPinned: false, part, now });
  }
  return part;
}

/** What it was told may have been lost: it asks again, and has got nothing in the meantime. */
export function tellAgain(
  state: State,
  exchange: Exchange,
  { member, part, now }: Telling & { readonly member: Member },
): void {
  const { nodeNumber, told, isPinned, heldChunks, toldAt, gainedAt } = member;
  if (told === null || heldChunks === exchange.chunkCount) return;
  if (now - Math.max(toldAt, gainedAt) < retellMs) return;
  const peers = peersOf(state, ringsOf(state, exchange), member);
  tell(state, exchange, { nodeNumber, peers, isPinned, part, now });
}

/** Nobody at the site exchanges that blob. */
export function closed({ nodeId, siteNumber }: NodeRecord, sha256: Sha256): Effect {
  return {
    ...{ kind: 'exchange', nodeId, siteNumber, sha256, sizeBytes: 0, isOneChunk: false },
    ...{ peers: [], isPinned: false, isClosed: true },
  };
}

interface News extends Telling {
  readonly nodeNumber: number;
  readonly peers: readonly number[];
  readonly isPinned: boolean;
}

function tell(state: State, exchange: Exchange, news: News): void {
  const { siteNumber, sha256, sizeBytes, isForeign, members } = exchange;
  const { nodeNumber, peers, isPinned, part, now } = news;
  const { nodeId } = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
  const addresses = peers.map((number) => {
    const { address, port } = mustHave(members.get(number), 'member', number);
    return { address, port };
  });
  part.effects.push({
    ...{ kind: 'exchange', nodeId, siteNumber, sha256, sizeBytes, isOneChunk: isForeign },
    ...{ peers: addresses, isPinned, isClosed: false },
  });
  part.facts.push({
    ...{ kind: 'memberTold', at: now, siteNumber, sha256, nodeNumber, peers, isPinned },
  });
}

function isSame(told: readonly number[], peers: readonly number[]): boolean {
  if (told.length !== peers.length) return false;
  const before = new Set(told);
  return peers.every((number) => before.has(number));
}
