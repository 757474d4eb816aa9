// Gives chunks of blobs that are exchanged to other nodes of the site, on the LAN's address alone: to who shows the blob's proof, so many
// at a time, within the owner's share of the LAN. It has no way to any other file.

import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readBitmap, type Bitmap } from '../../../proto/bitmap.ts';
import { chunkWithinMs, type PeerAddress } from '../../core/index.ts';
import type { UplinkPacer } from '../blobs/uplink-pacer.ts';

/** Two each of 20 neighbours' connections, which they keep. */
const connectionsMost = 48;
/** Of one host: a client keeps two to each peer, and one that is ended may not be gone yet. */
const connectionsOfHost = 4;
const requestWithinMs = 5_000;
/** A whole answer at least; a reader that trickles is cut off. */
const answerWithinMs = 20_000;
const idleMs = 30_000;
const headBytesMost = 4_096;
/** Of one address in a window; eight neighbours swap twice a second and take a few chunks. */
const requestsMost = 400;
const windowMs = 10_000;
/** A busy node is asked again when it may have given one of its chunks: after as long as the last took, within these. */
const soonestAgainMs = 20;
const latestAgainMs = 1_000;

/** Those of a package, which may be large, are read as they go. */
export type ServedChunk = Buffer | { readonly lengthBytes: number; readonly bytes: Readable };

/** What is served of a blob. */
export interface SharedBlob {
  readonly chunks: number;
  readonly held: Bitmap;
  /** What peers show. */
  readonly proof: Uint8Array;
  readonly index: () => Promise<Uint8Array>;
  /** null: it is not here. */
  readonly read: (chunk: number) => Promise<ServedChunk | null>;
}

export interface ChunkServerOptions {
  readonly blobOf: (sha256: string) => SharedBlob | null;
  /** Outputs that the node keeps, each for who shows its proof; absent: none. */
  readonly keptOf?: (sha256: string) => readonly SharedBlob[];
  readonly isPeer: (address: string) => boolean;
  readonly onPeerHas: (sha256: string, peer: PeerAddress, held: Bitmap) => void;
  /** Chunks at a time. */
  readonly mostOut: number;
  readonly pacer: Pick<UplinkPacer, 'stream'>;
  readonly nowMs: () => number;
}

export class ChunkServer {
  readonly #options: ChunkServerOptions;
  readonly #server: Server;
  /** Connections of each. */
  readonly #hosts = new Map<string, number>();
  readonly #windows = new Map<string, { readonly fromMs: number; requests: number }>();
  #out = 0;
  #againMs = latestAgainMs / 10;

  constructor(options: ChunkServerOptions) {
    this.#options = options;
    const limits = { maxHeaderSize: headBytesMost, keepAliveTimeout: idleMs };
    this.#server = createServer(
      { ...limits, headersTimeout: requestWithinMs, requestTimeout: requestWithinMs },
      (request, response) => {
        response.on('error', () => response.destroy());
        this.#answer(request, response).catch(() => response.destroy());
      },
    );
    this.#server.maxConnections = connectionsMost;
    this.#server.on('connection', (socket) => this.#welcome(socket));
  }

  /** Nobody takes the places of all others. */
  #welcome(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const count = (this.#hosts.get(address) ?? 0) + 1;
    if (!this.#options.isPeer(address) || count > connectionsOfHost) return void socket.destroy();
    this.#hosts.set(address, count);
    socket.once('close', () => {
      const left = (this.#hosts.get(address) ?? 1) - 1;
      if (left === 0) this.#hosts.delete(address);
      else this.#hosts.set(address, left);
    });
  }

  /** Listens on an address of the LAN; returns the port. Throws what the system says. */
  start(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address, port: 0 }, () => {
        // `listen` on a host gives an address and a port.
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#isFlooded(request.socket.remoteAddress ?? '')) return void request.destroy();
    response.setTimeout(answerWithinMs, () => response.destroy());
    const words = (request.url ?? '').split('/').slice(1);
    const [version, kind, sha256 = '', chunk] = words;
    const isHash = /^[0-9a-f]{64}$/.test(sha256);
    if (isHash && version === 'v1' && kind === 'kept') return this.#kept(request, response, sha256);
    const blob = isHash ? this.#options.blobOf(sha256) : null;
    // Who has no proof does not learn which blobs are here.
    if (version !== 'v1' || blob === null || !isProven(request, blob)) return end(response, 404);
    const call = `${request.method} ${kind} ${words.length}`;
    if (call === 'GET chunk 4') return this.#chunk(response, blob, chunk ?? '');
    if (call === 'GET index 3') return give(response, await blob.index());
    if (call === 'POST parts 3') return this.#parts({ request, response, sha256 }, blob);
    return end(response, 404);
  }

  /** All of it, as if it were one chunk. */
  async #kept(request: IncomingMessage, response: ServerResponse, sha256: string): Promise<void> {
    const kept = this.#options.keptOf?.(sha256) ?? [];
    const blob = kept.find((each) => isProven(request, each));
    if (blob === undefined || request.method !== 'GET') return end(response, 404);
    return this.#chunk(response, blob, '0');
  }

  #isFlooded(address: string): boolean {
    const nowMs = this.#options.nowMs();
    const window = this.#windows.get(address);
    if (window === undefined || nowMs - window.fromMs >= windowMs) {
      if (this.#windows.size >= 1_024) this.#windows.clear();
      this.#windows.set(address, { fromMs: nowMs, requests: 1 });
      return false;
    }
    window.requests += 1;
    return window.requests > requestsMost;
  }

  async #chunk(response: ServerResponse, blob: SharedBlob, text: string): Promise<void> {
    const chunk = /^\d{1,5}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
    if (chunk >= blob.chunks) return end(response, 404);
    if (this.#out >= this.#options.mostOut) {
      response.setHeader('retry-after', 1);
      response.setHeader('punnet-retry-after-ms', this.#againMs);
      return end(response, 503);
    }
    this.#out += 1;
    const fromMs = this.#options.nowMs();
    let cut = setTimeout(() => response.destroy(), answerWithinMs);
    try {
      const found = await blob.read(chunk);
      if (found === null) return end(response, 404);
      const isHere = Buffer.isBuffer(found);
      const lengthBytes = isHere ? found.length : found.lengthBytes;
      clearTimeout(cut);
      const mostMs = Math.max(answerWithinMs, chunkWithinMs(lengthBytes));
      cut = setTimeout(() => response.destroy(), mostMs);
      response.writeHead(200, { 'content-length': lengthBytes });
      const bytes = isHere ? Readable.from(slices(found)) : found.bytes;
      await pipeline(bytes, this.#options.pacer.stream('up'), response);
      const tookMs = Math.round(this.#options.nowMs() - fromMs);
      this.#againMs = Math.max(soonestAgainMs, Math.min(tookMs, latestAgainMs));
    } finally {
      clearTimeout(cut);
      this.#out -= 1;
    }
  }

  /** Takes what the peer has, and tells what is here. */
  async #parts(
    {
      request,
      response,
      sha256,
    }: {
      readonly request: IncomingMessage;
      readonly response: ServerResponse;
      readonly sha256: string;
    },
    blob: SharedBlob,
  ): Promise<void> {
    const port = Number(request.headers['punnet-port']);
    const bytes = await readAtMost(request, blob.held.length);
    const held = bytes === null ? 'too long' : readBitmap(bytes, blob.chunks);
    const isPort = Number.isInteger(port) && port >= 1_024 && port <= 65_535;
    if (typeof held === 'string' || !isPort) {
      response.setHeader('connection', 'close');
      return end(response, 400);
    }
    const address = request.socket.remoteAddress ?? '';
    this.#options.onPeerHas(sha256, { address, port }, held);
    give(response, blob.held);
  }
}

function isProven(request: IncomingMessage, { proof }: SharedBlob): boolean {
  const [scheme, text = ''] = (request.headers.authorization ?? '').split(' ');
  const shown = Buffer.from(text, 'base64url');
  return (
    scheme === 'Bearer' &&
    proof.length > 0 &&
    shown.length === proof.length &&
    timingSafeEqual(shown, proof)
  );
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 }).end();
}

function give(response: ServerResponse, bytes: Uint8Array): void {
  response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
}

/** In steps that the pacer can hold back. */
function* slices(bytes: Buffer): Generator<Buffer> {
  const step = 64 * 1024;
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

/** null: there is more. */
async function readAtMost(request: IncomingMessage, mostBytes: number): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > mostBytes) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
