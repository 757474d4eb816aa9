// Where the chunks of a stream of bytes end: after a fixed number of bytes, or where their content says so.

import { createHash } from 'node:crypto';
import type { ChunkIndex, ChunkSizes } from '../../proto/chunks.ts';

/** Cuts one stream of bytes; it keeps none of them. */
export interface Cutter {
  readonly sizes: ChunkSizes;
  /** How many of these bytes, which come next, are up to the end of the present chunk; null: it goes on after them. */
  readonly cut: (bytes: Uint8Array) => number | null;
}

/** Chunks of this size; the last one is what is left. */
export function fixedCutter(chunkBytes: number): Cutter {
  let missing = chunkBytes;
  return {
    sizes: { minBytes: chunkBytes, averageBytes: chunkBytes, maxBytes: chunkBytes },
    cut: ({ length }) => {
      const end = missing;
      missing = length < end ? end - length : chunkBytes;
      return length < end ? null : end;
    },
  };
}

/** The chunks of that index; what comes after them is one more. */
export function listedCutter({ sizes, chunks }: ChunkIndex): Cutter {
  let at = 0;
  let length = 0;
  const cut = (bytes: Uint8Array): number | null => {
    const end = (chunks[at]?.lengthBytes ?? Infinity) - length;
    if (bytes.length < end) {
      length += bytes.length;
      return null;
    }
    at += 1;
    length = 0;
    return end;
  };
  return { sizes, cut };
}

const kibibyte = 1024;

/**
 * Of chunks that their content cuts; changed, each release would cost all of its bytes once more. Four times as long,
 * an update of 5 % in four places cost 9.8 % of 50 MB instead of 6.2 % (`npm run bench -- update`).
 */
export const contentSizes: ChunkSizes = {
  minBytes: 16 * kibibyte,
  averageBytes: 64 * kibibyte,
  maxBytes: 256 * kibibyte,
};
/**
 * Bits of the hash that must be 0 for a chunk to end, of 16 that would give the average: two more before it and two less
 * after it bring the sizes near to it (normalized chunking). The highest ones, which most bytes before have a say in.
 */
const strictMask = 0xffffc000;
const looseMask = 0xfffc0000;

/**
 * A number for each byte: the first four bytes of the SHA-256 of this byte alone, so that nobody has to wonder
 * where they come from.
 */
export const gear = Int32Array.from({ length: 256 }, (_, byte) =>
  createHash('sha256').update(Uint8Array.of(byte)).digest().readInt32BE(),
);

/**
 * FastCDC (Xia et al., USENIX ATC 2016) with a hash of 32 bits: bytes that are put in or left out change the chunks
 * around them and no others.
 */
export function contentCutter(): Cutter {
  const { minBytes, averageBytes, maxBytes } = contentSizes;
  let length = 0;
  let hash = 0;
  /** Hashes on to where the chunk is `until` bytes long; where it ends before, or -1. */
  const scan = (bytes: Uint8Array, from: number, { until, mask }: Stretch): number => {
    const end = Math.min(bytes.length, from + until - length);
    let word = hash;
    for (let at = from; at < end; at += 1) {
      word = ((word << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0;
      if ((word & mask) === 0) return at + 1;
    }
    hash = word;
    length += Math.max(0, end - from);
    return -1;
  };
  const cut = (bytes: Uint8Array): number | null => {
    // No chunk ends here, whatever its bytes: they are passed over.
    const start = Math.min(bytes.length, Math.max(0, minBytes - length));
    length += start;
    const before = length;
    let end = scan(bytes, start, { until: averageBytes, mask: strictMask });
    const middle = start + length - before;
    if (end < 0) end = scan(bytes, middle, { until: maxBytes, mask: looseMask });
    if (end < 0 && length === maxBytes) end = start + length - before;
    if (end < 0) return null;
    length = 0;
    hash = 0;
    return end;
  };
  return { sizes: contentSizes, cut };
}

/** Part of a chunk, and which bits end it there. */
interface Stretch {
  readonly until: number;
  readonly mask: number;
}
