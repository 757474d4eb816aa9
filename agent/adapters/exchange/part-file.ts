// A blob that is not whole yet: a sparse file `<sha256>.part` into which chunks are written where they belong, once their hashes are
// right. What is in it is read and hashed at a start, unless the last stop left `<sha256>.map`, which says so after the data is on disk.
// The hash of all goes along with the chunks, as far as they are there without a gap: in the end little is left of it.

import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyBitmap, hasChunk, isFull, readBitmap, setChunk } from '../../../proto/bitmap.ts';
import type { Bitmap } from '../../../proto/bitmap.ts';
import {
  chunkSpans,
  indexedBytes,
  type ChunkIndex,
  type ChunkSpan,
} from '../../../proto/chunks.ts';
import { writeAll } from '../blobs/write-all.ts';

/** All chunks are right, and the whole is not: the index is wrong. */
export class DamagedBlobError extends Error {
  override readonly name = 'DamagedBlobError';
}

export class PartFile {
  readonly #file: FileHandle;
  readonly #paths: Paths;
  readonly #index: ChunkIndex;
  readonly #spans: readonly ChunkSpan[];
  readonly #held: Bitmap;
  readonly #hash = createHash('sha256');
  /** Chunks from the first on that the hash has taken. */
  #hashed = 0;
  #hashing: Promise<void> | null = null;

  private constructor(file: FileHandle, paths: Paths, index: ChunkIndex) {
    this.#file = file;
    this.#paths = paths;
    this.#index = index;
    this.#spans = chunkSpans(index);
    this.#held = emptyBitmap(index.chunks.length);
  }

  /** Finds what is there of it. Throws what the disk says; what is there stays. */
  static async open(folder: string, sha256: string, index: ChunkIndex): Promise<PartFile> {
    const paths = pathsOf(folder, sha256);
    const file = await open(paths.part, 'r+').catch(() => open(paths.part, 'wx+', 0o600));
    const part = new PartFile(file, paths, index);
    try {
      await part.#find();
    } catch (error) {
      await file.close();
      throw error;
    }
    return part;
  }

  /** Of chunks that are in it and were right; it changes with them. */
  get held(): Bitmap {
    return this.#held;
  }

  async #find(): Promise<void> {
    const { chunks } = this.#index;
    const map = await readFile(this.#paths.map).catch(() => null);
    // A stop that is not told of is one that nobody knows of: the data may be half there.
    await rm(this.#paths.map, { force: true });
    const { size } = await this.#file.stat();
    const told = map === null ? '' : readMap(map, this.#index);
    if (typeof told !== 'string' && this.#covers(told, size)) return this.#held.set(told);
    for (let chunk = 0; chunk < chunks.length; chunk += 1) {
      const span = this.#spanOf(chunk);
      if (span.offset + span.lengthBytes > size) return;
      if (hashOf(await this.#bytesOf(span)) === chunks[chunk]?.sha256) setChunk(this.#held, chunk);
    }
  }

  /** Not when the file has gone and its map has not: old files are removed one by one. */
  #covers(held: Bitmap, sizeBytes: number): boolean {
    return this.#spans.every(
      ({ offset, lengthBytes }, chunk) =>
        !hasChunk(held, chunk) || offset + lengthBytes <= sizeBytes,
    );
  }

  #spanOf(chunk: number): ChunkSpan {
    const span = this.#spans[chunk];
    if (span === undefined) throw new Error(`${this.#paths.part}: it has no chunk ${chunk}`);
    return span;
  }

  async #bytesOf({ offset, lengthBytes }: ChunkSpan): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    const { bytesRead } = await this.#file.read(bytes, 0, lengthBytes, offset);
    return bytes.subarray(0, bytesRead);
  }

  /** false: these are not the chunk's bytes, and nothing was written. Throws what the disk says. */
  async write(chunk: number, bytes: Buffer): Promise<boolean> {
    const { offset, lengthBytes } = this.#spanOf(chunk);
    const isRight =
      bytes.length === lengthBytes && hashOf(bytes) === this.#index.chunks[chunk]?.sha256;
    if (!isRight) return false;
    await writeAll(this.#file, bytes, offset);
    setChunk(this.#held, chunk);
    if (this.#hashing === null && chunk === this.#hashed) this.#takeHash(bytes);
    // What can't be read now is read at the end, where it is an error.
    this.#hashing ??= this.#hashOn()
      .catch(() => undefined)
      .finally(() => (this.#hashing = null));
    return true;
  }

  #takeHash(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#hashed += 1;
  }

  async #hashOn(): Promise<void> {
    while (hasChunk(this.#held, this.#hashed)) {
      this.#takeHash(await this.#bytesOf(this.#spanOf(this.#hashed)));
    }
  }

  /** null: it is not here. */
  async read(chunk: number): Promise<Buffer | null> {
    return hasChunk(this.#held, chunk) ? this.#bytesOf(this.#spanOf(chunk)) : null;
  }

  /** Keeps it for the next start, which then need not hash all of it; after a disk that had no room it must. */
  async close(): Promise<void> {
    const isSynced = await this.#file.datasync().then(
      () => true,
      () => false,
    );
    await this.#file.close();
    if (isSynced) await this.#writeMap().catch(() => rm(this.#paths.map, { force: true }));
  }

  async #writeMap(): Promise<void> {
    const map = await open(this.#paths.map, 'w', 0o600);
    try {
      await map.writeFile(Buffer.concat([mapHead(this.#index), this.#held]));
      await map.datasync();
    } finally {
      await map.close();
    }
  }

  /**
   * Makes it the blob, and returns the blob's file. Throws when chunks are missing, and when the whole has another hash than the
   * blob: then the index was wrong, and nothing of it is kept.
   */
  async finish(): Promise<string> {
    const { part, blob, sha256 } = this.#paths;
    const { chunks } = this.#index;
    if (!isFull(this.#held, chunks.length)) throw new Error(`${part}: chunks are missing`);
    await this.#file.truncate(indexedBytes(this.#index));
    await this.#hashing;
    await this.#hashOn();
    const found = this.#hash.digest('hex');
    if (found !== sha256) {
      await this.#file.close();
      await rm(part, { force: true });
      throw new DamagedBlobError(
        `blob ${sha256}: its chunks are right, but all of them have the hash ${found}: its index is wrong; they were dropped`,
      );
    }
    await this.#file.datasync();
    // Peers are given chunks of it until then.
    await rename(part, blob);
    await this.#file.close();
    return blob;
  }
}

interface Paths {
  readonly sha256: string;
  readonly blob: string;
  readonly part: string;
  readonly map: string;
}

function pathsOf(folder: string, sha256: string): Paths {
  const blob = join(folder, sha256);
  return { sha256, blob, part: `${blob}.part`, map: `${blob}.map` };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Which chunks the bits stand for. */
function mapHead({ chunks }: ChunkIndex): Buffer {
  const hash = createHash('sha256');
  for (const { sha256, lengthBytes } of chunks) hash.update(`${sha256} ${lengthBytes}\n`);
  return hash.digest();
}

function readMap(map: Buffer, index: ChunkIndex): Bitmap | string {
  const head = mapHead(index);
  if (!map.subarray(0, head.length).equals(head)) return 'of another index';
  const bits = map.subarray(head.length);
  return bits.length === 0 ? 'cut off' : readBitmap(bits, index.chunks.length);
}
