// A look at one exchange: what is over, what to ask for, whom to tell. All that is due at this time is done in it.

import { countChunks } from '../../../proto/bitmap.ts';
import * as applied from './apply-exchange.ts';
import { choose } from './choose.ts';
import {
  comingIn,
  isWhole,
  neighbours,
  spread,
  type Exchange,
  type ExchangeState,
} from './exchange.ts';
import * as limits from './limits.ts';
import { bringingOf, hasMore, roomOf, toldUnfound, urgentUnfound } from './tell.ts';
import { nextAwayMs, nextRun } from './uplink.ts';
import type { ExchangeEffect, PeerAddress } from './words.ts';

interface Turn {
  readonly nowMs: number;
  readonly effects: ExchangeEffect[];
}

export function look(state: ExchangeState, exchange: Exchange, turn: Turn): void {
  endSlow(exchange, turn);
  if (!isWhole(exchange)) {
    applied.forgetOld(exchange, turn.nowMs);
    openBlob(state, exchange, turn);
    fetchRun(state, exchange, turn);
    askPeers(state, exchange, turn);
  }
  swapParts(state, exchange, turn);
  sayPart(state, exchange, turn);
}

/** When `look` has something to do again, after what it did at `nowMs`; null: not before something happens. */
export function nextExchangeMs(state: ExchangeState, nowMs: number): number | null {
  let next = Number.POSITIVE_INFINITY;
  const wake = (atMs: number): void => {
    if (atMs > nowMs && atMs < next) next = atMs;
  };
  for (const exchange of state.exchanges.values()) {
    wake(exchange.partAtMs);
    for (const { swapAtMs } of exchange.peers.values()) wake(swapAtMs);
    for (const { untilMs } of exchange.flights.values()) wake(untilMs);
    if (isWhole(exchange)) continue;
    wake(exchange.proveAtMs);
    wake(exchange.forgetAtMs);
    for (const { restUntilMs } of exchange.peers.values()) wake(restUntilMs);
    wake(exchange.originAtMs);
    wake(exchange.changedMs + limits.unfoundAfterMs);
    if (exchange.chunks === 0) {
      wake(exchange.openAtMs);
      wake(indexFromOriginMs(state, exchange));
    } else wake(nextAwayMs(state, exchange, nowMs));
  }
  return Number.isFinite(next) ? next : null;
}

function endSlow(exchange: Exchange, { nowMs, effects }: Turn): void {
  const { sha256, flights, peers } = exchange;
  for (const [chunk, flight] of flights) {
    if (flight.peer === null || flight.untilMs > nowMs) continue;
    flights.delete(chunk);
    const peer = peers.get(flight.peer);
    if (peer === undefined) continue;
    applied.deny(exchange, { peer, chunk }, nowMs);
    effects.push({ kind: 'endRequest', sha256, chunk, peer: addressOf(peer) });
  }
}

function addressOf({ address, port }: PeerAddress): PeerAddress {
  return { address, port };
}

/** Who brings chunks takes the index over the uplink, the others take it from a peer. */
function openBlob(state: ExchangeState, exchange: Exchange, { nowMs, effects }: Turn): void {
  const { sha256, chunks, isOpening, openAtMs, indexSha256, capability } = exchange;
  if (chunks > 0 || isOpening || openAtMs > nowMs) return;
  const isFromOrigin =
    exchange.leased.size > 0 ||
    !state.isSchedulerHere ||
    nowMs >= indexFromOriginMs(state, exchange);
  const near = neighbours(state, exchange).find(({ restUntilMs }) => restUntilMs <= nowMs);
  const isDue = isFromOrigin && capability !== null && exchange.originAtMs <= nowMs;
  const isFromPeer = indexSha256 !== null && near !== undefined && !isDue;
  if (!isFromPeer && !isDue) return;
  const peer = isFromPeer && near !== undefined ? addressOf(near) : null;
  exchange.isOpening = true;
  effects.push({ kind: 'openBlob', sha256, peer, indexSha256, capability });
}

/** When the origin is asked for the index, though others are to bring the chunks: at another time on each node, so that the others have it of the first. */
function indexFromOriginMs(
  { salt }: ExchangeState,
  { sha256, sinceMs, isUpdate }: Exchange,
): number {
  const { indexFromPeersMs, indexOfUpdateFromPeersMs, indexSpreadMs } = limits;
  const leastMs = isUpdate ? indexOfUpdateFromPeersMs : indexFromPeersMs;
  return sinceMs + leastMs + spread(`${salt} ${sha256} index`) * indexSpreadMs;
}

function fetchRun(state: ExchangeState, exchange: Exchange, { nowMs, effects }: Turn): void {
  const run = nextRun(state, exchange, nowMs);
  if (run === null) return;
  const { sha256, capability } = exchange;
  applied.beginRun(exchange, run);
  effects.push({ kind: 'fetchRun', sha256, capability, ...run });
}

function askPeers(state: ExchangeState, exchange: Exchange, { nowMs, effects }: Turn): void {
  while (comingIn(state) < state.maxIn) {
    const choice = choose(state, exchange, nowMs);
    if (choice === null) return;
    const { chunk, peer } = choice;
    applied.ask(exchange, choice, nowMs);
    effects.push({ kind: 'askPeer', sha256: exchange.sha256, chunk, peer: addressOf(peer) });
  }
}

function swapParts(state: ExchangeState, exchange: Exchange, { nowMs, effects }: Turn): void {
  const isDue = [...exchange.peers.values()].some(({ swapAtMs }) => swapAtMs <= nowMs);
  if (exchange.chunks === 0 || !isDue) return;
  for (const peer of neighbours(state, exchange)) {
    if (peer.swapAtMs > nowMs) continue;
    applied.beginSwap(exchange, peer, nowMs);
    const held = exchange.held.slice();
    effects.push({ kind: 'swapParts', sha256: exchange.sha256, peer: addressOf(peer), held });
  }
}

function sayPart(state: ExchangeState, exchange: Exchange, { nowMs, effects }: Turn): void {
  if (!state.isSchedulerHere) return;
  const room = roomOf(exchange);
  const urgent = urgentUnfound(state, exchange, nowMs);
  const isMissing = countChunks(urgent) > 0;
  const isNews = hasMore(urgent, exchange.unfound);
  const isAsking = room > 0 && exchange.partAtMs === Number.POSITIVE_INFINITY;
  const isDue = exchange.partAtMs <= nowMs || exchange.proveAtMs <= nowMs;
  if (!isDue && !isNews && !isAsking) return;
  const isBringing = exchange.leased.size > 0;
  exchange.proveAtMs = isBringing
    ? nowMs + exchange.leaseSpanMs * limits.provedPart
    : Number.POSITIVE_INFINITY;
  exchange.unfound = urgent;
  const unfound = toldUnfound(state, exchange, urgent);
  exchange.partSpanMs = isMissing ? limits.partAgainMs : nextSpanMs(exchange);
  const isWaiting = room > 0 || isMissing;
  exchange.partAtMs = isWaiting ? nowMs + exchange.partSpanMs : Number.POSITIVE_INFINITY;
  const { sha256, sizeBytes, isForeign, held } = exchange;
  effects.push({
    ...{ kind: 'sayPart', sha256, sizeBytes, isForeign, held: held.slice(), unfound, room },
    isWhole: isWhole(exchange),
    bringing: bringingOf(exchange),
  });
}

/** Others wait for who looks through what it has of the version before: the scheduler must know that it does. */
function nextSpanMs({ isUpdate, chunks, partSpanMs }: Exchange): number {
  const leastMs = isUpdate && chunks === 0 ? limits.openingSaidMs : limits.partAgainMs;
  return Math.max(leastMs, Math.min(2 * partSpanMs, limits.longestPartAgainMs));
}
