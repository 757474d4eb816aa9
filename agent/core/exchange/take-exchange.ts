// The exchange of blobs at a node: takes what happened, and says what to do next. Peers are believed in nothing but that they
// may have a chunk; what a chunk is, its hash has said before it comes here.

import * as applied from './apply-exchange.ts';
import { isWhole, keyOf, newExchange } from './exchange.ts';
import type { Exchange, ExchangeState, NewBlob } from './exchange.ts';
import * as limits from './limits.ts';
import { look } from './look.ts';
import type { ExchangeCommand, ExchangeEffect } from './words.ts';

type OfOneBlob = Extract<ExchangeCommand, { readonly sha256: string }>;
type OfPeer = Extract<OfOneBlob, { readonly chunk: number }>;

/** Changes the state. The effects are to be carried out in their order. */
export function takeExchange(
  state: ExchangeState,
  command: ExchangeCommand,
  nowMs: number,
): readonly ExchangeEffect[] {
  const effects: ExchangeEffect[] = [];
  hear(state, command, { nowMs, effects });
  for (const exchange of state.exchanges.values()) look(state, exchange, { nowMs, effects });
  return effects;
}

interface Turn {
  readonly nowMs: number;
  readonly effects: ExchangeEffect[];
}

function hear(state: ExchangeState, command: ExchangeCommand, turn: Turn): void {
  const { nowMs } = turn;
  switch (command.kind) {
    case 'tick':
      return;
    case 'roundTrip': {
      const before = state.pace;
      applied.measure(state, command);
      if (state.pace !== before) turn.effects.push({ kind: 'pace', part: state.pace });
      return;
    }
    case 'schedulerHere':
      return applied.meetScheduler(state, command.isHere, nowMs);
    case 'blobWanted':
    case 'blobOpened': {
      const exchange = state.exchanges.get(command.sha256) ?? begin(state, command, turn);
      if (exchange === null) return;
      if (command.kind === 'blobWanted') applied.want(exchange, command);
      else applied.open(exchange, command, nowMs);
      return;
    }
    default: {
      const exchange = state.exchanges.get(command.sha256);
      if (exchange !== undefined) hearOfBlob(state, exchange, { command, turn });
    }
  }
}

/** One that is whole makes room for one that is not; for a package another package. */
function begin(state: ExchangeState, blob: NewBlob, { nowMs, effects }: Turn): Exchange | null {
  const { exchanges } = state;
  const isForeign = blob.isForeign === true;
  const rivals = [...exchanges.values()].filter((each) => !isForeign || each.isForeign);
  if (rivals.length >= (isForeign ? limits.maxForeign : limits.maxExchanges)) {
    const oldest = rivals.find(isWhole);
    if (oldest === undefined) {
      effects.push({ kind: 'notExchanged', sha256: blob.sha256 });
      return null;
    }
    exchanges.delete(oldest.sha256);
    effects.push({ kind: 'sayLeft', sha256: oldest.sha256 });
  }
  const exchange = newExchange(blob, nowMs);
  exchanges.set(blob.sha256, exchange);
  return exchange;
}

function hearOfBlob(
  state: ExchangeState,
  exchange: Exchange,
  {
    command,
    turn: { nowMs, effects },
  }: {
    readonly command: Exclude<OfOneBlob, { readonly kind: 'blobWanted' | 'blobOpened' }>;
    readonly turn: Turn;
  },
): void {
  switch (command.kind) {
    case 'blobLeft':
      state.exchanges.delete(command.sha256);
      effects.push({ kind: 'sayLeft', sha256: command.sha256 });
      return;
    case 'indexFailed':
      return applied.missIndex(exchange, command.peer, nowMs);
    case 'chunksLeased':
      exchange.capability = command.capability ?? exchange.capability;
      exchange.heardMs = nowMs;
      return applied.lease(exchange, command, nowMs);
    case 'exchangeTold':
      exchange.indexSha256 = command.indexSha256;
      exchange.heardMs = nowMs;
      return applied.know(exchange, command.peers, nowMs);
    case 'runEnded':
      return applied.endRun(exchange, command.isRight, nowMs);
    case 'peerHas':
      return applied.hearPeer(exchange, command, nowMs);
    case 'chunkCame':
      return came(exchange, command, { nowMs, effects });
    case 'chunkBad':
    case 'peerBusy':
    case 'peerFailed':
      return failed(exchange, command, nowMs);
  }
}

function came(
  exchange: Exchange,
  { chunk, peer }: Extract<OfOneBlob, { readonly kind: 'chunkCame' }>,
  { nowMs, effects }: Turn,
): void {
  if (chunk >= exchange.chunks) return;
  const wasWhole = isWhole(exchange);
  const giver = peer === null ? undefined : exchange.peers.get(keyOf(peer));
  applied.hold(exchange, chunk, nowMs);
  if (giver !== undefined) giver.failures = 0;
  if (!wasWhole && isWhole(exchange)) {
    effects.push({ kind: 'blobWhole', sha256: exchange.sha256 });
  }
}

/** The chunk is free to be asked of somebody else, if it was on its way from this peer. */
function failed(exchange: Exchange, command: OfPeer, nowMs: number): void {
  if (command.kind === 'chunkCame' || chunkIsElsewhere(exchange, command)) return;
  const peer = exchange.peers.get(keyOf(command.peer));
  exchange.flights.delete(command.chunk);
  if (peer === undefined) return;
  if (command.kind === 'chunkBad') return applied.ban(exchange, peer, command.chunk);
  if (command.kind === 'peerFailed')
    return applied.deny(exchange, { peer, chunk: command.chunk }, nowMs);
  peer.restUntilMs = nowMs + Math.min(Math.max(command.restMs, 1), limits.longestRestMs);
}

function chunkIsElsewhere({ flights }: Exchange, { chunk, peer }: OfPeer): boolean {
  const flight = flights.get(chunk);
  return flight === undefined || peer === null || flight.peer !== keyOf(peer);
}
