// Blobs of this node: a folder of files named by their SHA-256, fetched from the scheduler (with
// resume) and believed only by hash, and results sent to it.

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import PQueue from 'p-queue';
import type { BlobGrant, BlobRef } from '../../core/index.ts';

export class BlobClientError extends Error {
  override readonly name = 'BlobClientError';
  /** Trying again can't help. */
  readonly isFinal: boolean;

  constructor(message: string, options: { readonly isFinal: boolean; readonly cause?: unknown }) {
    super(message, { cause: options.cause });
    this.isFinal = options.isFinal;
  }
}

/** Statuses after which the same request fails again. */
const finalStatuses: ReadonlySet<number> = new Set([400, 401, 403, 404, 413, 422]);
const idleTimeoutMs = 60_000;
/** Requests at a time: the scheduler grants transfers; this bounds what one lease does. */
const concurrency = 2;

export class BlobClient {
  readonly #folder: string;
  readonly #url: string;
  readonly #ca: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  readonly #queue = new PQueue({ concurrency });
  /** One fetch of the same blob at a time. */
  readonly #fetching = new Map<string, Promise<string>>();

  constructor(options: { readonly folder: string; readonly url: string; readonly ca: string }) {
    this.#folder = options.folder;
    this.#url = options.url;
    this.#ca = options.ca;
  }

  fileOf(sha256: string): string {
    return join(this.#folder, sha256);
  }

  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  stop(): void {
    this.#agent.destroy();
    this.#queue.clear();
  }

  /** Bytes of these blobs that are not on this node. */
  async missingBytes(refs: readonly BlobRef[]): Promise<number> {
    let sum = 0;
    for (const ref of refs) if (!(await this.#has(ref))) sum += ref.sizeBytes;
    return sum;
  }

  async #has(ref: BlobRef): Promise<boolean> {
    const found = await stat(this.fileOf(ref.sha256)).catch(() => null);
    return found?.size === ref.sizeBytes;
  }

  /** Fetches the blob unless it is here; returns its file. Throws BlobClientError. */
  fetch(grant: BlobGrant): Promise<string> {
    const running = this.#fetching.get(grant.sha256);
    if (running !== undefined) return running;
    const fetching = this.#queue
      .add(() => this.#fetch(grant))
      .finally(() => this.#fetching.delete(grant.sha256));
    this.#fetching.set(grant.sha256, fetching);
    return fetching;
  }

  async #fetch(grant: BlobGrant): Promise<string> {
    const file = this.fileOf(grant.sha256);
    if (await this.#has(grant)) {
      // Its last use, for the order in which old ones are removed.
      await utimes(file, new Date(), new Date());
      return file;
    }
    const part = `${file}.part`;
    const start = (await stat(part).catch(() => null))?.size ?? 0;
    await this.#download(grant, part, start < grant.sizeBytes ? start : 0);
    if ((await hashFile(part)) !== grant.sha256) {
      await rm(part, { force: true });
      throw new BlobClientError(
        `blob ${grant.sha256}: the bytes that came have another hash; they were dropped`,
        { isFinal: false },
      );
    }
    const handle = await open(part, 'r');
    await handle.sync();
    await handle.close();
    await rename(part, file);
    return file;
  }

  async #download(grant: BlobGrant, part: string, start: number): Promise<void> {
    const headers: Record<string, string> = { authorization: `Bearer ${grant.capability}` };
    if (start > 0) headers['range'] = `bytes=${start}-`;
    const answer = await this.#ask('GET', grant.sha256, headers);
    const isResumed = answer.statusCode === 206;
    if (answer.statusCode !== 200 && !isResumed) throw await refusal(grant.sha256, answer);
    try {
      await pipeline(
        answer,
        limit(grant.sizeBytes - (isResumed ? start : 0), grant.sha256),
        createWriteStream(part, { flags: isResumed ? 'a' : 'w', mode: 0o600 }),
      );
    } catch (error) {
      throw worldError(grant.sha256, error);
    }
  }

  /** Sends a file as a blob. Sending what is there already is harmless. Throws BlobClientError. */
  async upload(ref: BlobRef, file: string, capability: string): Promise<void> {
    await this.#queue.add(async () => {
      const headers = {
        authorization: `Bearer ${capability}`,
        'content-length': String(ref.sizeBytes),
      };
      const answer = await this.#ask('PUT', ref.sha256, headers, file);
      if (answer.statusCode !== 200 && answer.statusCode !== 201 && answer.statusCode !== 204) {
        throw await refusal(ref.sha256, answer);
      }
      answer.resume();
    });
  }

  #ask(
    method: 'GET' | 'PUT',
    sha256: string,
    headers: Record<string, string>,
    file?: string,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = { method, headers, ca: this.#ca, agent: this.#agent };
      const asked = request(`${this.#url}/v1/blob/${sha256}`, options, resolve);
      asked.setTimeout(idleTimeoutMs, () => asked.destroy(new Error('no bytes for a minute')));
      asked.once('error', (error) => reject(worldError(sha256, error)));
      if (file === undefined) asked.end();
      else {
        pipeline(createReadStream(file), asked).catch((error: unknown) =>
          reject(worldError(sha256, error)),
        );
      }
    });
  }

  /** Removes the blobs used longest ago until the folder is within its limit. */
  async trim(maxBytes: number, keep: ReadonlySet<string>): Promise<void> {
    const found: { name: string; size: number; usedMs: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      const info = await stat(join(this.#folder, name)).catch(() => null);
      if (info?.isFile() === true) found.push({ name, size: info.size, usedMs: info.mtimeMs });
    }
    let total = found.reduce((sum, { size }) => sum + size, 0);
    for (const { name, size } of found.sort((a, b) => a.usedMs - b.usedMs)) {
      if (total <= maxBytes) return;
      if (keep.has(name.slice(0, 64))) continue;
      await rm(join(this.#folder, name), { force: true });
      total -= size;
    }
  }
}

/** SHA-256 of a file, hexadecimal. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(file)) hash.update(part as Buffer);
  return hash.digest('hex');
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

function worldError(sha256: string, error: unknown): BlobClientError {
  if (error instanceof BlobClientError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const what = code === 'ENOSPC' ? 'the disk of this node is full' : message;
  return new BlobClientError(`blob ${sha256}: ${what}`, { isFinal: false, cause: error });
}

async function refusal(sha256: string, answer: IncomingMessage): Promise<BlobClientError> {
  let text = '';
  for await (const part of answer) if (text.length < 1_000) text += String(part);
  const status = answer.statusCode ?? 0;
  const message = `blob ${sha256}: HTTP status ${status} ${text}`;
  return new BlobClientError(message, { isFinal: finalStatuses.has(status) });
}
