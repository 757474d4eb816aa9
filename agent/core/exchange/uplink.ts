// What is brought over the uplink: chunks that are this node's to bring, those that peers have wrong, and, while the scheduler
// is away, those that nobody has.

import { hasChunk } from '../../../proto/bitmap.ts';
import { isWhole, spread, unfoundChunks, type Exchange, type ExchangeState } from './exchange.ts';
import * as limits from './limits.ts';

export interface Run {
  readonly first: number;
  /** The chunk after the last. */
  readonly end: number;
}

/** Chunks to fetch with one request, or null: there is nothing to bring now. */
export function nextRun(state: ExchangeState, exchange: Exchange, nowMs: number): Run | null {
  const { chunks, hasRun, originAtMs, capability } = exchange;
  if (chunks === 0 || hasRun || isWhole(exchange) || originAtMs > nowMs) return null;
  const leased = [...exchange.leased.keys()].filter((chunk) => isMissing(exchange, chunk));
  if (leased.length > 0) return firstRun(leased.sort((one, other) => one - other));
  if (capability === null) return null;
  for (const [chunk, count] of exchange.badPeers) {
    const isLeftToOrigin = count >= limits.maxBadPeers && isMissing(exchange, chunk);
    if (isLeftToOrigin) return { first: chunk, end: chunk + 1 };
  }
  const due = awayChunks(state, exchange, nowMs).find(({ atMs }) => atMs <= nowMs);
  return due === undefined ? null : { first: due.chunk, end: due.chunk + 1 };
}

function isMissing({ held, flights }: Exchange, chunk: number): boolean {
  return !hasChunk(held, chunk) && !flights.has(chunk);
}

function firstRun(chunks: readonly number[]): Run | null {
  const [first] = chunks;
  if (first === undefined) return null;
  let end = first + 1;
  while (chunks[end - first] === end) end += 1;
  return { first, end };
}

/** When the next chunk that nobody has is fetched though nobody has leased it; Infinity: none is. */
export function nextAwayMs(state: ExchangeState, exchange: Exchange, nowMs: number): number {
  if (exchange.hasRun || exchange.capability === null) return Number.POSITIVE_INFINITY;
  const awayMs = awayFromMs(state, exchange);
  if (awayMs > nowMs) return awayMs;
  return awayChunks(state, exchange, nowMs).reduce(
    (next, { atMs }) => Math.min(next, atMs),
    Number.POSITIVE_INFINITY,
  );
}

/** Since when the scheduler is taken to be away, for this blob. */
function awayFromMs(state: ExchangeState, { sinceMs, heardMs }: Exchange): number {
  if (state.isSchedulerHere) return heardMs + limits.schedulerSilentMs;
  return Math.max(state.awaySinceMs, sinceMs);
}

function awayChunks(
  state: ExchangeState,
  exchange: Exchange,
  nowMs: number,
): readonly { readonly chunk: number; readonly atMs: number }[] {
  const awayMs = awayFromMs(state, exchange);
  if (awayMs > nowMs) return [];
  const { sha256 } = exchange;
  const fromMs = awayMs + limits.awayLeastMs;
  return unfoundChunks(state, exchange).map((chunk) => ({
    chunk,
    atMs: fromMs + spread(`${state.salt} ${sha256} ${chunk}`) * limits.awaySpreadMs,
  }));
}
