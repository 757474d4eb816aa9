// A blob that this node takes part in exchanging: what there is of it, and where.

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setChunk, type Bitmap } from '../../../proto/bitmap.ts';
import { chunkSpans, type ChunkIndex } from '../../../proto/chunks.ts';
import type { ServedChunk } from './chunk-server.ts';
import type { ForeignBlob } from './foreign-blob.ts';
import { isDiskFull } from '../state/disk-full.ts';
import { DamagedBlobError, PartFile } from './part-file.ts';

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
  /** Nobody has looked at the file's bytes since the agent started: each chunk is hashed before it is given away. */
  readonly isUnchecked?: boolean;
}

/** A blob of which the disk may have much: its signed index says what, wherever that comes from. */
export interface Update {
  readonly indexSha256: string;
  /** Puts into the part what the disk has of it. */
  readonly fill: (part: PartFile, index: ChunkIndex) => Promise<void>;
}

/** With what is there of it already, and of versions before. Throws what the disk says. */
export async function openPart(
  folder: string,
  sha256: string,
  { index, update }: { readonly index: ChunkIndex; readonly update: Update | undefined },
): Promise<PartFile> {
  const part = await PartFile.open(folder, sha256, index);
  try {
    await update?.fill(part, index);
    return part;
  } catch (error) {
    await part.close();
    throw error;
  }
}

/** Why a blob is exchanged here no more, beside that it was closed: its disk is full, or its chunks do not make it. */
export type LeftWhy = 'full' | 'damaged' | null;

export function whyLeft(error: unknown): LeftWhy {
  if (isDiskFull(error)) return 'full';
  return error instanceof DamagedBlobError ? 'damaged' : null;
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
  { part, file, index, foreign, isUnchecked = false }: OpenBlob,
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
    const isRight = !isUnchecked || hashOf(bytes) === index.chunks[chunk]?.sha256;
    return isRight && bytesRead === span.lengthBytes ? bytes : null;
  } finally {
    await handle.close();
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
