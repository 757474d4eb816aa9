// Nodes that exchange one blob over real sockets and files, and hosts that do what no node should; the scheduler's part is played: each
// chunk is leased once, and again when a node finds it nowhere.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UplinkPacer } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import { BlobExchange } from '../../../agent/adapters/exchange/blob-exchange.ts';
import { ChunkServer } from '../../../agent/adapters/exchange/chunk-server.ts';
import type { BlobGrant, ExchangeEffect, PeerAddress } from '../../../agent/core/index.ts';
import { fullBitmap, hasChunk } from '../../../proto/bitmap.ts';
import { encodeIndex } from '../../../proto/chunks.ts';

export const host = '127.0.0.1';
export const chunkBytes = 64 * 1024;
export const chunkCount = 24;
export const bytes = randomBytes(chunkCount * chunkBytes - 1_000);
export const sha256 = hashOf(bytes);
export const proof = randomBytes(32);
const chunks = Array.from({ length: chunkCount }, (_, at) => {
  const part = chunkOf(at);
  return { sha256: hashOf(part), lengthBytes: part.length };
});
const sizes = { minBytes: chunkBytes, averageBytes: chunkBytes, maxBytes: chunkBytes };
export const indexBytes = Buffer.from(encodeIndex({ sizes, chunks }));
const grant: BlobGrant = { sha256, sizeBytes: bytes.length, capability: 'may' };

/** Who is well answers within that, on a slow machine, too. */
const stillMs = 300;

type Said = Extract<ExchangeEffect, { kind: 'sayPart' | 'sayLeft' }>;

function hashOf(part: Uint8Array): string {
  return createHash('sha256').update(part).digest('hex');
}

export function chunkOf(at: number): Buffer {
  return bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes);
}

export interface Node {
  readonly exchange: BlobExchange;
  readonly server: ChunkServer;
  readonly peer: PeerAddress;
  readonly folder: string;
  isWhole: boolean;
  /** Whether chunks are leased to it that nobody has yet. */
  brings: boolean;
}

/** What a host answers instead of a chunk. */
export type Answers = (at: number, response: ServerResponse, request: IncomingMessage) => void;

export class Loopback {
  readonly #root = mkdtempSync(join(tmpdir(), 'punnet-loopback-'));
  readonly #hosts: Server[] = [];
  readonly #leased = new Set<number>();
  readonly nodes: Node[] = [];
  /** All that was said to the scheduler and asked of nodes, so far. */
  messages = 0;
  originBytes = 0;
  /** What nodes log. */
  readonly events: string[] = [];
  /** Beside the real clock. */
  laterMs = 0;
  #moved = { bytes: 0, atMs: 0 };

  async stop(): Promise<void> {
    for (const each of this.#hosts) {
      each.closeAllConnections();
      each.close();
    }
    for (const { server, exchange } of this.nodes) {
      server.stop();
      await exchange.stop();
    }
    rmSync(this.#root, { recursive: true });
  }

  async node(name: string, brings: boolean): Promise<Node> {
    const folder = mkdtempSync(join(this.#root, `${name}-`));
    const pacer = new UplinkPacer(
      () => null,
      () => undefined,
    );
    const nowMs = (): number => performance.now() + this.laterMs;
    const exchange = new BlobExchange({
      ...{ folder, salt: name, isSmallBoard: false, lanPacer: pacer, nowMs },
      origin: { index: () => Promise.resolve(indexBytes), stream: this.#stream.bind(this) },
      port: () => node.peer.port,
      say: (words) => this.#hear(node, words),
      onWhole: () => (node.isWhole = true),
      ...{ onLeft: () => undefined, onPace: () => undefined },
      log: (event) => this.events.push(event),
    });
    const server = new ChunkServer({
      blobOf: (asked) => {
        this.messages += 1;
        return exchange.served(asked);
      },
      ...{ isPeer: () => true, mostOut: 2, pacer, nowMs },
      onPeerHas: (_, peer, held) =>
        exchange.post({ kind: 'peerHas', sha256, peer, held, isAsking: true }),
    });
    const peer = { address: host, port: await server.start(host) };
    const node: Node = { exchange, server, peer, folder, isWhole: false, brings };
    this.nodes.push(node);
    return node;
  }

  /** A host that says that it has all. */
  async stranger(answers: Answers): Promise<PeerAddress> {
    const server = createServer((request, response) => {
      response.on('error', () => undefined);
      const [, , kind, , at] = (request.url ?? '').split('/');
      if (kind === 'parts') return void response.end(fullBitmap(chunkCount));
      if (kind === 'index') return void response.writeHead(404).end();
      answers(Number(at), response, request);
    }).listen(0, host);
    await once(server, 'listening');
    this.#hosts.push(server);
    // It listens on a host and a port.
    return { address: host, port: (server.address() as AddressInfo).port };
  }

  /** All nodes want the blob, and are told of each other and of these. */
  begin(strangers: readonly PeerAddress[] = []): void {
    const all = [...this.nodes.map(({ peer }) => peer), ...strangers];
    for (const { exchange, peer } of this.nodes) {
      exchange.want(grant);
      exchange.prove(sha256, proof);
      const peers = all.filter((each) => each !== peer);
      exchange.post({ kind: 'exchangeTold', sha256, indexSha256: hashOf(indexBytes), peers });
    }
  }

  get isWhole(): boolean {
    return this.nodes.every((node) => node.isWhole);
  }

  /** To be called again and again: time in which nothing moves, since somebody rests or is not given up yet, passes faster. */
  hurry(): void {
    const taken = this.nodes.reduce((sum, { exchange }) => sum + exchange.takenBytes, 0);
    const bytes = taken + this.originBytes;
    if (bytes !== this.#moved.bytes) this.#moved = { bytes, atMs: performance.now() };
    if (performance.now() - this.#moved.atMs < stillMs) return;
    // Answers that are here come between two of these.
    this.laterMs += 500;
    for (const { exchange } of this.nodes) exchange.post({ kind: 'tick' });
  }

  /** Whether the file is the blob, byte by byte. */
  isRight({ folder }: Node): boolean {
    return readFileSync(join(folder, sha256)).equals(bytes);
  }

  async #stream(
    _: BlobGrant,
    { offset, lengthBytes }: { readonly offset: number; readonly lengthBytes: number },
    { take }: { readonly take: (part: Buffer) => Promise<void> },
  ): Promise<void> {
    for (let at = offset; at < offset + lengthBytes; at += 10_000) {
      const part = bytes.subarray(at, Math.min(at + 10_000, offset + lengthBytes));
      this.originBytes += part.length;
      await take(part);
    }
  }

  #hear(node: Node, words: readonly Said[]): void {
    this.messages += words.length;
    for (const word of words) if (word.kind === 'sayPart') this.#lease(node, word);
  }

  #lease(node: Node, { room, unfound, held }: Extract<Said, { kind: 'sayPart' }>): void {
    const given: number[] = [];
    for (let at = 0; at < chunkCount && given.length < room; at += 1) {
      const isFree = node.brings ? !this.#leased.has(at) : hasChunk(unfound, at);
      if (hasChunk(held, at) || !isFree) continue;
      this.#leased.add(at);
      given.push(at);
    }
    if (given.length === 0) return;
    const told = { kind: 'chunksLeased', sha256, chunks: given, capability: 'may' } as const;
    queueMicrotask(() => node.exchange.post({ ...told, spanMs: 600_000 }));
  }
}
