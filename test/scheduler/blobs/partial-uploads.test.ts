// An upload that was cut goes on where it was, for its own sender; what it leaves has a bound.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BlobStore } from '../../../scheduler/adapters/blobs/blob-store.ts';

const bytes = randomBytes(600_000);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const blob = { sha256, sizeBytes: bytes.length };
let folder: string;
let store: BlobStore;

const open = (): Promise<BlobStore> => BlobStore.open(folder, () => undefined);
const parts = (): readonly string[] => readdirSync(join(folder, 'blobs/partial'));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'punnet-parts-'));
  store = await open();
});
afterEach(() => rmSync(folder, { recursive: true }));

async function* from(data: Buffer, isCut = false): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += 50_000) yield data.subarray(at, at + 50_000);
  if (isCut) throw new Error('the line was cut');
}

const resume = (sender: string, offset: number, data = bytes.subarray(offset)): Promise<void> =>
  store.resume(from(data), blob, { sender, offset });

function cutAt(sender: string, end: number): Promise<void> {
  return store
    .resume(from(bytes.subarray(0, end), true), blob, { sender, offset: 0 })
    .catch(() => undefined);
}

it('goes on where it was cut, over a restart too', async () => {
  await cutAt('ada', 400_000);
  store = await open();
  expect(await store.committed('ada', blob)).toBe(400_000);
  await resume('ada', 400_000);
  expect((await store.readBytes(sha256, bytes.length)).equals(bytes)).toBe(true);
  expect(parts()).toEqual([]);
});

it('may begin before its end: what is there beyond is dropped', async () => {
  await cutAt('ada', 400_000);
  await resume('ada', 100_000);
  expect(await store.size(sha256)).toBe(bytes.length);
});

it('cannot begin after its end, and stays', async () => {
  await cutAt('ada', 400_000);
  await expect(resume('ada', 400_001)).rejects.toMatchObject({ code: 'offset' });
  expect(await store.committed('ada', blob)).toBe(400_000);
});

it('is its sender’s own: others can neither see nor spoil it', async () => {
  await cutAt('ada', 400_000);
  expect(await store.committed('eve', blob)).toBe(0);
  await expect(resume('eve', 0, randomBytes(bytes.length))).rejects.toMatchObject({
    code: 'wrong_hash',
  });
  await resume('ada', 400_000);
  expect(await store.size(sha256)).toBe(bytes.length);
});

it('of wrong bytes leaves nothing, so that the next one begins anew', async () => {
  await cutAt('ada', 400_000);
  const other = randomBytes(bytes.length - 400_000);
  await expect(resume('ada', 400_000, other)).rejects.toMatchObject({ code: 'wrong_hash' });
  expect(await store.committed('ada', blob)).toBe(0);
  await resume('ada', 0);
});

it('ends one that hangs when its sender comes again', async () => {
  let isStarted = (): void => undefined;
  const started = new Promise<void>((resolve) => (isStarted = resolve));
  let goOn = (): void => undefined;
  const hanging = async function* (): AsyncGenerator<Buffer> {
    yield bytes.subarray(0, 300_000);
    isStarted();
    await new Promise<void>((resolve) => (goOn = resolve));
    yield bytes.subarray(300_000, 350_000);
  };
  const first = store.resume(hanging(), blob, { sender: 'ada', offset: 0 });
  const ended = expect(first).rejects.toMatchObject({ code: 'offset' });
  await started;
  await resume('ada', 300_000);
  goOn();
  await ended;
  expect((await store.readBytes(sha256, bytes.length)).equals(bytes)).toBe(true);
});

it('keeps nothing of small ones, of old ones, and of more than a thousand', async () => {
  const small = Buffer.alloc(1_000);
  const ref = { sha256: createHash('sha256').update(small).digest('hex'), sizeBytes: 1_000 };
  await store.resume(from(small, true), ref, { sender: 'ada', offset: 0 }).catch(() => undefined);
  expect(parts()).toEqual([]);
  for (let at = 0; at < 1_001; at += 1) {
    writeFileSync(join(folder, 'blobs/partial', `other-${at}`), 'x');
  }
  await cutAt('ada', 1);
  expect(parts()).toHaveLength(1_000);
  expect(parts().filter((name) => !name.startsWith('other-'))).toHaveLength(1);
  for (const name of parts()) utimesSync(join(folder, 'blobs/partial', name), 1, 1);
  store = await open();
  expect(parts()).toEqual([]);
});
