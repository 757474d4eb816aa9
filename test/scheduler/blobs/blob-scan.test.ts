// All blobs are read, slowly, and on from where the last program was; a damaged one is found before anybody needs it.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlobScan } from '../../../scheduler/adapters/blobs/blob-scan.ts';
import { noise } from '../chunking/noise.ts';
import { BlobFolder, dayMs } from './blob-folder.ts';

let blobs: BlobFolder;
let nowMs: number;
let waitedMs: number;
let seen: { readonly sizeBytes: number; readonly isDamaged: boolean }[];
let read: string[];
let unreadable: string[];
/** The scan is stopped as it waits for the next pass, or before it reads so many blobs. */
let blobsMost: number;
beforeEach(async () => {
  blobs = await BlobFolder.make();
  [nowMs, waitedMs, blobsMost] = [1e12, 0, Infinity];
  [seen, read, unreadable] = [[], [], []];
});
afterEach(() => blobs.remove());

async function scan(): Promise<BlobScan> {
  const stopping = new AbortController();
  const { store } = blobs;
  const opened = await BlobScan.open({
    dataFolder: blobs.folder,
    blobs: {
      names: (after) => store.names(after),
      read: (sha256) => {
        read.push(sha256);
        if (read.length > blobsMost) stopping.abort();
        return store.read(sha256);
      },
    },
    nowMs: () => nowMs,
    wait: (spanMs) => {
      if (spanMs > 10_000) stopping.abort();
      else [waitedMs, nowMs] = [waitedMs + spanMs, nowMs + spanMs];
      return Promise.resolve();
    },
    onBlob: (blob) => void seen.push(blob),
    onUnreadable: (sha256) => void unreadable.push(sha256),
  });
  await opened.run(stopping.signal);
  return opened;
}

test('all are read at 4 MB/s, once a week', async () => {
  for (const size of [1_000_000, 3_000_000, 0]) await blobs.put(noise(String(size), size));
  const first = await scan();
  expect(waitedMs).toBeCloseTo(1_000);
  expect(first.endedAtMs).toBeCloseTo(1e12 + 1_000);
  expect(seen.map((each) => each.sizeBytes).sort((a, b) => a - b)).toEqual([0, 1e6, 3e6]);
  nowMs += 6 * dayMs;
  await scan();
  expect(read).toHaveLength(3);
  nowMs += dayMs;
  await scan();
  expect(read).toHaveLength(6);
});

test('a damaged one is removed and told, and the others go on', async () => {
  const hashes = [];
  for (const text of ['a', 'b', 'c']) hashes.push(await blobs.put(Buffer.from(text)));
  const [, harmed = ''] = hashes;
  blobs.damage(harmed);
  await scan();
  expect(seen.filter((each) => each.isDamaged)).toHaveLength(1);
  expect(seen).toHaveLength(3);
  expect(await blobs.store.size(harmed)).toBeUndefined();
});

test('one that is stopped goes on after the last blob that it had read', async () => {
  for (let at = 0; at < 6; at += 1) await blobs.put(noise(String(at), 300_000));
  blobsMost = 3;
  const stopped = await scan();
  expect(stopped.endedAtMs).toBe(0);
  blobsMost = Infinity;
  await scan();
  // The one that it was stopped in is read again.
  expect(read).toHaveLength(7);
  expect(new Set(read).size).toBe(6);
});

test('one that the disk does not give is told, and the others go on', async () => {
  const hashes = [];
  for (const text of ['a', 'b', 'c']) hashes.push(await blobs.put(Buffer.from(text)));
  const [, harmed = ''] = hashes;
  rmSync(blobs.fileOf(harmed));
  mkdirSync(blobs.fileOf(harmed));
  const { endedAtMs } = await scan();
  expect(unreadable).toEqual([harmed]);
  expect(seen.map((each) => each.isDamaged).sort()).toEqual([false, false, true]);
  expect(endedAtMs).toBeGreaterThan(0);
});

test('a blob that goes as it is read is passed over', async () => {
  const hash = await blobs.put(Buffer.from('gone'));
  const { store } = blobs;
  blobs.age(8 * dayMs);
  const names = async function* (): AsyncGenerator<string> {
    yield hash;
    await Promise.resolve();
  };
  await store.removeUnnamed(hash);
  store.names = names;
  await scan();
  expect(seen).toEqual([]);
});

test.each([['no JSON'], ['{"after":"../..","startedAtMs":0,"endedAtMs":0}']])(
  'where %s says how far it was, it begins again',
  async (text) => {
    await blobs.put(Buffer.from('a'));
    const file = join(blobs.folder, 'blobs/scan.json');
    writeFileSync(file, text);
    await scan();
    expect(read).toHaveLength(1);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ after: '' });
  },
);

test('a clock that was put back by years does not stop it for years', async () => {
  await blobs.put(Buffer.from('a'));
  await scan();
  nowMs -= 1_000 * dayMs;
  await scan();
  expect(read).toHaveLength(1);
  nowMs += 7 * dayMs;
  await scan();
  expect(read).toHaveLength(2);
});
