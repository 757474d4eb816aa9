// The index of a blob: one that came, checked, and one that is made here of a blob that is whole.

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import {
  decodeIndex,
  fixedChunkBytes,
  type Chunk,
  type ChunkIndex,
} from '../../../proto/chunks.ts';

/** `sha256` null: the origin's word, over a connection that is its own. */
export function checkedIndex(bytes: Buffer, sha256: string | null, sizeBytes: number): ChunkIndex {
  const found = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== null && found !== sha256) {
    throw new Error(`index: wanted the hash ${sha256}, found ${found}`);
  }
  const index = decodeIndex(bytes);
  if (typeof index === 'string') throw new Error(index);
  const indexed = index.chunks.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  if (indexed === sizeBytes) return index;
  throw new Error(`index: wanted a blob of ${sizeBytes} bytes, found ${indexed}`);
}

/** As the origin makes it of a blob that is cut into chunks of one length. */
export async function indexOf(file: string, sizeBytes: number): Promise<ChunkIndex> {
  const length = fixedChunkBytes(sizeBytes);
  const sizes = { minBytes: length, averageBytes: length, maxBytes: length };
  const chunks: Chunk[] = [];
  const handle = await open(file, 'r');
  try {
    const bytes = Buffer.alloc(length);
    for (let offset = 0; offset < sizeBytes; offset += length) {
      const { bytesRead } = await handle.read(bytes, 0, length, offset);
      const hash = createHash('sha256').update(bytes.subarray(0, bytesRead)).digest('hex');
      chunks.push({ sha256: hash, lengthBytes: bytesRead });
    }
  } finally {
    await handle.close();
  }
  return { sizes, chunks };
}
