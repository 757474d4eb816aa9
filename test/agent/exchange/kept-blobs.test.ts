// A node that starts with blobs on its disk: it asks before it reads, and offers what its site exchanges.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UplinkPacer } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import type { SaidOfBlob } from '../../../agent/adapters/bus/exchange-wire.ts';
import { KeptBlobs } from '../../../agent/adapters/exchange/kept-blobs.ts';
import { SiteExchange } from '../../../agent/adapters/exchange/site-exchange.ts';

const bytes = randomBytes(300_000);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const question = { kind: 'sayPart', sha256, sizeBytes: 300_000, isWhole: false, room: 0 };

let folder = '';
let said: SaidOfBlob[] = [];
let reads = 0;
let isRight = true;
let exchange: SiteExchange;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'punnet-kept-'));
  [said, reads, isRight] = [[], 0, true];
  writeFileSync(join(folder, sha256), bytes);
  exchange = newExchange();
  await exchange.start();
  await exchange.findKept();
  await exchange.hearScheduler(false);
  await exchange.hearScheduler(true);
});
afterEach(async () => {
  await exchange.stop();
  rmSync(folder, { recursive: true });
});

function newExchange(): SiteExchange {
  return new SiteExchange({
    ...{ folder, salt: 'n', isSmallBoard: false, log: () => undefined },
    origin: { index: () => Promise.reject(new Error('none')), stream: () => Promise.resolve() },
    ...{ mayTransfer: () => true, onPace: () => undefined, onWhole: () => undefined },
    lanPacer: new UplinkPacer(
      () => null,
      () => undefined,
    ),
    ownLan: () => ({ address: '127.0.0.1', network: '127.0.0.0/8' }),
    isNeighbour: () => true,
    say: (words) => said.push(...words),
    isHere: () => {
      reads += 1;
      return Promise.resolve(isRight);
    },
    takeRoom: () => Promise.resolve(() => undefined),
    nowMs: () => performance.now(),
  });
}

function tell(isClosed: boolean): void {
  const told = { kind: 'exchangeTold', sha256, indexSha256: 'ab'.repeat(32), peers: [] } as const;
  exchange.take({
    leases: [],
    news: [{ told, proof: 'ab'.repeat(32), isPinned: false, isClosed }],
  });
}

test('it asks of what it has, and offers it when its site exchanges it', async () => {
  expect(said).toMatchObject([question]);
  expect(reads).toBe(0);
  tell(false);
  await expect.poll(() => said.length, { timeout: 30_000 }).toBe(2);
  expect(said[1]).toMatchObject({ kind: 'sayPart', sha256, isWhole: true });
});

test('what nobody exchanges is not read, and not asked of again', async () => {
  tell(true);
  exchange.tellAgain();
  expect(said).toHaveLength(1);
  expect(reads).toBe(0);
});

test('a file that is damaged is not offered, and it says so', async () => {
  isRight = false;
  tell(false);
  await expect.poll(() => said.length, { timeout: 30_000 }).toBe(2);
  expect(said[1]).toEqual({ kind: 'sayLeft', sha256 });
});

test('until the scheduler answers it is asked again when it comes back', async () => {
  await exchange.hearScheduler(false);
  await exchange.hearScheduler(true);
  expect(said).toMatchObject([question, question]);
});

test('what a task has wanted in the meantime is told to be here, not asked of', async () => {
  await exchange.offer({ sha256, sizeBytes: 300_000 });
  const before = said.length;
  exchange.tellAgain();
  expect(said.slice(before)).toMatchObject([{ kind: 'sayPart', isWhole: true }]);
});

test('of many the 64 that were used last are asked of, and nothing else that lies there', async () => {
  const name = (at: number): string => at.toString(16).padStart(64, '0');
  for (let at = 0; at < 66; at += 1) {
    writeFileSync(join(folder, name(at)), Buffer.alloc(256 * 1024));
    utimesSync(join(folder, name(at)), at, at);
  }
  writeFileSync(join(folder, name(100)), Buffer.alloc(256 * 1024 - 1));
  writeFileSync(join(folder, `${name(101)}.part`), bytes);
  let asked: readonly string[] = [];
  const kept = new KeptBlobs({
    ...{ folder, isHere: () => Promise.resolve(true), offer: () => Promise.resolve() },
    say: (words) => (asked = words.map((each) => each.sha256)),
    log: () => undefined,
  });
  await kept.find();
  kept.ask();
  expect(asked).toEqual([sha256, ...Array.from({ length: 63 }, (_, at) => name(65 - at))]);
});
