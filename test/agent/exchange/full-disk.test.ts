// A node whose own disk is full, in the middle of an exchange: nobody else is blamed or asked again and again, the scheduler hears that
// it takes part no more, and with room it goes on with what it has.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { UplinkPacer } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import { writeAll } from '../../../agent/adapters/blobs/write-all.ts';
import { SiteExchange } from '../../../agent/adapters/exchange/site-exchange.ts';
import { isDiskFull } from '../../../agent/adapters/state/disk-full.ts';
import type { BlobGrant, ExchangeEffect, PeerAddress } from '../../../agent/core/index.ts';
import { encodeIndex } from '../../../proto/chunks.ts';
import { fixedCutter } from '../../../scheduler/chunking/cutter.ts';
import { makeIndex } from '../../../scheduler/chunking/make-index.ts';
import { SmallDisk, diskOf } from '../../scheduler/small-disk.ts';
import { open } from 'node:fs/promises';

const chunkBytes = 64 * 1024;
const bytes = randomBytes(16 * chunkBytes);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const grant: BlobGrant = { sha256, sizeBytes: bytes.length, capability: 'may', isShared: true };
const proof = randomBytes(32).toString('hex');
const never = new AbortController().signal;
let indexBytes: Buffer;
let indexSha256: string;
let mounted: SmallDisk | string;
let disk: SmallDisk;
let root: string;
let originBytes: number;
let said: Extract<ExchangeEffect, { kind: 'sayPart' | 'sayLeft' }>[];
let started: SiteExchange[];

beforeAll(async () => {
  indexBytes = Buffer.from(encodeIndex(await makeIndex([bytes], fixedCutter(chunkBytes))));
  indexSha256 = createHash('sha256').update(indexBytes).digest('hex');
  mounted = await SmallDisk.mount(4);
});
beforeEach((context) => {
  disk = diskOf(context, mounted);
  root = mkdtempSync(join(tmpdir(), 'punnet-full-'));
  [originBytes, said, started] = [0, [], []];
});
afterEach(async () => {
  for (const each of started) await each.stop();
  for (const name of readdirSync(disk.path)) rmSync(join(disk.path, name));
  rmSync(root, { recursive: true });
});
afterAll(async () => {
  if (typeof mounted !== 'string') await mounted.unmount();
});

/** Returns it, and where it serves chunks. */
async function start(folder: string): Promise<{ exchange: SiteExchange; here: () => PeerAddress }> {
  let at: PeerAddress = { address: '', port: 0 };
  const pacer = new UplinkPacer(
    () => null,
    () => undefined,
  );
  const exchange = new SiteExchange({
    ...{ folder, salt: folder, isSmallBoard: false, log: () => undefined, lanPacer: pacer },
    origin: {
      index: () => Promise.resolve(indexBytes),
      stream: async (_, { offset, lengthBytes }, { take }) => {
        for (let from = offset; from < offset + lengthBytes; from += chunkBytes) {
          originBytes += chunkBytes;
          await take(bytes.subarray(from, from + chunkBytes));
        }
      },
    },
    ...{ mayTransfer: () => true, onPace: () => undefined, onWhole: () => undefined },
    ownLan: () => ({ address: '127.0.0.1', network: '127.0.0.0/8' }),
    isNeighbour: () => true,
    say: (words, here) => {
      if (folder === disk.path) said.push(...words);
      at = here ?? at;
    },
    isHere: ({ sha256: of }) => Promise.resolve(existsSync(join(folder, of))),
    takeRoom: () => Promise.resolve(() => undefined),
    nowMs: () => performance.now(),
  });
  started.push(exchange);
  await exchange.start();
  return { exchange, here: () => at };
}

function tell(
  exchange: SiteExchange,
  peers: readonly PeerAddress[],
  chunks: readonly number[],
): void {
  const told = { kind: 'exchangeTold', sha256, indexSha256, peers } as const;
  const lease = { kind: 'chunksLeased', sha256, chunks, capability: 'may' } as const;
  exchange.take({
    leases: chunks.length === 0 ? [] : [{ ...lease, spanMs: 600_000 }],
    news: [{ told, proof, isPinned: false, isClosed: false }],
  });
}

const all = Array.from({ length: 16 }, (_, at) => at);

test('what the origin sends has no room: it is asked no more, and then for the rest alone', async () => {
  const { exchange } = await start(disk.path);
  const brought = exchange.bring(grant, never);
  disk.fill(6 * chunkBytes);
  tell(exchange, [], all);
  await expect(brought).rejects.toSatisfy(isDiskFull);
  expect(said.at(-1)).toEqual({ kind: 'sayLeft', sha256 });
  const asked = originBytes;
  expect(asked).toBeLessThanOrEqual(8 * chunkBytes);
  disk.free();
  const again = exchange.bring(grant, never);
  tell(exchange, [], all);
  expect(await again).toBe(true);
  expect(readFileSync(join(disk.path, sha256)).equals(bytes)).toBe(true);
  // The piece for which there was no room comes twice.
  expect(originBytes).toBeLessThanOrEqual(bytes.length + 2 * chunkBytes);
  expect(originBytes).toBeLessThan(bytes.length + asked);
});

test('what a peer sends has no room: it is asked again as soon as there is, and the origin never', async () => {
  const holder = await start(root);
  writeFileSync(join(root, sha256), bytes);
  await holder.exchange.offer(grant);
  tell(holder.exchange, [], []);
  const { exchange } = await start(disk.path);
  const brought = exchange.bring(grant, never);
  disk.fill(5 * chunkBytes);
  tell(exchange, [holder.here()], []);
  await expect(brought).rejects.toSatisfy(isDiskFull);
  expect(said.at(-1)).toEqual({ kind: 'sayLeft', sha256 });
  disk.free();
  const beganMs = performance.now();
  const again = exchange.bring(grant, never);
  tell(exchange, [holder.here()], []);
  expect(await again).toBe(true);
  // It would rest for a minute if it were to blame.
  expect(performance.now() - beganMs).toBeLessThan(50_000);
  expect(originBytes).toBe(0);
});

test('a package that finds no room leaves nothing, and is given when there is some', async () => {
  const { exchange } = await start(disk.path);
  const fetchFromSource = async (file: string): Promise<void> => {
    const handle = await open(file, 'wx');
    try {
      await writeAll(handle, bytes, 0);
    } finally {
      await handle.close();
    }
  };
  const wanted = { sha256, sizeBytes: bytes.length, fetchFromSource };
  const lease = {
    kind: 'chunksLeased',
    sha256,
    chunks: [0],
    capability: null,
    spanMs: 9_000,
  } as const;
  const told = { kind: 'exchangeTold', sha256, indexSha256: '', peers: [] } as const;
  const get = (): Promise<string> => {
    const got = exchange.get(wanted, never);
    setTimeout(() => {
      exchange.take({ leases: [lease], news: [{ told, proof, isPinned: false, isClosed: false }] });
    }, 50);
    return got;
  };
  disk.fill(5 * chunkBytes);
  await expect(get()).rejects.toThrow('its site has no way to it');
  await expect.poll(() => readdirSync(disk.path), { timeout: 50_000 }).toEqual(['ballast']);
  disk.free();
  expect(readFileSync(await get()).equals(bytes)).toBe(true);
});
