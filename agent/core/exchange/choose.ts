// Which chunk is asked of which peer: what the fewest neighbours have comes first, of those that few have another on each node.

import { hasChunk } from '../../../proto/bitmap.ts';
import {
  mayGive,
  isAsked,
  isWhole,
  keyOf,
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
  const free = near.filter((peer) => peer.restUntilMs <= nowMs && !isAsked(exchange, keyOf(peer)));
  if (free.length === 0) return null;
  const chunk = rarest(exchange, near, { free, salt: state.salt });
  if (chunk === null) return null;
  const able = free.filter((peer) => mayGive(peer, chunk));
  const rank = (peer: PeerState): number =>
    peer.failures + spread(`${state.salt} ${chunk} ${keyOf(peer)}`);
  const peer = able.reduce((best, each) => (rank(each) < rank(best) ? each : best));
  return { chunk, peer };
}

/** Where the look begins is another place on each node, so that neighbours do not all want the same chunk first. */
function rarest(
  exchange: Exchange,
  near: readonly PeerState[],
  { free, salt }: { readonly free: readonly PeerState[]; readonly salt: string },
): number | null {
  const { chunks, sha256, heldCount } = exchange;
  const start = Math.floor(spread(`${salt} ${sha256} ${heldCount}`) * chunks);
  let best: number | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (let step = 0; step < chunks; step += 1) {
    const chunk = (start + step) % chunks;
    if (!isOpenTo(exchange, chunk) || !free.some((peer) => mayGive(peer, chunk))) continue;
    const copies = near.filter((peer) => mayGive(peer, chunk)).length;
    if (copies >= fewest) continue;
    fewest = copies;
    best = chunk;
    if (copies === 1) break;
  }
  return best;
}

/** Whether peers may be asked for it. */
function isOpenTo({ held, flights, badPeers }: Exchange, chunk: number): boolean {
  if (hasChunk(held, chunk) || flights.has(chunk)) return false;
  return (badPeers.get(chunk) ?? 0) < limits.maxBadPeers;
}
