// Indexes of blobs, made when they are first wanted and kept as `<data>/blobs/index/<blob>-<its own SHA-256>`:
// a damaged one does not hash to its name and is made again.

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import PQueue from 'p-queue';
import type { ChunkIndex } from '../../../proto/chunks.ts';
import {
  decodeIndex,
  encodeIndex,
  fixedChunkBytes,
  fixedChunkCount,
  indexBytes,
  maxChunks,
  maxIndexBytes,
} from '../../../proto/chunks.ts';
import { fixedCutter, listedCutter } from '../../chunking/cutter.ts';
import { makeIndex } from '../../chunking/make-index.ts';
import { BlobError, asBlobError } from './blob-error.ts';
import type { BlobStore } from './blob-store.ts';

/** What a node must know to believe an index, and the scheduler to lease chunks. */
export interface IndexFacts {
  /** Of the index itself. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly chunks: number;
}

export interface BlobIndexesOptions {
  readonly dataFolder: string;
  readonly blobs: Pick<BlobStore, 'read' | 'readBytes' | 'size'>;
  /** The index, itself a blob, that whoever signed this blob named for it; undefined: none did. */
  readonly namedIndex: (sha256: string) => string | undefined;
}

/** About 200 bytes each. */
const factsKept = 10_000;
/** A large blob does not keep small ones waiting. */
const madeAtOnce = 2;
const form = /^([0-9a-f]{64})-([0-9a-f]{64})$/;

export class BlobIndexes {
  readonly #folder: string;
  readonly #options: BlobIndexesOptions;
  readonly #queue = new PQueue({ concurrency: madeAtOnce });
  /** SHA-256 of the index that is on the disk, by its blob's. */
  readonly #onDisk: Map<string, string>;
  /** Those used last, by `#key`; a promise while one is made, so that a hundred nodes have it made once. */
  readonly #known = new Map<string, Promise<IndexFacts | undefined>>();

  private constructor(folder: string, names: readonly string[], options: BlobIndexesOptions) {
    this.#folder = folder;
    this.#options = options;
    const pairs = names.map((name) => form.exec(name) ?? []);
    this.#onDisk = new Map(pairs.map(([, blob = '', own = '']) => [blob, own]));
  }

  /** Makes `<data>/blobs/index`, and removes what unfinished writes left there. */
  static async open(options: BlobIndexesOptions): Promise<BlobIndexes> {
    const folder = path.join(options.dataFolder, 'blobs', 'index');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    const unfinished = names.filter((name) => !form.test(name));
    for (const name of unfinished) await rm(path.join(folder, name), { force: true });
    return new BlobIndexes(
      folder,
      names.filter((name) => form.test(name)),
      options,
    );
  }

  /**
   * Of this blob's index, which is made if need be: that takes one pass over the blob. undefined: the blob is not
   * here, or too large to be shared. Fails with a BlobError when the disk does, or when the blob is damaged or not
   * what its signed index says.
   */
  indexOf(sha256: string): Promise<IndexFacts | undefined> {
    const key = this.#key(sha256);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const finding = this.#queue.add(() => this.#findOrMake(sha256));
    this.#known.set(key, finding);
    const forget = (): void => {
      if (this.#known.get(key) === finding) this.#known.delete(key);
    };
    // A blob may come yet, and a disk be mended.
    finding.then((found) => (found === undefined ? forget() : undefined), forget);
    const [oldest] = this.#known.keys();
    if (this.#known.size > factsKept && oldest !== undefined) this.#known.delete(oldest);
    return finding;
  }

  /** The index file of this blob; see `indexOf`. */
  async read(sha256: string): Promise<Buffer | undefined> {
    const facts = await this.indexOf(sha256);
    if (facts === undefined) return undefined;
    const bytes = await this.#kept(sha256);
    // A release may have come or gone since.
    if (bytes !== undefined && this.#onDisk.get(sha256) === facts.sha256) return bytes;
    this.#known.delete(this.#key(sha256));
    await this.indexOf(sha256);
    return this.#kept(sha256);
  }

  /** The blob is gone. */
  async forget(sha256: string): Promise<void> {
    this.#known.delete(this.#key(sha256));
    const own = this.#onDisk.get(sha256);
    this.#onDisk.delete(sha256);
    if (own !== undefined) await rm(this.#file(sha256, own), { force: true });
  }

  async #findOrMake(sha256: string): Promise<IndexFacts | undefined> {
    const { blobs, namedIndex } = this.#options;
    const sizeBytes = await blobs.size(sha256);
    if (sizeBytes === undefined || fixedChunkCount(sizeBytes) > maxChunks) return undefined;
    const named = namedIndex(sha256);
    const kept = await this.#kept(sha256);
    const index = kept === undefined ? undefined : decodeIndex(kept);
    if (kept !== undefined && typeof index === 'object') {
      const own = hashOf(kept);
      const isRight = named === undefined ? isFixed(index, sizeBytes) : named === own;
      if (isRight) return factsOf(own, index);
    }
    try {
      const fixed = fixedCutter(fixedChunkBytes(sizeBytes));
      const cutter = named === undefined ? fixed : listedCutter(await this.#signed(named));
      const made = await makeIndex(blobs.read(sha256), cutter);
      return await this.#keep(sha256, made, named);
    } catch (error) {
      throw asBlobError(error, sha256);
    }
  }

  async #signed(named: string): Promise<ChunkIndex> {
    const index = decodeIndex(await this.#options.blobs.readBytes(named, maxIndexBytes));
    if (typeof index === 'object') return index;
    throw new BlobError('invalid', `blob ${named}, which a release names as its index: ${index}`);
  }

  /** Not synced: one that a power cut spoils is made again. */
  async #keep(sha256: string, index: ChunkIndex, named: string | undefined): Promise<IndexFacts> {
    const bytes = encodeIndex(index);
    const own = hashOf(bytes);
    if (named !== undefined && named !== own) {
      throw new BlobError(
        'invalid',
        `blob ${sha256}: wanted the chunks of its signed index ${named}, found others: publish the release again`,
      );
    }
    await this.forget(sha256);
    const temporary = path.join(this.#folder, `tmp-${randomUUID()}`);
    try {
      await writeFile(temporary, bytes, { mode: 0o600 });
      await rename(temporary, this.#file(sha256, own));
    } finally {
      await rm(temporary, { force: true });
    }
    this.#onDisk.set(sha256, own);
    return factsOf(own, index);
  }

  /** The bytes on the disk; undefined: there are none, or they are others than were written. */
  async #kept(sha256: string): Promise<Buffer | undefined> {
    const own = this.#onDisk.get(sha256);
    if (own === undefined) return undefined;
    const bytes = await readFile(this.#file(sha256, own)).catch(() => undefined);
    return bytes !== undefined && hashOf(bytes) === own ? bytes : undefined;
  }

  /** Another one once a release names another index. */
  #key(sha256: string): string {
    return `${sha256} ${this.#options.namedIndex(sha256) ?? ''}`;
  }

  #file(sha256: string, own: string): string {
    return path.join(this.#folder, `${sha256}-${own}`);
  }
}

/** Of chunks as those that count a job's blob take them to be. */
function isFixed({ sizes }: ChunkIndex, sizeBytes: number): boolean {
  const chunkBytes = fixedChunkBytes(sizeBytes);
  return sizes.minBytes === chunkBytes && sizes.maxBytes === chunkBytes;
}

function factsOf(sha256: string, { chunks }: ChunkIndex): IndexFacts {
  return { sha256, sizeBytes: indexBytes(chunks.length), chunks: chunks.length };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
