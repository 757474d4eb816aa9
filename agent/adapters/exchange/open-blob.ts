// A blob that this node takes part in exchanging: what there is of it, and where.

import { open } from 'node:fs/promises';
import { setChunk, type Bitmap } from '../../../proto/bitmap.ts';
import { chunkSpans, type ChunkIndex } from '../../../proto/chunks.ts';
import type { ServedChunk } from './chunk-server.ts';
import type { ForeignBlob } from './foreign-blob.ts';
import type { PartFile } from './part-file.ts';

export interface OpenBlob {
  readonly index: ChunkIndex;
  readonly indexBytes: Uint8Array;
  readonly held: Bitmap;
  /** null: it was whole already, or is a package. */
  readonly part: PartFile | null;
  /** null: the federation's. */
  readonly foreign: ForeignBlob | null;
  /** Once it is whole. */
  file: string | null;
}

/** A package is in this file now; null: it is not. */
export function keep(blob: OpenBlob, file: string | null): boolean {
  if (file === null) return false;
  blob.file = file;
  setChunk(blob.held, 0);
  return true;
}

/** null: it is not here any more. */
export async function readChunk(
  { part, file, index, foreign }: OpenBlob,
  chunk: number,
): Promise<ServedChunk | null> {
  if (file === null) return (await part?.read(chunk)) ?? null;
  const span = chunkSpans(index)[chunk];
  if (span === undefined) return null;
  const handle = await open(file, 'r').catch(() => null);
  if (handle === null) return null;
  if (foreign !== null) return { lengthBytes: span.lengthBytes, bytes: handle.createReadStream() };
  try {
    const bytes = Buffer.alloc(span.lengthBytes);
    const { bytesRead } = await handle.read(bytes, 0, span.lengthBytes, span.offset);
    return bytesRead === span.lengthBytes ? bytes : null;
  } finally {
    await handle.close();
  }
}
