// Makes the index of a blob in one pass over its bytes.

import { createHash } from 'node:crypto';
import type { Chunk, ChunkIndex } from '../../proto/chunks.ts';
import type { Cutter } from './cutter.ts';

/** Fails when the stream does. The bytes are hashed as they come, a part at a time. */
export async function makeIndex(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  cutter: Cutter,
): Promise<ChunkIndex> {
  const chunks: Chunk[] = [];
  let hash = createHash('sha256');
  let lengthBytes = 0;
  const end = (): void => {
    chunks.push({ sha256: hash.digest('hex'), lengthBytes });
    hash = createHash('sha256');
    lengthBytes = 0;
  };
  for await (const part of stream) {
    for (let rest = part; rest.length > 0;) {
      const cut = cutter.cut(rest);
      const own = rest.subarray(0, cut ?? rest.length);
      hash.update(own);
      lengthBytes += own.length;
      if (cut !== null) end();
      rest = rest.subarray(own.length);
    }
  }
  if (lengthBytes > 0) end();
  return { sizes: cutter.sizes, chunks };
}
