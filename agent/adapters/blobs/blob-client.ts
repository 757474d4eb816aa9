// Blobs of this node: a folder of files named by their SHA-256, fetched from the scheduler (with
// resume) and believed only by hash, and results sent to it.

import { createWriteStream, statSync } from 'node:fs';
import { copyFile, link, mkdir, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import PQueue from 'p-queue';
import { maxIndexBytes } from '../../../proto/chunks.ts';
import type { BlobGrant, BlobRef } from '../../core/index.ts';
import { BlobClientError, BlobHttp, worldError } from './blob-http.ts';
import type { Coming } from './disk-room.ts';
import { hashOfFile } from './hash-file.ts';
import { SharedWork } from './shared-work.ts';
import { UplinkPacer, type Rate } from './uplink-pacer.ts';

export { BlobClientError };

/** Requests at a time and direction: the two that the scheduler grants, and a small one. */
const concurrency = 3;
/** Hashes that are remembered as checked; more are checked again. */
const checkedKept = 4_096;

export interface BlobClientOptions {
  readonly folder: string;
  readonly url: string;
  readonly ca: string;
  /** What the owner leaves of the uplink now, bit/s; null: nothing is declared. */
  readonly rateOf: () => Rate | null;
  /** Is told of all bytes that go, either way. */
  readonly onBytes: (count: number) => void;
}

/** Bytes of a blob. */
interface Span {
  readonly offset: number;
  readonly lengthBytes: number;
}

interface Taking {
  readonly signal: AbortSignal;
  readonly take: (part: Buffer) => void | Promise<void>;
}

export class BlobClient {
  readonly #folder: string;
  readonly #pacer: UplinkPacer;
  readonly #http: BlobHttp;
  readonly #queues = { down: new PQueue({ concurrency }), up: new PQueue({ concurrency }) };
  /** Found to be what their names say since this agent started: SD cards flip bits. */
  readonly #checked = new Set<string>();
  /** One fetch of the same blob at a time. */
  readonly #fetching = new Map<string, SharedWork<string>>();

  constructor({ folder, url, ca, rateOf, onBytes }: BlobClientOptions) {
    this.#folder = folder;
    this.#pacer = new UplinkPacer(rateOf, onBytes);
    this.#http = new BlobHttp({ url, ca, pacer: this.#pacer, maxSockets: 2 * concurrency });
  }

  /** What others send and fetch over the line shares its pace. */
  get pacer(): UplinkPacer {
    return this.#pacer;
  }

  fileOf(sha256: string): string {
    return join(this.#folder, sha256);
  }

  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  stop(): void {
    this.#http.stop();
    this.#queues.down.clear();
    this.#queues.up.clear();
  }

  /** Bytes of these blobs that are not on this node. */
  async missingBytes(refs: readonly BlobRef[]): Promise<number> {
    let sum = 0;
    for (const ref of refs) if (!(await this.#has(ref))) sum += ref.sizeBytes;
    return sum;
  }

  /** The blob came another way, and its hash was found right. */
  came(sha256: string): void {
    this.#remember(sha256);
  }

  /** Whether it is here, and what its name says; a file that is not goes. */
  async isHere(ref: BlobRef): Promise<boolean> {
    return (await this.#has(ref)) && (await this.#isRight(ref.sha256));
  }

  async #has(ref: BlobRef): Promise<boolean> {
    const found = await stat(this.fileOf(ref.sha256)).catch(() => null);
    return found?.size === ref.sizeBytes;
  }

  /** A blob, as what comes to the disk. */
  comingOf({ sha256, sizeBytes }: BlobRef): Coming {
    const file = this.fileOf(sha256);
    const hereBytes = (): number => blocksOf(file) + blocksOf(`${file}.part`);
    return { key: sha256, sizeBytes, hereBytes };
  }

  /** Blobs that are on their way. */
  get underWay(): ReadonlySet<string> {
    return new Set(this.#fetching.keys());
  }

  /**
   * Fetches the blob unless it is here; returns its file. Throws BlobClientError, or the signal's
   * reason.
   */
  fetch(grant: BlobGrant, signal: AbortSignal): Promise<string> {
    const { sha256 } = grant;
    const work =
      this.#fetching.get(sha256) ??
      new SharedWork((ended) =>
        this.#queues.down
          .add(() => this.#fetch(grant, ended), { signal: ended })
          .finally(() => this.#fetching.delete(sha256)),
      );
    this.#fetching.set(sha256, work);
    return work.join(signal);
  }

  /** A part of a blob, of some megabytes; nothing of it is kept or believed here. Throws BlobClientError. */
  async range(grant: BlobGrant, span: Span, signal: AbortSignal): Promise<Buffer> {
    const parts: Buffer[] = [];
    await this.stream(grant, span, { signal, take: (part) => void parts.push(part) });
    return Buffer.concat(parts);
  }

  /** As `range`, but hands on each part as it comes, and waits until it was taken. Throws BlobClientError. */
  async stream(grant: BlobGrant, span: Span, { signal, take }: Taking): Promise<void> {
    const { sha256, capability } = grant;
    const { offset, lengthBytes } = span;
    const get = async (): Promise<void> => {
      const wanted = { sha256, capability, signal };
      const answer = await this.#http.get(wanted, offset, offset + lengthBytes);
      await this.#drain(answer, { ...grant, sizeBytes: lengthBytes }, take);
    };
    await this.#queues.down.add(get, { signal });
  }

  /** The index of a blob, which is not believed here. Throws BlobClientError. */
  async index({ sha256, capability }: BlobGrant, signal: AbortSignal): Promise<Buffer> {
    const parts: Buffer[] = [];
    const get = async (): Promise<void> => {
      const answer = await this.#http.get({ sha256, capability, signal, kind: 'index' }, 0);
      const most = { sha256, sizeBytes: maxIndexBytes };
      await this.#drain(answer, most, (part) => void parts.push(part));
    };
    await this.#queues.down.add(get, { signal });
    return Buffer.concat(parts);
  }

  /** No more than the size. */
  async #drain(
    answer: Readable,
    { sha256, sizeBytes }: BlobRef,
    take: Taking['take'],
  ): Promise<void> {
    try {
      await pipeline(answer, this.#pacer.stream('down'), async (paced: AsyncIterable<Buffer>) => {
        let size = 0;
        for await (const part of paced) {
          size += part.length;
          if (size > sizeBytes) throw new Error('more bytes came than were asked for');
          await take(part);
        }
      });
    } catch (error) {
      throw worldError(sha256, error);
    }
  }

  async #fetch(grant: BlobGrant, signal: AbortSignal): Promise<string> {
    const file = this.fileOf(grant.sha256);
    if (await this.isHere(grant)) {
      // Its last use, for the order in which old ones are removed.
      await utimes(file, new Date(), new Date());
      return file;
    }
    const part = `${file}.part`;
    const start = (await stat(part).catch(() => null))?.size ?? 0;
    await this.#download(grant, part, { start: start < grant.sizeBytes ? start : 0, signal });
    if (await this.adopt(grant, part)) return file;
    throw new BlobClientError(
      `blob ${grant.sha256}: the bytes that came have another hash; they were dropped`,
      { isFinal: false },
    );
  }

  /** The file becomes the blob; false: it is another one's bytes, and was removed. */
  async adopt({ sha256 }: BlobRef, file: string): Promise<boolean> {
    if ((await hashOfFile(file)) !== sha256) {
      await rm(file, { force: true });
      return false;
    }
    const handle = await open(file, 'r');
    await handle.sync();
    await handle.close();
    await rename(file, this.fileOf(sha256));
    this.#remember(sha256);
    return true;
  }

  /** Another file's bytes become a blob, without a second copy where the disk can. Throws what the disk says, or where they are others. */
  async put(blob: BlobRef, file: string): Promise<void> {
    if (await this.isHere(blob)) return;
    const part = `${this.fileOf(blob.sha256)}.put`;
    await rm(part, { force: true });
    await link(file, part).catch(() => copyFile(file, part));
    if (!(await this.adopt(blob, part))) throw new Error(`${file} has changed since it was read`);
  }

  /** Whether a file of before this agent's start is what its name says; it goes if it is not. */
  async #isRight(sha256: string): Promise<boolean> {
    if (this.#checked.has(sha256)) return true;
    if ((await hashOfFile(this.fileOf(sha256))) !== sha256) {
      await rm(this.fileOf(sha256));
      return false;
    }
    this.#remember(sha256);
    return true;
  }

  #remember(sha256: string): void {
    if (this.#checked.size >= checkedKept) this.#checked.clear();
    this.#checked.add(sha256);
  }

  async #download(
    { sha256, sizeBytes, capability }: BlobGrant,
    part: string,
    { start, signal }: { readonly start: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const answer = await this.#http.get({ sha256, capability, signal }, start);
    const isResumed = answer.statusCode === 206;
    try {
      await pipeline(
        answer,
        limit(sizeBytes - (isResumed ? start : 0), sha256),
        this.#pacer.stream('down'),
        createWriteStream(part, { flags: isResumed ? 'a' : 'w', mode: 0o600 }),
      );
    } catch (error) {
      throw worldError(sha256, error);
    }
  }

  /** Sends a file as a blob, unless the scheduler has it. Throws BlobClientError. */
  async upload(
    { sha256, sizeBytes }: BlobRef,
    file: string,
    { capability, signal }: { readonly capability: string; readonly signal: AbortSignal },
  ): Promise<void> {
    const put = (): Promise<void> =>
      this.#http.put({ sha256, capability, signal }, file, sizeBytes);
    await this.#queues.up.add(put, { signal });
  }
}

/** Bytes that a file has of the disk; 0: there is none. */
export function blocksOf(file: string): number {
  return 512 * (statSync(file, { throwIfNoEntry: false })?.blocks ?? 0);
}

/** Passes no more than the known length. */
function limit(maxBytes: number, sha256: string) {
  return async function* pass(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let size = 0;
    for await (const part of source) {
      size += part.length;
      if (size > maxBytes) throw new Error(`blob ${sha256}: more bytes than it has`);
      yield part;
    }
    if (size < maxBytes) throw new Error(`blob ${sha256}: cut off after ${size} bytes`);
  };
}
