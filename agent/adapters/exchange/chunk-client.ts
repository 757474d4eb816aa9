// Asks other nodes of the site for chunks, indexes and what they have. It reads no more than is known to come, waits no longer than an
// answer may take, and believes nothing: hashes are its caller's to look at.

import { Agent, request, type IncomingMessage } from 'node:http';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { readBitmap, type Bitmap } from '../../../proto/bitmap.ts';
import { chunkWithinMs, type PeerAddress } from '../../core/index.ts';
import type { UplinkPacer } from '../blobs/uplink-pacer.ts';
import { writeAll } from '../blobs/write-all.ts';

const swapWithinMs = 3_000;
const longestRestMs = 60_000;

export class PeerError extends Error {
  override readonly name = 'PeerError';
  /** It is there and has too much to do: to be asked again after so long; null: it failed. */
  readonly restMs: number | null;

  constructor(message: string, restMs: number | null, cause?: unknown) {
    super(message, { cause });
    this.restMs = restMs;
  }
}

/** A blob as a peer is asked for it. */
export interface PeerBlob {
  readonly sha256: string;
  readonly peer: PeerAddress;
  readonly proof: Uint8Array;
}

interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Longer answers are cut off. */
  readonly mostBytes: number;
  readonly withinMs: number;
  /** Takes each part; without it all of them are the answer. */
  readonly take?: (part: Buffer) => Promise<void>;
}

interface ChunkOf {
  readonly from: PeerBlob;
  readonly chunk: number;
  readonly lengthBytes: number;
}

export class ChunkClient {
  readonly #agent = new Agent({
    keepAlive: true,
    maxSockets: 2,
    maxFreeSockets: 2,
    timeout: 30_000,
  });
  readonly #pacer: Pick<UplinkPacer, 'stream'>;
  readonly #withinMs: typeof chunkWithinMs;

  /**
   * @param pacer keeps the owner's limit of the LAN.
   * @param withinMs how long a chunk or an index of so many bytes may take.
   */
  constructor(pacer: Pick<UplinkPacer, 'stream'>, withinMs = chunkWithinMs) {
    this.#pacer = pacer;
    this.#withinMs = withinMs;
  }

  stop(): void {
    this.#agent.destroy();
  }

  /** Throws PeerError. */
  async chunk(
    blob: PeerBlob,
    { chunk, lengthBytes }: { readonly chunk: number; readonly lengthBytes: number },
    signal: AbortSignal,
  ): Promise<Buffer> {
    const path = `/v1/chunk/${blob.sha256}/${chunk}`;
    const asked = {
      path,
      method: 'GET',
      mostBytes: lengthBytes,
      withinMs: this.#withinMs(lengthBytes),
    } as const;
    const bytes = await this.#ask(blob, asked, signal);
    if (bytes.length === lengthBytes) return bytes;
    throw tooShort(blob, { chunk, lengthBytes }, bytes.length);
  }

  /** A chunk that may be too large for memory. Throws PeerError, when the disk fails, too. */
  async chunkTo(
    file: string,
    { from, chunk, lengthBytes }: ChunkOf,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `/v1/chunk/${from.sha256}/${chunk}`;
    await this.#takeTo(file, { from, chunk, lengthBytes, path }, signal);
  }

  /** All of an output that the peer keeps. Throws PeerError, when the disk fails, too. */
  async keptTo(
    file: string,
    { from, lengthBytes }: Omit<ChunkOf, 'chunk'>,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `/v1/kept/${from.sha256}`;
    await this.#takeTo(file, { from, chunk: 0, lengthBytes, path }, signal);
  }

  async #takeTo(
    file: string,
    { from, chunk, lengthBytes, path }: ChunkOf & { readonly path: string },
    signal: AbortSignal,
  ): Promise<void> {
    const withinMs = this.#withinMs(lengthBytes);
    const handle = await open(file, 'wx', 0o600);
    let size = 0;
    const take = async (part: Buffer): Promise<void> => {
      await writeAll(handle, part, size);
      size += part.length;
    };
    try {
      const asked = { path, method: 'GET', mostBytes: lengthBytes, withinMs, take } as const;
      await this.#ask(from, asked, signal);
    } finally {
      await handle.close();
    }
    if (size !== lengthBytes) throw tooShort(from, { chunk, lengthBytes }, size);
  }

  /** Throws PeerError. */
  index(blob: PeerBlob, mostBytes: number, signal: AbortSignal): Promise<Buffer> {
    const path = `/v1/index/${blob.sha256}`;
    const withinMs = this.#withinMs(mostBytes);
    return this.#ask(blob, { path, method: 'GET', mostBytes, withinMs }, signal);
  }

  /** Tells what is here and where it is served, and returns what the peer has. Throws PeerError. */
  async swap(
    blob: PeerBlob,
    own: { readonly held: Bitmap; readonly chunks: number; readonly port: number },
    signal: AbortSignal,
  ): Promise<Bitmap> {
    const { held: body, chunks, port } = own;
    const headers = { 'punnet-port': port, 'content-length': body.length };
    const asked = { method: 'POST', path: `/v1/parts/${blob.sha256}`, body, headers } as const;
    const limits = { mostBytes: body.length, withinMs: swapWithinMs };
    const held = readBitmap(await this.#ask(blob, { ...asked, ...limits }, signal), chunks);
    if (typeof held !== 'string') return held;
    throw new PeerError(`${hostOf(blob)}: ${held}`, null);
  }

  async #ask(blob: PeerBlob, question: Question, signal: AbortSignal): Promise<Buffer> {
    const limit = new AbortController();
    const end = (): void => limit.abort();
    const timer = setTimeout(end, question.withinMs);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      return await this.#answer(blob, question, limit.signal);
    } catch (error) {
      if (error instanceof PeerError) throw error;
      const { message } = error as Error;
      const why = limit.signal.aborted ? `no answer in ${question.withinMs} ms` : message;
      throw new PeerError(`${hostOf(blob)}: ${why}`, null, error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  }

  async #answer(blob: PeerBlob, question: Question, signal: AbortSignal): Promise<Buffer> {
    const { address: host, port } = blob.peer;
    const { method, path, body, mostBytes, take } = question;
    const authorization = `Bearer ${Buffer.from(blob.proof).toString('base64url')}`;
    const headers = { ...question.headers, authorization };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { host, port, method, path, headers, agent: this.#agent, signal };
      const asked = request(options, resolve);
      asked.on('error', reject);
      asked.end(body);
    });
    if (answer.statusCode !== 200) throw refusal(blob, answer);
    const parts: Buffer[] = [];
    let size = 0;
    const drain = async (paced: AsyncIterable<Buffer>): Promise<void> => {
      for await (const part of paced) {
        size += part.length;
        if (size > mostBytes) return;
        if (take === undefined) parts.push(part);
        else await take(part);
      }
    };
    const cut = await pipeline(answer, this.#pacer.stream('down'), drain).catch(
      (error: unknown) => error,
    );
    if (size > mostBytes) {
      throw new PeerError(`${hostOf(blob)}: more than ${mostBytes} bytes came`, null);
    }
    if (cut !== undefined) throw cut;
    return Buffer.concat(parts);
  }
}

function tooShort(
  blob: PeerBlob,
  { chunk, lengthBytes }: { readonly chunk: number; readonly lengthBytes: number },
  came: number,
): PeerError {
  const why = `chunk ${chunk} has ${lengthBytes} bytes, and ${came} came`;
  return new PeerError(`${hostOf(blob)}: ${why}`, null);
}

function hostOf({ peer }: PeerBlob): string {
  return `peer ${peer.address}:${peer.port}`;
}

function refusal(blob: PeerBlob, answer: IncomingMessage): PeerError {
  const { statusCode, headers } = answer;
  // Whatever it says of itself is not read.
  if (headers['content-length'] === '0') answer.resume();
  else answer.destroy();
  const told = Number(headers['punnet-retry-after-ms'] ?? 1_000 * Number(headers['retry-after']));
  const isBusy = statusCode === 503 && told >= 0;
  const restMs = isBusy ? Math.min(told, longestRestMs) : null;
  return new PeerError(`${hostOf(blob)}: HTTP status ${statusCode}`, restMs);
}
