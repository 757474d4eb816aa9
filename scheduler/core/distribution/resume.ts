// A scheduler that has started anew knows nothing of what it leased: nodes tell what they have and bring.

import { hasChunk } from '../../../proto/bitmap.ts';
import type { BlobPart, Exchange, Runs } from './exchange.ts';
import { bitmapOf } from './exchange.ts';

/** Somebody has or brings what nobody was leased: this scheduler has started anew, and others may be bringing some, too. */
export function isUnderWay(
  { isUpdate, isForeign, chunkCount, wasLeased }: Exchange,
  part: BlobPart,
): boolean {
  if (isForeign) return false;
  // Of an update each has what its version before had.
  const held = isUpdate || part.isWhole ? new Uint8Array(0) : bitmapOf(part.held, chunkCount);
  const bringing = bitmapOf(part.bringing, chunkCount);
  return wasLeased.some(
    (isLeased, chunk) => isLeased === 0 && (hasChunk(held, chunk) || hasChunk(bringing, chunk)),
  );
}

/** Of what a node says that it brings, the first so many chunks that nobody has and no other one brings. */
export function broughtBefore(
  { chunkCount, batchOf, copies }: Exchange,
  part: BlobPart,
  most: number,
): { readonly runs: Runs; readonly chunks: number } {
  const told = bitmapOf(part.bringing, chunkCount);
  const runs: number[] = [];
  let chunks = 0;
  for (let chunk = 0; chunk < chunkCount && chunks < most; chunk += 1) {
    if (!hasChunk(told, chunk) || batchOf[chunk] !== 0 || copies[chunk] !== 0) continue;
    if (runs.at(-1) === chunk) runs[runs.length - 1] = chunk + 1;
    else runs.push(chunk, chunk + 1);
    chunks += 1;
  }
  return { runs, chunks };
}
