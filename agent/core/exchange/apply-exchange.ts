// How what was heard changes what is known of an exchange. Nothing else changes it, and nothing here decides.

import {
  countChunks,
  emptyBitmap,
  hasChunk,
  setChunk,
  type Bitmap,
} from '../../../proto/bitmap.ts';
import { isAsked, keyOf, type Exchange, type ExchangeState, type PeerState } from './exchange.ts';
import * as limits from './limits.ts';
import type { Run } from './uplink.ts';
import type { PeerAddress } from './words.ts';

export function want(
  exchange: Exchange,
  { capability, isUpdate = false }: { readonly capability: string; readonly isUpdate?: boolean },
): void {
  exchange.capability = capability;
  exchange.isUpdate = isUpdate;
}

/** The index is here. What peers said before it was is asked again. */
export function open(
  exchange: Exchange,
  { chunks, held }: { readonly chunks: number; readonly held: Bitmap },
  nowMs: number,
): void {
  exchange.isOpening = false;
  exchange.chunks = chunks;
  exchange.held = held.slice();
  exchange.heldCount = countChunks(held);
  exchange.unfound = emptyBitmap(chunks);
  exchange.changedMs = nowMs;
  // That there is none of it is no news, but of an update.
  if (exchange.isUpdate || exchange.heldCount > 0 || exchange.leased.size > 0) {
    exchange.partAtMs = nowMs;
  }
  for (const chunk of exchange.leased.keys()) {
    if (chunk >= chunks || hasChunk(held, chunk)) exchange.leased.delete(chunk);
  }
  for (const peer of exchange.peers.values()) if (!peer.isBad) wake(peer, nowMs);
}

export function hold(exchange: Exchange, chunk: number, nowMs: number): void {
  exchange.flights.delete(chunk);
  // The scheduler hears at once that a batch is done: another transfer may begin.
  const isLeased = exchange.leased.delete(chunk);
  if (isLeased && exchange.leased.size === 0) {
    exchange.partAtMs = nowMs;
    exchange.partSpanMs = 0;
  } else if (isLeased) renew(exchange, nowMs);
  if (hasChunk(exchange.held, chunk)) return;
  setChunk(exchange.held, chunk);
  exchange.heldCount += 1;
  exchange.changedMs = nowMs;
  if (exchange.heldCount === exchange.chunks) exchange.partAtMs = nowMs;
  for (const peer of exchange.peers.values()) {
    if (hasChunk(peer.held, chunk)) peer.toldCount += 1;
    else if (wantsNews(exchange, peer)) wake(peer, nowMs + newsSpanMs(exchange, peer));
  }
}

/** The line is slower than the scheduler thought, or the origin has too much to do: the rest comes as well. */
function renew({ leased, leaseSpanMs }: Exchange, nowMs: number): void {
  for (const chunk of leased.keys()) leased.set(chunk, nowMs + leaseSpanMs);
}

/** Whoever has all needs no news of who has what. */
function wantsNews({ chunks }: Exchange, { isBad, heldCount }: PeerState): boolean {
  return !isBad && heldCount < chunks;
}

function newsSpanMs({ chunks, heldCount }: Exchange, peer: PeerState): number {
  const missing = chunks - Math.max(heldCount, peer.heldCount);
  const spanMs = limits.newsForEachMs * missing;
  return Math.max(limits.soonestNewsMs, Math.min(spanMs, limits.latestNewsMs));
}

/** Bitmaps are swapped at that time, or before. */
function wake(peer: PeerState, atMs: number): void {
  peer.swapSpanMs = limits.firstSwapMs;
  peer.swapAtMs = Math.min(peer.swapAtMs, atMs);
}

/** Those that are told no more are forgotten, unless they are bad: they may be told again. */
export function know(exchange: Exchange, peers: readonly PeerAddress[], nowMs: number): void {
  const told = new Set(peers.map(keyOf));
  for (const [key, peer] of exchange.peers) {
    if (!told.has(key) && !peer.isBad && !isAsked(exchange, key)) exchange.peers.delete(key);
  }
  for (const peer of peers) {
    meet(exchange, peer, nowMs);
    const known = exchange.peers.get(keyOf(peer));
    if (known !== undefined) known.isTold = true;
  }
}

/** One that came by itself: of each host the last, unless the host was found bad, and so many in all. */
function welcome(exchange: Exchange, peer: PeerAddress, nowMs: number): void {
  const known = [...exchange.peers.values()];
  const ofHost = known.filter(({ address }) => address === peer.address);
  if (ofHost.some(({ isBad }) => isBad)) return;
  const before = ofHost.find(({ isTold }) => !isTold);
  if (before !== undefined) {
    if (isAsked(exchange, keyOf(before))) return;
    exchange.peers.delete(keyOf(before));
  }
  const guests = known.filter((each) => !each.isTold && each !== before);
  if (guests.length < limits.maxGuests) meet(exchange, peer, nowMs);
}

function meet(exchange: Exchange, { address, port }: PeerAddress, nowMs: number): void {
  const key = keyOf({ address, port });
  if (exchange.peers.has(key) || exchange.peers.size >= limits.maxPeers) return;
  exchange.peers.set(key, {
    key,
    ...{ address, port, isTold: false, isBad: false, restUntilMs: nowMs, failures: 0 },
    ...{ held: emptyBitmap(exchange.chunks), heldCount: 0, toldCount: 0, denied: new Map() },
    ...{ swapAtMs: nowMs, swapSpanMs: limits.firstSwapMs },
  });
}

interface Heard {
  readonly peer: PeerAddress;
  readonly held: Bitmap | null;
  readonly isAsking: boolean;
}

/** What it has said, or that it did not answer (null); it is asked later when that was nothing new. */
export function hearPeer(
  exchange: Exchange,
  { peer: address, held, isAsking }: Heard,
  nowMs: number,
): void {
  const hasAll = exchange.heldCount === exchange.chunks;
  const key = keyOf(address);
  if (held !== null && !exchange.peers.has(key)) welcome(exchange, address, nowMs);
  const peer = exchange.peers.get(key);
  if (peer === undefined || peer.isBad) return;
  if (held === null) {
    rest(peer, nowMs);
    // Nobody knows what of it was heard.
    peer.toldCount = 0;
    peer.swapAtMs = hasAll ? Number.POSITIVE_INFINITY : peer.restUntilMs;
    return;
  }
  const heldCount = countChunks(held);
  const isNews = heldCount !== peer.heldCount;
  peer.held = held;
  peer.heldCount = heldCount;
  if (isNews) exchange.changedMs = nowMs;
  const spanMs = isNews ? limits.firstSwapMs : Math.min(2 * peer.swapSpanMs, limits.longestSwapMs);
  peer.swapSpanMs = spanMs;
  // Who has all has no more news; who wants some asks.
  if (isAsking) peer.toldCount = exchange.heldCount;
  const isSilent = !wantsNews(exchange, peer);
  const isUntold = peer.toldCount < exchange.heldCount;
  if (isSilent || (hasAll && !isUntold)) peer.swapAtMs = Number.POSITIVE_INFINITY;
  else peer.swapAtMs = nowMs + (isUntold ? newsSpanMs(exchange, peer) : spanMs);
}

/** Until it answers, or for as long as an answer may take. */
export function beginSwap(exchange: Exchange, peer: PeerState, nowMs: number): void {
  peer.toldCount = exchange.heldCount;
  peer.swapAtMs = nowMs + limits.longestSwapMs;
}

/** It did not give a chunk that it says it has: who lies in its bitmap gets rarer questions. */
export function deny(
  exchange: Exchange,
  { peer, chunk }: { readonly peer: PeerState; readonly chunk: number },
  nowMs: number,
): void {
  const untilMs = nowMs + limits.deniedMs;
  peer.denied.set(chunk, untilMs);
  exchange.forgetAtMs = Math.min(exchange.forgetAtMs, untilMs);
  rest(peer, nowMs);
}

/** It did not answer. */
function rest(peer: PeerState, nowMs: number): void {
  const spanMs = Math.min(limits.firstRestMs * 2 ** peer.failures, limits.longestRestMs);
  peer.failures = Math.min(peer.failures + 1, 16);
  peer.restUntilMs = nowMs + spanMs;
  peer.swapAtMs = Math.max(peer.swapAtMs, peer.restUntilMs);
}

/** Nothing of this blob is taken from it any more. */
export function ban(exchange: Exchange, peer: PeerState, chunk: number): void {
  peer.isBad = true;
  peer.swapAtMs = Number.POSITIVE_INFINITY;
  exchange.badPeers.set(chunk, (exchange.badPeers.get(chunk) ?? 0) + 1);
}

export function lease(
  exchange: Exchange,
  { chunks, spanMs }: { readonly chunks: readonly number[]; readonly spanMs: number },
  nowMs: number,
): void {
  const untilMs = nowMs + spanMs;
  for (const chunk of chunks) {
    const isKnown = exchange.chunks === 0 || chunk < exchange.chunks;
    if (isKnown && !hasChunk(exchange.held, chunk)) exchange.leased.set(chunk, untilMs);
  }
  exchange.lastBatch = Math.max(1, exchange.leased.size);
  exchange.leaseSpanMs = spanMs;
  exchange.proveAtMs = nowMs + spanMs * limits.provedPart;
  exchange.forgetAtMs = Math.min(exchange.forgetAtMs, untilMs);
  exchange.partSpanMs = 0;
  exchange.partAtMs = Number.POSITIVE_INFINITY;
}

/** What ran out; what is on its way from the origin comes to its end. */
export function forgetOld(exchange: Exchange, nowMs: number): void {
  if (nowMs < exchange.forgetAtMs) return;
  let next = Number.POSITIVE_INFINITY;
  const forget = (deadlines: Map<number, number>): void => {
    for (const [chunk, untilMs] of deadlines) {
      if (untilMs <= nowMs) deadlines.delete(chunk);
      else next = Math.min(next, untilMs);
    }
  };
  for (const { denied } of exchange.peers.values()) forget(denied);
  forget(exchange.leased);
  exchange.forgetAtMs = next;
}

export function beginRun(exchange: Exchange, { first, end }: Run): void {
  exchange.hasRun = true;
  for (let chunk = first; chunk < end; chunk += 1) {
    exchange.flights.set(chunk, { peer: null, untilMs: Number.POSITIVE_INFINITY });
  }
}

export function ask(
  exchange: Exchange,
  { chunk, peer }: { readonly chunk: number; readonly peer: PeerState },
  nowMs: number,
): void {
  const untilMs = nowMs + limits.withinMs(exchange.sizeBytes / exchange.chunks);
  exchange.flights.set(chunk, { peer: peer.key, untilMs });
}

export function endRun(exchange: Exchange, isRight: boolean, nowMs: number): void {
  exchange.hasRun = false;
  for (const [chunk, { peer }] of exchange.flights) {
    if (peer === null) exchange.flights.delete(chunk);
  }
  if (isRight) {
    exchange.originFailures = 0;
    return;
  }
  failOrigin(exchange, nowMs);
}

function failOrigin(exchange: Exchange, nowMs: number): void {
  const spanMs = limits.firstOriginRetryMs * 2 ** exchange.originFailures;
  exchange.originAtMs = nowMs + Math.min(spanMs, limits.longestOriginRetryMs);
  exchange.originFailures = Math.min(exchange.originFailures + 1, 16);
}

/** Another peer, or the origin after a while, is asked for the index. */
export function missIndex(exchange: Exchange, address: PeerAddress | null, nowMs: number): void {
  exchange.isOpening = false;
  if (address === null) {
    failOrigin(exchange, nowMs);
    exchange.openAtMs = nowMs + limits.indexAgainMs;
    return;
  }
  exchange.openAtMs = nowMs + limits.indexAgainMs;
  const peer = exchange.peers.get(keyOf(address));
  // It may have it soon: the next one is asked before this one again, and nothing is held against it.
  if (peer !== undefined) peer.restUntilMs = nowMs + limits.indexRestMs;
}

/** One that has come back is told of all that is here. */
export function meetScheduler(state: ExchangeState, isHere: boolean, nowMs: number): void {
  if (state.isSchedulerHere && !isHere) state.awaySinceMs = nowMs;
  state.isSchedulerHere = isHere;
  if (!isHere) return;
  for (const exchange of state.exchanges.values()) {
    exchange.partAtMs = nowMs;
    exchange.heardMs = nowMs;
  }
}

/**
 * The line's floor rises a little with each look, so that a way that has become longer is learnt. Where the site may fill the line, round
 * trips are long by its own bytes, and say nothing of others.
 */
export function measure(
  state: ExchangeState,
  { spanMs, filledPart }: { readonly spanMs: number; readonly filledPart: number | null },
): void {
  state.floorMs = Math.min(spanMs, state.floorMs * limits.floorRise);
  const isOwn = filledPart === null || filledPart > limits.mostFilledPart;
  const isBusy = !isOwn && spanMs > state.floorMs + limits.queueMs;
  state.pace = isBusy
    ? Math.max(limits.leastPace, state.pace * 0.75)
    : Math.min(1, state.pace + 1 / 16);
}
