// What the scheduler is told of a blob, and when: as little as lets it lease what is missing before the line idles.

import { emptyBitmap, hasChunk, setChunk, type Bitmap } from '../../../proto/bitmap.ts';
import {
  isCountedOn,
  isWhole,
  unfoundChunks,
  type Exchange,
  type ExchangeState,
} from './exchange.ts';
import * as limits from './limits.ts';

/** Chunks that it would bring now: a batch once half of the last one is left, and then not again until that has come. */
export function roomOf(exchange: Exchange): number {
  if (isWhole(exchange)) return 0;
  const { leased, lastBatch, chunks, heldCount, isUpdate } = exchange;
  if (leased.size > lastBatch / 2) return 0;
  // Who has one to bring fetches the index; most others it may have already.
  if (chunks === 0 && isUpdate) return 1;
  const missing = chunks === 0 ? limits.batchChunks : chunks - heldCount - leased.size;
  return Math.min(limits.batchChunks, missing);
}

/**
 * Chunks that no peer has and that are worth a message: those that only peers say they have which give wrong bytes or none at once, all
 * of them once nothing came for a while.
 */
export function urgentUnfound(state: ExchangeState, exchange: Exchange, nowMs: number): Bitmap {
  const bitmap = emptyBitmap(exchange.chunks);
  const isStuck = nowMs >= exchange.changedMs + limits.unfoundAfterMs;
  const bad = [...exchange.peers.values()].filter((peer) => !isCountedOn(peer));
  if (!isStuck && bad.length === 0) return bitmap;
  for (const chunk of unfoundChunks(state, exchange)) {
    if (isStuck || bad.some(({ held }) => hasChunk(held, chunk))) setChunk(bitmap, chunk);
  }
  return bitmap;
}

/**
 * Chunks that no peer has, as the scheduler is told with a message that is due anyway. Who brings chunks tells all: it is asked for more as
 * long as others come, and the scheduler knows for how long each has been at the site.
 */
export function toldUnfound(state: ExchangeState, exchange: Exchange, urgent: Bitmap): Bitmap {
  if (exchange.partSpanMs > 0) return urgent;
  const bitmap = emptyBitmap(exchange.chunks);
  for (const chunk of unfoundChunks(state, exchange)) setChunk(bitmap, chunk);
  return bitmap;
}

/** A scheduler that has started anew must not have it brought by another one. */
export function bringingOf({ chunks, leased }: Exchange): Bitmap {
  if (leased.size === 0) return emptyBitmap(0);
  const bitmap = emptyBitmap(chunks);
  for (const chunk of leased.keys()) if (chunk < chunks) setChunk(bitmap, chunk);
  return bitmap;
}

/** Whether one has a chunk that the other has not. */
export function hasMore(one: Bitmap, other: Bitmap): boolean {
  return one.some((byte, at) => (byte & ~(other[at] ?? 0)) !== 0);
}
