// A new version's tar, put together of what the versions on the disk have of it and of what only the
// federation has. Each chunk is hashed before it counts, and the whole at the end.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import type { ChunkIndex } from '../../../proto/chunks.ts';
import { chunkSpans } from '../../../proto/chunks.ts';
import { hashOf } from '../blobs/hash-file.ts';
import { writeAll } from '../blobs/write-all.ts';
import type { Source } from './known-chunks.ts';
import { KnownChunks } from './known-chunks.ts';
import { ReleaseError } from './release-error.ts';

/** Chunks of the blob, one after another, which are not here. */
export interface Run {
  readonly offset: number;
  readonly lengthBytes: number;
  readonly chunks: readonly { readonly sha256: string; readonly lengthBytes: number }[];
}

/** One request asks for no more, so that a cut costs little. */
const mostRunBytes = 4_000_000;

export interface PutTogether {
  readonly index: ChunkIndex;
  readonly sources: readonly Source[];
  readonly to: string;
  readonly sha256: string;
  /** The bytes of a run. Throws ReleaseError. */
  readonly fetch: (run: Run) => Promise<Buffer>;
}

/** Returns the bytes that were fetched. Throws ReleaseError; what came stays in the file for the next try. */
export async function putTogether(wanted: PutTogether): Promise<number> {
  const { index, sources, to, sha256, fetch } = wanted;
  const target = await open(to, 'a+').then(async (made) => {
    await made.close();
    return open(to, 'r+');
  });
  try {
    const missing = await copyKnown(index, [...sources, { tar: to, index: '' }], target);
    let fetchedBytes = 0;
    for (const run of runsOf(index, missing)) {
      await write(target, run, await fetch(run));
      fetchedBytes += run.lengthBytes;
    }
    const spans = chunkSpans(index);
    const last = spans.at(-1);
    await target.truncate((last?.offset ?? 0) + (last?.lengthBytes ?? 0));
    await target.sync();
    if ((await hashOf(target)) === sha256) return fetchedBytes;
    await target.truncate(0);
  } finally {
    await target.close();
  }
  throw new ReleaseError(
    'damaged',
    `${sha256}: its index does not lead to it: nothing is installed.`,
  );
}

/** Returns the chunks, by number, that are nowhere here. */
async function copyKnown(
  index: ChunkIndex,
  sources: readonly Source[],
  target: FileHandle,
): Promise<readonly number[]> {
  const known = await KnownChunks.of(sources, index);
  const missing: number[] = [];
  const spans = chunkSpans(index);
  try {
    for (const [at, chunk] of index.chunks.entries()) {
      const bytes = await known.find(chunk);
      if (bytes === null) missing.push(at);
      else await writeAll(target, bytes, spans[at]?.offset ?? 0);
    }
  } finally {
    await known.close();
  }
  return missing;
}

/** Neighbours go in one request. */
export function runsOf(index: ChunkIndex, missing: readonly number[]): readonly Run[] {
  const spans = chunkSpans(index);
  const runs: { offset: number; lengthBytes: number; chunks: Run['chunks'][number][] }[] = [];
  for (const at of missing) {
    const [span, chunk] = [spans[at], index.chunks[at]];
    if (span === undefined || chunk === undefined) continue;
    const last = runs.at(-1);
    const isNext = last !== undefined && last.offset + last.lengthBytes === span.offset;
    if (isNext && last.lengthBytes + span.lengthBytes <= mostRunBytes) {
      last.lengthBytes += span.lengthBytes;
      last.chunks.push(chunk);
    } else runs.push({ ...span, chunks: [chunk] });
  }
  return runs;
}

async function write(target: FileHandle, run: Run, bytes: Buffer): Promise<void> {
  let at = 0;
  for (const { sha256, lengthBytes } of run.chunks) {
    const chunk = bytes.subarray(at, at + lengthBytes);
    if (chunk.length !== lengthBytes || hash(chunk) !== sha256) {
      const text = `chunk ${sha256}: other bytes came; they were dropped, and it is tried again.`;
      throw new ReleaseError('damaged', text);
    }
    await writeAll(target, chunk, run.offset + at);
    at += lengthBytes;
  }
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
