// Nodes of a site that exchange a blob over real sockets and files; the scheduler's part is played by the test, which leases each chunk once.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UplinkPacer } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import { BlobExchange } from '../../../agent/adapters/exchange/blob-exchange.ts';
import { ChunkServer, type SharedBlob } from '../../../agent/adapters/exchange/chunk-server.ts';
import type { BlobGrant } from '../../../agent/core/index.ts';
import { encodeIndex, type ChunkIndex } from '../../../proto/chunks.ts';

const host = '127.0.0.1';
const chunkBytes = 64 * 1024;
const bytes = randomBytes(40 * chunkBytes - 1_000);
const sha256 = hashOf(bytes);
const chunks = Array.from({ length: 40 }, (_, at) => {
  const part = bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes);
  return { sha256: hashOf(part), lengthBytes: part.length };
});
const sizes = { minBytes: chunkBytes, averageBytes: chunkBytes, maxBytes: chunkBytes };
const index: ChunkIndex = { sizes, chunks };
const indexBytes = Buffer.from(encodeIndex(index));
const grant: BlobGrant = { sha256, sizeBytes: bytes.length, capability: 'may' };
const proof = randomBytes(32);

function hashOf(part: Uint8Array): string {
  return createHash('sha256').update(part).digest('hex');
}

interface Node {
  readonly exchange: BlobExchange;
  readonly server: ChunkServer;
  readonly peer: { readonly address: string; port: number };
  readonly folder: string;
  isWhole: boolean;
  leasesMost: number;
}

let root = '';
let nodes: Node[] = [];
let leased = 0;
let originBytes = 0;
let isOriginAway = false;
/** It goes away when it has sent so many. */
let lastBytes = Infinity;
let said: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'punnet-exchange-'));
  [nodes, leased, originBytes, isOriginAway, said, lastBytes] = [[], 0, 0, false, [], Infinity];
});
afterEach(async () => {
  for (const node of nodes) await stop(node);
  rmSync(root, { recursive: true });
});

async function stop({ exchange, server }: Node): Promise<void> {
  server.stop();
  await exchange.stop();
}

/** @param spoil what it serves instead of a chunk. */
async function start(name: string, spoil?: (chunk: Buffer) => Buffer): Promise<Node> {
  const folder = mkdtempSync(join(root, `${name}-`));
  const node: Node = { ...parts(folder, spoil), folder, isWhole: false, leasesMost: 40 };
  node.peer.port = await node.server.start(host);
  nodes.push(node);
  return node;
}

function parts(folder: string, spoil?: (chunk: Buffer) => Buffer) {
  const peer = { address: host, port: 0 };
  const nodeOf = (): Node | undefined => nodes.find((node) => node.folder === folder);
  const pacer = new UplinkPacer(
    () => null,
    () => undefined,
  );
  const exchange = new BlobExchange({
    lanPacer: pacer,
    ...{ folder, salt: folder, isSmallBoard: false, origin: { index: giveIndex, stream } },
    ...{ port: () => peer.port, nowMs: () => performance.now(), onPace: () => undefined },
    onLeft: () => undefined,
    say: (words) => words.forEach((word) => word.kind === 'sayPart' && lease(nodeOf(), word.room)),
    onWhole: () => {
      const node = nodeOf();
      if (node !== undefined) node.isWhole = true;
    },
    log: (event) => said.push(event),
  });
  const blobOf = (): SharedBlob | null => {
    const blob = exchange.served(sha256);
    if (blob === null || spoil === undefined) return blob;
    const read = async (at: number): Promise<Buffer> => {
      const found = await blob.read(at);
      return spoil(Buffer.isBuffer(found) ? found : Buffer.alloc(0));
    };
    return { ...blob, read };
  };
  const server = new ChunkServer({
    ...{ blobOf, isPeer: () => true, mostOut: 2, pacer, nowMs: () => performance.now() },
    onPeerHas: (_, from, held) =>
      exchange.post({ kind: 'peerHas', sha256, peer: from, held, isAsking: true }),
  });
  return { exchange, server, peer };
}

function giveIndex(): Promise<Buffer> {
  return isOriginAway ? Promise.reject(new Error('away')) : Promise.resolve(indexBytes);
}

async function stream(
  _: BlobGrant,
  { offset, lengthBytes }: { readonly offset: number; readonly lengthBytes: number },
  { take }: { readonly take: (part: Buffer) => Promise<void> },
): Promise<void> {
  for (let at = offset; at < offset + lengthBytes; at += 10_000) {
    if (isOriginAway) throw new Error('away');
    const part = bytes.subarray(at, Math.min(at + 10_000, offset + lengthBytes));
    originBytes += part.length;
    isOriginAway ||= originBytes > lastBytes;
    await take(part);
  }
}

function lease(node: Node | undefined, room: number): void {
  const count = Math.min(room, node?.leasesMost ?? 0, chunks.length - leased);
  if (node === undefined || count === 0) return;
  const given = Array.from({ length: count }, (_, at) => leased + at);
  leased += count;
  const told = { kind: 'chunksLeased', sha256, chunks: given, capability: 'may' } as const;
  queueMicrotask(() => node.exchange.post({ ...told, spanMs: 600_000 }));
}

function introduce(): void {
  for (const { exchange, peer } of nodes) {
    const peers = nodes.map((node) => node.peer).filter((each) => each !== peer);
    exchange.prove(sha256, proof);
    exchange.post({ kind: 'exchangeTold', sha256, indexSha256: hashOf(indexBytes), peers });
  }
}

function right(node: Node): void {
  expect(readFileSync(join(node.folder, sha256)).equals(bytes)).toBe(true);
}

test('three nodes have a blob after the origin has sent it once', async () => {
  for (const name of ['a', 'b', 'c']) (await start(name)).exchange.want(grant);
  introduce();
  await expect.poll(() => nodes.every(({ isWhole }) => isWhole), { timeout: 20_000 }).toBe(true);
  nodes.forEach(right);
  expect(originBytes).toBe(bytes.length);
  expect(nodes.reduce((sum, { exchange }) => sum + exchange.takenBytes, 0)).toBe(2 * bytes.length);
});

test('a peer that flips bits is found out, and the blob comes whole from another', async () => {
  const flip = (chunk: Buffer): Buffer => {
    const wrong = Buffer.from(chunk);
    wrong[100] = (wrong[100] ?? 0) ^ 8;
    return wrong;
  };
  const liar = await start('liar', flip);
  const honest = await start('honest');
  const taker = await start('taker');
  [liar.leasesMost, taker.leasesMost] = [0, 0];
  for (const { exchange } of nodes) exchange.want(grant);
  introduce();
  await expect.poll(() => honest.isWhole && taker.isWhole, { timeout: 20_000 }).toBe(true);
  [honest, taker].forEach(right);
  // Of this blob nothing is asked of it again, by either.
  expect(said.filter((event) => event === 'a peer sent wrong bytes').length).toBeLessThan(3);
});

test('an origin that goes away and a stop in the middle cost nothing that was there', async () => {
  const node = await start('a');
  lastBytes = 12.5 * chunkBytes;
  node.exchange.want(grant);
  introduce();
  await expect.poll(() => said, { timeout: 10_000 }).toContain('exchange failed');
  await stop(node);
  const again: Node = {
    ...parts(node.folder),
    folder: node.folder,
    isWhole: false,
    leasesMost: 40,
  };
  again.peer.port = await again.server.start(host);
  [nodes, isOriginAway, leased, lastBytes] = [[again], false, 0, Infinity];
  again.exchange.want(grant);
  introduce();
  await expect.poll(() => again.isWhole, { timeout: 20_000 }).toBe(true);
  right(again);
  // What was cut off in a chunk comes twice.
  expect(originBytes).toBeLessThan(bytes.length + chunkBytes);
});
