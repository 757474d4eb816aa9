// What versions on the disk have of a new one's chunks. Nothing of it is believed: whoever takes bytes hashes them.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, readFile } from 'node:fs/promises';
import { hasChunk } from '../../../proto/bitmap.ts';
import type { Chunk, ChunkIndex } from '../../../proto/chunks.ts';
import { chunkSpans, decodeIndex } from '../../../proto/chunks.ts';
import type { PartFile } from '../exchange/part-file.ts';

/** A tar and its index; empty: it has the new one's. */
export interface Source {
  readonly tar: string;
  readonly index: string;
}

/** Where a chunk is on this node's disk. */
interface Place {
  readonly file: string;
  readonly offset: number;
}

/** A file of zeros has one chunk thousands of times: a damaged one is looked for in few other places. */
const mostPlaces = 4;

export class KnownChunks {
  readonly #places: ReadonlyMap<string, readonly Place[]>;
  readonly #files = new Map<string, FileHandle | null>();

  private constructor(places: ReadonlyMap<string, readonly Place[]>) {
    this.#places = places;
  }

  /** Of those that the new version has, too. */
  static async of(sources: readonly Source[], own: ChunkIndex): Promise<KnownChunks> {
    const wanted = new Set(own.chunks.map(({ sha256 }) => sha256));
    const places = new Map<string, Place[]>();
    for (const { tar, index } of sources) {
      const listed = index === '' ? own : await readIndex(index);
      const spans = chunkSpans(listed);
      for (const [at, { sha256 }] of listed.chunks.entries()) {
        if (!wanted.has(sha256)) continue;
        const offset = spans[at]?.offset ?? 0;
        const known = places.get(sha256) ?? [];
        if (known.length < mostPlaces) places.set(sha256, [...known, { file: tar, offset }]);
      }
    }
    return new KnownChunks(places);
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file?.close();
  }

  /** What stands where the chunk should be, place by place: it may be damaged. */
  async *candidates({ sha256, lengthBytes }: Chunk): AsyncGenerator<Buffer> {
    for (const { file, offset } of this.#places.get(sha256) ?? []) {
      const handle = await this.#open(file);
      if (handle === null) continue;
      const bytes = Buffer.alloc(lengthBytes);
      const { bytesRead } = await handle.read(bytes, 0, lengthBytes, offset);
      if (bytesRead === lengthBytes) yield bytes;
    }
  }

  /** The chunk's bytes; null: they are nowhere here. */
  async find(chunk: Chunk): Promise<Buffer | null> {
    for await (const bytes of this.candidates(chunk)) {
      if (createHash('sha256').update(bytes).digest('hex') === chunk.sha256) return bytes;
    }
    return null;
  }

  async #open(file: string): Promise<FileHandle | null> {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    const handle = await open(file, 'r').catch(() => null);
    this.#files.set(file, handle);
    return handle;
  }
}

/** Puts into the file what other files have of it. Throws what the disk says. */
export async function fillPart(
  part: Pick<PartFile, 'held' | 'write'>,
  index: ChunkIndex,
  sources: readonly Source[],
): Promise<void> {
  const known = await KnownChunks.of(sources, index);
  try {
    for (const [at, chunk] of index.chunks.entries()) {
      if (!hasChunk(part.held, at)) await fillChunk(part, at, known.candidates(chunk));
    }
  } finally {
    await known.close();
  }
}

async function fillChunk(
  part: Pick<PartFile, 'write'>,
  at: number,
  candidates: AsyncIterable<Buffer>,
): Promise<void> {
  for await (const bytes of candidates) if (await part.write(at, bytes)) return;
}

async function readIndex(file: string): Promise<ChunkIndex> {
  const found = decodeIndex(await readFile(file));
  return typeof found === 'string' ? { sizes: nothing, chunks: [] } : found;
}

const nothing = { minBytes: 0, averageBytes: 0, maxBytes: 0 };
