// A node's part in its site's exchange, between lease and disk: real servers and files, a scheduler that is played.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SaidOfBlob } from '../../../agent/adapters/bus/exchange-wire.ts';
import { SiteExchange } from '../../../agent/adapters/exchange/site-exchange.ts';
import { UplinkPacer } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import type { BlobGrant, PeerAddress } from '../../../agent/core/index.ts';
import { encodeIndex } from '../../../proto/chunks.ts';
import { fixedCutter } from '../../../scheduler/chunking/cutter.ts';
import { makeIndex } from '../../../scheduler/chunking/make-index.ts';

const chunkBytes = 64 * 1024;
const bytes = randomBytes(5 * chunkBytes + 1_000);
const sha256 = hashOf(bytes);
const grant: BlobGrant = { sha256, sizeBytes: bytes.length, capability: 'may' };
const never = new AbortController().signal;
const proof = 'ab'.repeat(32);

interface Node {
  readonly exchange: SiteExchange;
  readonly folder: string;
  readonly said: SaidOfBlob[];
  readonly logged: string[];
  here: PeerAddress | null;
  originBytes: number;
  mayTransfer: boolean;
  hasRoom: boolean;
  lanAddress: string;
}

let root = '';
let nodes: Node[] = [];
let indexBytes = Buffer.alloc(0);
/** Beside the real clock. */
let nowMs = 0;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'punnet-site-exchange-'));
  nodes = [];
  indexBytes = Buffer.from(encodeIndex(await makeIndex([bytes], fixedCutter(chunkBytes))));
});
afterEach(async () => {
  for (const { exchange } of nodes) await exchange.stop();
  rmSync(root, { recursive: true });
});

function hashOf(part: Uint8Array): string {
  return createHash('sha256').update(part).digest('hex');
}

async function start(name: string): Promise<Node> {
  const folder = mkdtempSync(join(root, `${name}-`));
  const exchange = new SiteExchange({
    ...{ folder, salt: name, isSmallBoard: false, log: (event) => node.logged.push(event) },
    origin: {
      index: () => Promise.resolve(indexBytes),
      stream: async (_, { offset, lengthBytes }, { take }) => {
        node.originBytes += lengthBytes;
        await take(bytes.subarray(offset, offset + lengthBytes));
      },
    },
    mayTransfer: () => node.mayTransfer,
    onPace: () => undefined,
    lanPacer: new UplinkPacer(
      () => null,
      () => undefined,
    ),
    ownLan: () => ({ address: node.lanAddress, network: '127.0.0.0/8' }),
    isNeighbour: () => true,
    say: (said, here) => {
      node.said.push(...said);
      node.here = here;
    },
    onWhole: () => undefined,
    isHere: ({ sha256: of }) => Promise.resolve(existsSync(join(folder, of))),
    takeRoom: () =>
      node.hasRoom ? Promise.resolve(() => undefined) : Promise.reject(new Error('no room')),
    nowMs: () => nowMs + performance.now(),
  });
  const node: Node = {
    ...{ exchange, folder, said: [], logged: [], here: null, originBytes: 0, mayTransfer: true },
    ...{ lanAddress: '127.0.0.1', hasRoom: true },
  };
  nodes.push(node);
  await exchange.start();
  return node;
}

function tell(
  { exchange }: Node,
  changes: { isClosed?: boolean; peers?: PeerAddress[] } = {},
): void {
  const { isClosed = false, peers = [] } = changes;
  const told = { kind: 'exchangeTold', sha256, indexSha256: hashOf(indexBytes), peers } as const;
  exchange.take({
    leases: [],
    news: [{ told, proof, isPinned: true, isClosed }],
  });
}

function leaseAll({ exchange }: Node): void {
  const chunks = [0, 1, 2, 3, 4, 5];
  const lease = {
    kind: 'chunksLeased',
    sha256,
    chunks,
    spanMs: 60_000,
    capability: 'may',
  } as const;
  exchange.take({ leases: [lease], news: [] });
}

test('what a node has already it gives to others, under the index that the origin makes', async () => {
  const holder = await start('holder');
  writeFileSync(join(holder.folder, sha256), bytes);
  await holder.exchange.offer(grant);
  tell(holder);
  expect(holder.said.at(-1)).toMatchObject({ kind: 'sayPart', isWhole: true, room: 0 });
  const taker = await start('taker');
  const brought = taker.exchange.bring(grant, never);
  tell(taker, { peers: [holder.here ?? { address: '', port: 0 }] });
  expect(await brought).toBe(true);
  expect(readFileSync(join(taker.folder, sha256)).equals(bytes)).toBe(true);
  expect([holder.originBytes, taker.originBytes]).toEqual([0, 0]);
});

test('who waits for a blob that the scheduler closes is sent to the origin', async () => {
  const node = await start('a');
  const brought = node.exchange.bring(grant, never);
  tell(node, { isClosed: true });
  expect(await brought).toBe(false);
  expect(node.said.at(-1)).toEqual({ kind: 'sayLeft', sha256 });
});

test('of two that wait the one that is cancelled ends, and the other has the blob', async () => {
  const node = await start('a');
  const cancelled = new AbortController();
  const gone = node.exchange.bring(grant, cancelled.signal);
  const kept = node.exchange.bring(grant, never);
  cancelled.abort(new Error('cancelled'));
  await expect(gone).rejects.toThrow('cancelled');
  tell(node);
  leaseAll(node);
  expect(await kept).toBe(true);
  expect(node.originBytes).toBe(bytes.length);
});

test('a month that is used up takes nothing over the line', async () => {
  const node = await start('a');
  node.mayTransfer = false;
  const end = new AbortController();
  const brought = node.exchange.bring(grant, end.signal);
  tell(node);
  leaseAll(node);
  await expect.poll(() => node.said.length).toBeGreaterThan(0);
  expect(node.originBytes).toBe(0);
  end.abort(new Error('enough'));
  await expect(brought).rejects.toThrow('enough');
});

test('a blob that was removed from the disk is told to be gone', async () => {
  const node = await start('a');
  const brought = node.exchange.bring(grant, never);
  tell(node);
  leaseAll(node);
  await brought;
  expect(node.exchange.pinned.has(sha256)).toBe(true);
  rmSync(join(node.folder, sha256));
  await node.exchange.lookForRemoved();
  expect(node.said.at(-1)).toEqual({ kind: 'sayLeft', sha256 });
  expect(await node.exchange.bring(grant, AbortSignal.timeout(50)).catch(() => 'asked')).toBe(
    'asked',
  );
});

test('a scheduler that knows nothing any more is told all', async () => {
  const node = await start('a');
  writeFileSync(join(node.folder, sha256), bytes);
  await node.exchange.offer(grant);
  const before = node.said.length;
  node.exchange.tellAgain();
  expect(node.said.slice(before)).toMatchObject([{ kind: 'sayPart', isWhole: true }]);
});

test('a node that comes back on another network is told to be there', async () => {
  const node = await start('a');
  void node.exchange.bring(grant, never);
  await node.exchange.hearScheduler(false);
  node.lanAddress = '127.0.0.2';
  await node.exchange.hearScheduler(true);
  expect(node.here?.address).toBe('127.0.0.2');
});

test('a node whose router gives it another address tells so, and is asked there', async () => {
  const holder = await start('holder');
  writeFileSync(join(holder.folder, sha256), bytes);
  await holder.exchange.offer(grant);
  tell(holder);
  await holder.exchange.lookAtLan();
  const before = holder.said.length;
  holder.lanAddress = '127.0.0.2';
  await holder.exchange.lookAtLan();
  expect(holder.said.length, 'it looked a moment ago').toBe(before);
  nowMs += 30_000;
  await holder.exchange.lookAtLan();
  expect(holder.said.slice(before)).toMatchObject([{ kind: 'sayPart', isWhole: true }]);
  expect(holder.here?.address).toBe('127.0.0.2');
  const taker = await start('taker');
  const brought = taker.exchange.bring(grant, never);
  tell(taker, { peers: [holder.here ?? { address: '', port: 0 }] });
  expect(await brought).toBe(true);
});

test('a blob that is gone when it is to be offered is nothing to fail for', async () => {
  const node = await start('a');
  await node.exchange.offer(grant);
  expect(node.said).toEqual([]);
});

const update = (node: Node, chunks: readonly number[], indexSha256 = hashOf(indexBytes)) =>
  node.exchange.bringUpdate(
    grant,
    {
      indexSha256,
      fill: async (part) => {
        for (const chunk of chunks) {
          const own = bytes.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes);
          await part.write(chunk, own);
        }
      },
    },
    never,
  );

describe('an update', () => {
  test('is asked for by one chunk, then what the disk has is told, and the rest alone comes over the line', async () => {
    const node = await start('a');
    const brought = update(node, [0, 1, 2, 3]);
    expect(node.said).toMatchObject([{ kind: 'sayPart', room: 1 }]);
    tell(node);
    leaseAll(node);
    expect(await brought).toEqual({
      ...{ kind: 'whole', index: indexBytes },
      originBytes: indexBytes.length + chunkBytes + 1_000,
    });
    expect(node.originBytes).toBe(chunkBytes + 1_000);
    expect(readFileSync(join(node.folder, sha256)).equals(bytes)).toBe(true);
  });

  test('that is closed at once is refused, and over once it was taken', async () => {
    const node = await start('a');
    const refused = update(node, []);
    tell(node, { isClosed: true });
    expect(await refused).toEqual({ kind: 'refused' });
    const over = update(node, []);
    tell(node);
    tell(node, { isClosed: true });
    expect(await over).toEqual({ kind: 'over' });
  });

  test('is brought by no other index than the signed one', async () => {
    const node = await start('a');
    const brought = update(node, [], hashOf(bytes));
    tell(node);
    leaseAll(node);
    await expect.poll(() => node.logged).toContain('exchange failed');
    expect(node.originBytes).toBe(0);
    node.exchange.giveUp(sha256);
    expect(await brought).toEqual({ kind: 'over' });
  });

  test('in a file of its own is given to others, but for chunks that have changed since', async () => {
    const holder = await start('holder');
    const [file, index] = ['tar', 'index'].map((name) => join(holder.folder, name));
    const damaged = Buffer.from(bytes);
    damaged[0] = (damaged[0] ?? 0) ^ 1;
    writeFileSync(file ?? '', damaged);
    const offered = { sha256, file: file ?? '', index: index ?? '' };
    expect(await holder.exchange.offerFile(offered)).toBe(false);
    writeFileSync(index ?? '', indexBytes);
    expect(await holder.exchange.offerFile(offered)).toBe(true);
    tell(holder);
    const taker = await start('taker');
    const brought = update(taker, []);
    tell(taker, { peers: [holder.here ?? { address: '', port: 0 }] });
    leaseFirst(taker);
    expect(await brought).toMatchObject({ kind: 'whole' });
    expect(taker.originBytes).toBe(chunkBytes);
    rmSync(file ?? '');
    await holder.exchange.lookForRemoved();
    expect(holder.said.at(-1)).toEqual({ kind: 'sayLeft', sha256 });
  });
});

function leaseFirst({ exchange }: Node): void {
  const about = { kind: 'chunksLeased', sha256, spanMs: 60_000, capability: 'may' } as const;
  exchange.take({ leases: [{ ...about, chunks: [0] }], news: [] });
}
