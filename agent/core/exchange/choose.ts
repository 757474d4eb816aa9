// Which chunk is asked of which peer: what the fewest neighbours have comes first, of those that few have another on each node.

import {
  mayGive,
  isAsked,
  isWhole,
  neighbours,
  spread,
  type Exchange,
  type ExchangeState,
  type PeerState,
} from './exchange.ts';
import * as limits from './limits.ts';

export interface Choice {
  readonly chunk: number;
  readonly peer: PeerState;
}

/** What to ask next, or null: nobody who is free has what is missing. */
export function choose(state: ExchangeState, exchange: Exchange, nowMs: number): Choice | null {
  if (exchange.chunks === 0 || isWhole(exchange)) return null;
  const near = neighbours(state, exchange);
  const free: PeerState[] = [];
  for (const peer of near) {
    if (peer.restUntilMs <= nowMs && !isAsked(exchange, peer.key)) free.push(peer);
  }
  if (!hasAny(exchange, free)) return null;
  const chunk = rarest(exchange, near, { free, salt: state.salt });
  if (chunk === null) return null;
  const able = free.filter((peer) => mayGive(peer, chunk));
  const rank = (peer: PeerState): number =>
    peer.failures + spread(`${state.salt} ${chunk} ${peer.key}`);
  const peer = able.reduce((best, each) => (rank(each) < rank(best) ? each : best));
  return { chunk, peer };
}

/**
 * Where the look begins is another place on each node, so that neighbours do not all want the same chunk first. It goes byte by
 * byte: of most chunks a node has what its peers have.
 */
function rarest(
  exchange: Exchange,
  near: readonly PeerState[],
  { free, salt }: { readonly free: readonly PeerState[]; readonly salt: string },
): number | null {
  const { chunks, sha256, held, heldCount } = exchange;
  const start = Math.floor(spread(`${salt} ${sha256} ${heldCount}`) * chunks);
  const later = 0xff << (start & 7);
  let best: number | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (let step = 0; step <= held.length; step += 1) {
    const place = ((start >> 3) + step) % held.length;
    let bits = lacking(exchange, free, place);
    // The byte where it begins comes twice: what is before the start comes last.
    if (step === 0) bits &= later;
    if (step === held.length) bits &= ~later;
    for (; bits !== 0; bits &= bits - 1) {
      const chunk = 8 * place + lowestBit(bits);
      if (!isOpenTo(exchange, chunk) || !free.some((peer) => mayGive(peer, chunk))) continue;
      const copies = countGivers(near, chunk);
      if (copies >= fewest) continue;
      fewest = copies;
      best = chunk;
      if (copies === 1) return best;
    }
  }
  return best;
}

/** Whether one of these peers says that it has something which is not here: after most messages none has. */
function hasAny(exchange: Exchange, peers: readonly PeerState[]): boolean {
  for (let place = 0; place < exchange.held.length; place += 1) {
    if (lacking(exchange, peers, place) !== 0) return true;
  }
  return false;
}

/** Of eight chunks those that are not here and that some of these peers say they have. */
function lacking({ held }: Exchange, peers: readonly PeerState[], place: number): number {
  const missing = 0xff & ~(held[place] ?? 0);
  if (missing === 0) return 0;
  let bits = 0;
  for (const peer of peers) bits |= peer.held[place] ?? 0;
  return bits & missing;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function countGivers(peers: readonly PeerState[], chunk: number): number {
  let count = 0;
  for (const peer of peers) if (mayGive(peer, chunk)) count += 1;
  return count;
}

/** Whether peers may be asked for one that is not here. */
function isOpenTo({ chunks, flights, badPeers }: Exchange, chunk: number): boolean {
  if (chunk >= chunks || flights.has(chunk)) return false;
  return (badPeers.get(chunk) ?? 0) < limits.maxBadPeers;
}
