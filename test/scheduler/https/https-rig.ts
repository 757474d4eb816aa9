// The HTTPS port alone, over real TLS, with a real blob store; and a client that can misbehave.

import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobIndexes } from '../../../scheduler/adapters/blobs/blob-indexes.ts';
import { BlobStore } from '../../../scheduler/adapters/blobs/blob-store.ts';
import type { Capability } from '../../../scheduler/adapters/blobs/capability.ts';
import { CapabilitySigner } from '../../../scheduler/adapters/blobs/capability.ts';
import { HttpsServer } from '../../../scheduler/adapters/https/https-server.ts';
import type { HttpsOptions } from '../../../scheduler/adapters/https/https-server.ts';
import { publicFiles } from '../../../scheduler/adapters/public-files.ts';
import { openPki } from '../../../scheduler/adapters/pki/pki.ts';

const signer = new CapabilitySigner(Buffer.alloc(32, 7));

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly capability?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Without its length. */
  readonly isChunked?: boolean;
  /** Hang up after so many bytes of the body. */
  readonly cutAfter?: number;
}

/** What is served of releases. */
export const releaseFiles = new Map<string, Buffer>();

export class HttpsRig {
  readonly blobs: BlobStore;
  readonly #folder: string;
  readonly #server: HttpsServer;
  readonly #caPem: string;

  private constructor(
    parts: Readonly<{ folder: string; blobs: BlobStore; server: HttpsServer; caPem: string }>,
  ) {
    this.blobs = parts.blobs;
    this.#folder = parts.folder;
    this.#server = parts.server;
    this.#caPem = parts.caPem;
  }

  static async start(
    rules: Pick<HttpsOptions, 'now' | 'enrol' | 'isNodeAdmitted' | 'isLeaseOf'> &
      Partial<Pick<HttpsOptions, 'kept' | 'processingEveryMs'>>,
  ): Promise<HttpsRig> {
    const folder = mkdtempSync(join(tmpdir(), 'punnet-https-'));
    const pki = await openPki(folder, []);
    const blobs = await BlobStore.open(folder, () => undefined);
    const namedIndex = (): undefined => undefined;
    const indexes = await BlobIndexes.open({ dataFolder: folder, blobs, namedIndex });
    const { keyPem, certificatePem, caPem } = pki;
    const server = new HttpsServer({
      ...{ host: '127.0.0.1', port: 0, keyPem, certificatePem, caPem, blobs, indexes, signer },
      files: publicFiles(caPem),
      releaseFile: (name) => releaseFiles.get(name),
      kept: { bring: () => Promise.resolve(null), came: () => undefined },
      ...rules,
      renew: () =>
        Promise.resolve({ kind: 'refused', code: 'not_found', reason: 'nobody', field: '' }),
      siteRate: () => undefined,
    });
    await server.start();
    return new HttpsRig({ folder, blobs, server, caPem });
  }

  get port(): number {
    return this.#server.port;
  }

  get caPem(): string {
    return this.#caPem;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    rmSync(this.#folder, { recursive: true });
  }

  /** The right to read this blob, with changes. */
  mayGet(sha256: string, changes: Partial<Capability> = {}): string {
    const right = { kind: 'get', nodeId: 'pi', sha256, expiresUnixMs: 2_000 } as const;
    return signer.sign({ ...right, ...changes } as Capability);
  }

  mayPut(maxBytes: number, changes: Partial<Capability> = {}): string {
    const right = {
      kind: 'put',
      nodeId: 'pi',
      maxBytes,
      leaseId: null,
      expiresUnixMs: 2_000,
    } as const;
    return signer.sign({ ...right, ...changes } as Capability);
  }

  ask(what: Ask): Promise<Answer> {
    const { method, path, capability, body, cutAfter, isChunked = false } = what;
    const headers = {
      ...(capability === undefined ? {} : { authorization: `Bearer ${capability}` }),
      ...(body === undefined ? {} : lengthOf(body, isChunked)),
      ...what.headers,
    };
    return new Promise((resolve, reject) => {
      const target = { host: '127.0.0.1', port: this.#server.port, path, method, headers };
      const asked = request({ ...target, ca: this.#caPem, agent: false }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () => {
          const status = answer.statusCode ?? 0;
          resolve({ status, headers: answer.headers, body: Buffer.concat(parts) });
        });
        answer.on('error', reject);
      });
      asked.on('error', reject);
      // Who asks first waits for the answer, as curl does.
      if (what.headers?.['expect'] !== undefined) asked.once('continue', () => asked.end(body));
      else if (cutAfter === undefined) asked.end(body);
      else asked.write(body?.subarray(0, cutAfter), () => asked.destroy(new Error('hung up')));
    });
  }

  /** Files of writes that are not finished. */
  unfinished(): readonly string[] {
    return readdirSync(join(this.#folder, 'blobs/tmp'));
  }
}

function lengthOf(body: Uint8Array, isChunked: boolean): Readonly<Record<string, string>> {
  return isChunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) };
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
