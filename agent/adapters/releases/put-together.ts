// A new version's tar, put together of what the versions on the disk have of it and of what only the
// federation has. Each chunk is hashed before it counts, and the whole at the end.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, readFile } from 'node:fs/promises';
import type { ChunkIndex } from '../../../proto/chunks.ts';
import { chunkSpans, decodeIndex } from '../../../proto/chunks.ts';
import { writeAll } from '../blobs/write-all.ts';
import { ReleaseError } from './release-error.ts';

/** Where a chunk is on this node's disk. */
interface Place {
  readonly file: string;
  readonly offset: number;
}

/** A file of zeros has one chunk thousands of times: a damaged one is looked for in few other places. */
const mostPlaces = 4;

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
  /** Tars of other versions, and their indexes. */
  readonly sources: readonly { readonly tar: string; readonly index: string }[];
  readonly to: string;
  readonly sha256: string;
  /** The bytes of a run. Throws ReleaseError. */
  readonly fetch: (run: Run) => Promise<Buffer>;
}

/** Returns the bytes that were fetched. Throws ReleaseError; what came stays in the file for the next try. */
export async function putTogether(wanted: PutTogether): Promise<number> {
  const { index, sources, to, sha256, fetch } = wanted;
  const places = await placesOf([...sources, { tar: to, index: '' }], index);
  const target = await open(to, 'a+').then(async (made) => {
    await made.close();
    return open(to, 'r+');
  });
  try {
    const missing = await copyKnown(index, places, target);
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

/** Where each chunk may be: in other versions, and where an earlier try has put it already. */
async function placesOf(
  sources: PutTogether['sources'],
  own: ChunkIndex,
): Promise<ReadonlyMap<string, readonly Place[]>> {
  const places = new Map<string, Place[]>();
  for (const { tar, index } of sources) {
    const listed = index === '' ? own : await readIndex(index);
    const spans = chunkSpans(listed);
    for (const [at, { sha256 }] of listed.chunks.entries()) {
      const offset = spans[at]?.offset ?? 0;
      const known = places.get(sha256) ?? [];
      if (known.length < mostPlaces) places.set(sha256, [...known, { file: tar, offset }]);
    }
  }
  return places;
}

async function readIndex(file: string): Promise<ChunkIndex> {
  const found = decodeIndex(await readFile(file));
  return typeof found === 'string' ? { sizes: nothing, chunks: [] } : found;
}

const nothing = { minBytes: 0, averageBytes: 0, maxBytes: 0 };

/** Returns the chunks, by number, that are nowhere here. */
async function copyKnown(
  index: ChunkIndex,
  places: ReadonlyMap<string, readonly Place[]>,
  target: FileHandle,
): Promise<readonly number[]> {
  const files = new Map<string, FileHandle>();
  const missing: number[] = [];
  const spans = chunkSpans(index);
  try {
    for (const [at, chunk] of index.chunks.entries()) {
      const bytes = await find(chunk, places.get(chunk.sha256) ?? [], files);
      if (bytes === null) missing.push(at);
      else await writeAll(target, bytes, spans[at]?.offset ?? 0);
    }
  } finally {
    for (const file of files.values()) await file.close();
  }
  return missing;
}

async function find(
  { sha256, lengthBytes }: ChunkIndex['chunks'][number],
  places: readonly Place[],
  files: Map<string, FileHandle>,
): Promise<Buffer | null> {
  for (const { file, offset } of places) {
    const handle = files.get(file) ?? (await open(file, 'r').catch(() => null));
    if (handle === null) continue;
    files.set(file, handle);
    const bytes = Buffer.alloc(lengthBytes);
    const { bytesRead } = await handle.read(bytes, 0, lengthBytes, offset);
    if (bytesRead === lengthBytes && hash(bytes) === sha256) return bytes;
  }
  return null;
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

async function hashOf(target: FileHandle): Promise<string> {
  const sum = createHash('sha256');
  for await (const part of target.createReadStream({ start: 0, autoClose: false })) {
    sum.update(part as Buffer);
  }
  return sum.digest('hex');
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
