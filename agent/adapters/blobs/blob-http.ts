// One HTTPS request for a blob, and what its answer means. Nothing here touches the disk but the
// file that is sent.

import { createReadStream } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { isDiskFull } from '../state/disk-full.ts';
import type { UplinkPacer } from './uplink-pacer.ts';

export class BlobClientError extends Error {
  override readonly name = 'BlobClientError';
  /** Trying again can't help. */
  readonly isFinal: boolean;

  constructor(message: string, options: { readonly isFinal: boolean; readonly cause?: unknown }) {
    super(message, { cause: options.cause });
    this.isFinal = options.isFinal;
  }
}

/** Statuses after which the same request fails again. An expired capability is renewed with a new
 * lease. */
const finalStatuses: ReadonlySet<number> = new Set([400, 404, 413, 422]);
const idleTimeoutMs = 60_000;
/** Under this size the body goes at once; asking whether it is wanted would cost as much. */
const unaskedBytes = 16 * 1024;
/** From this size on an upload goes on where an earlier one was cut. */
const resumedBytes = 256 * 1024;

export interface BlobRequest {
  readonly sha256: string;
  readonly capability: string;
  readonly signal: AbortSignal;
  /** Its index instead of its bytes. */
  readonly kind?: 'index';
}

export class BlobHttp {
  readonly #url: string;
  readonly #ca: string;
  readonly #pacer: UplinkPacer;
  readonly #agent: Agent;

  constructor(options: {
    readonly url: string;
    readonly ca: string;
    readonly pacer: UplinkPacer;
    readonly maxSockets: number;
  }) {
    this.#url = options.url;
    this.#ca = options.ca;
    this.#pacer = options.pacer;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.maxSockets });
  }

  stop(): void {
    this.#agent.destroy();
  }

  /** Asks for a blob from `start` on, to its end or to the byte before `end`. Throws BlobClientError. */
  async get(wanted: BlobRequest, start: number, end?: number): Promise<IncomingMessage> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const isPart = start > 0 || end !== undefined;
      const headers = isPart ? { range: `bytes=${start}-${end === undefined ? '' : end - 1}` } : {};
      const asked = this.#request('GET', wanted, headers);
      asked.on('error', (error) => reject(worldError(wanted.sha256, error)));
      asked.once('response', resolve);
      asked.end();
    });
    const { statusCode } = answer;
    if (statusCode !== 200 && statusCode !== 206) throw await refusal(wanted.sha256, answer);
    return answer;
  }

  /** Sends a file unless the scheduler has it: then no byte of it moves. Throws BlobClientError. */
  async put(wanted: BlobRequest, file: string, sizeBytes: number): Promise<void> {
    const start = sizeBytes < resumedBytes ? 0 : await this.#uploaded(wanted, sizeBytes);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const isAsked = sizeBytes > unaskedBytes;
      const headers = {
        'content-length': sizeBytes - start,
        ...(start > 0 && { 'content-range': `bytes ${start}-${sizeBytes - 1}/${sizeBytes}` }),
        ...(isAsked ? { expect: '100-continue' } : {}),
      };
      const asked = this.#request('PUT', wanted, headers);
      const fail = (error: unknown): void => reject(worldError(wanted.sha256, error));
      const send = (): void => {
        pipeline(createReadStream(file, { start }), this.#pacer.stream('up'), asked).catch(fail);
      };
      asked.on('error', fail);
      asked.once('response', (response) => {
        resolve(response);
        // Without its body the connection can't carry another request.
        if (!asked.writableEnded) response.once('close', () => asked.destroy());
      });
      if (isAsked) asked.once('continue', send).flushHeaders();
      else send();
    });
    const { statusCode } = answer;
    const isTaken = statusCode === 200 || statusCode === 201 || statusCode === 204;
    if (!isTaken) throw await refusal(wanted.sha256, answer);
    answer.resume();
  }

  /** How much of a file the scheduler has of an upload that was cut; one of before knows of none. */
  async #uploaded(wanted: BlobRequest, sizeBytes: number): Promise<number> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = this.#request('HEAD', wanted, {});
      asked.on('error', (error) => reject(worldError(wanted.sha256, error)));
      asked.once('response', resolve);
      asked.end();
    });
    answer.resume();
    const offset = Number(answer.headers['upload-offset'] ?? 0);
    return offset < sizeBytes ? offset : 0;
  }

  #request(
    method: 'GET' | 'HEAD' | 'PUT',
    { sha256, capability, signal, kind }: BlobRequest,
    more: Record<string, string | number>,
  ): ClientRequest {
    const headers = { authorization: `Bearer ${capability}`, ...more };
    const options = { method, headers, ca: this.#ca, agent: this.#agent, signal };
    const asked = request(`${this.#url}/v1/${kind ?? 'blob'}/${sha256}`, options);
    asked.setTimeout(idleTimeoutMs, () => asked.destroy(new Error('no bytes for a minute')));
    return asked;
  }
}

/** A failure of network or disk, as one that may pass. */
export function worldError(sha256: string, error: unknown): BlobClientError {
  if (error instanceof BlobClientError) return error;
  const what = isDiskFull(error) ? 'the disk of this node is full' : (error as Error).message;
  return new BlobClientError(`blob ${sha256}: ${what}`, { isFinal: false, cause: error });
}

async function refusal(sha256: string, answer: IncomingMessage): Promise<BlobClientError> {
  let text = '';
  for await (const part of answer) if (text.length < 1_000) text += String(part);
  const status = answer.statusCode ?? 0;
  const message = `blob ${sha256}: HTTP status ${status} ${text}`;
  return new BlobClientError(message, { isFinal: finalStatuses.has(status) });
}
