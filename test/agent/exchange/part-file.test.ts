// A blob that comes in chunks, in any order and over starts: nothing wrong counts, and nothing right is lost.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PartFile } from '../../../agent/adapters/exchange/part-file.ts';
import { countChunks, hasChunk } from '../../../proto/bitmap.ts';
import type { ChunkIndex } from '../../../proto/chunks.ts';
import { withFilesOf } from '../full-disk.ts';

const chunkBytes = 1_000;
const bytes = randomBytes(9_500);
const sha256 = hashOf(bytes);
const chunks = Array.from({ length: 10 }, (_, at) => {
  const part = chunkOf(at);
  return { sha256: hashOf(part), lengthBytes: part.length };
});
const sizes = { minBytes: chunkBytes, averageBytes: chunkBytes, maxBytes: chunkBytes };
const index: ChunkIndex = { sizes, chunks };

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'punnet-part-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function hashOf(part: Uint8Array): string {
  return createHash('sha256').update(part).digest('hex');
}

function chunkOf(at: number): Buffer {
  return bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes);
}

async function written(...order: readonly number[]): Promise<PartFile> {
  const part = await PartFile.open(folder, sha256, index);
  for (const at of order) expect(await part.write(at, chunkOf(at))).toBe(true);
  return part;
}

test('chunks in any order become the blob', async () => {
  const part = await written(9, 0, 5, 1, 2, 8, 7, 3, 6, 4);
  const file = await part.finish();
  expect(readFileSync(file).equals(bytes)).toBe(true);
  expect(existsSync(`${file}.part`)).toBe(false);
});

test('wrong bytes are not written, and what is there stays', async () => {
  const part = await written(3);
  const flipped = Buffer.from(chunkOf(3));
  flipped[7] = (flipped[7] ?? 0) ^ 1;
  expect(await part.write(3, flipped)).toBe(false);
  expect(await part.write(4, chunkOf(3))).toBe(false);
  expect(await part.write(5, chunkOf(5).subarray(1))).toBe(false);
  expect((await part.read(3))?.equals(chunkOf(3))).toBe(true);
  expect(await part.read(4)).toBeNull();
  await expect(part.finish()).rejects.toThrow('chunks are missing');
  await part.close();
});

test('a stop in order is followed by a start that knows what is there', async () => {
  await (await written(0, 9)).close();
  const part = await PartFile.open(folder, sha256, index);
  expect([0, 9].every((at) => hasChunk(part.held, at))).toBe(true);
  expect(countChunks(part.held)).toBe(2);
  await part.close();
});

test.each([0, 1, 999, 1_000, 4_321, 9_499])(
  'killed when %i bytes were on the disk it keeps the chunks that are whole',
  async (length) => {
    // As a process leaves it that ends at any byte: no map, and a file that is cut off.
    writeFileSync(join(folder, `${sha256}.part`), bytes.subarray(0, length));
    const part = await PartFile.open(folder, sha256, index);
    expect(countChunks(part.held)).toBe(Math.floor(length / chunkBytes));
    for (let at = 0; at < 10; at += 1) await part.write(at, chunkOf(at));
    expect(readFileSync(await part.finish()).equals(bytes)).toBe(true);
  },
);

test('after an unclean stop a bit that has changed on the disk is found', async () => {
  await (await written(0, 1, 2)).close();
  const file = join(folder, `${sha256}.part`);
  // Opened and never closed: killed.
  await PartFile.open(folder, sha256, index);
  const there = readFileSync(file);
  there[1_500] = (there[1_500] ?? 0) ^ 4;
  writeFileSync(file, there);
  const part = await PartFile.open(folder, sha256, index);
  expect([0, 1, 2].map((at) => hasChunk(part.held, at))).toEqual([true, false, true]);
  await part.close();
});

test.each([
  ['cut off', (map: Buffer) => map.subarray(0, 20)],
  ['of more chunks', (map: Buffer) => Buffer.concat([map, Buffer.from([1])])],
  ['of another index', (map: Buffer) => Buffer.concat([Buffer.alloc(32), map.subarray(32)])],
  ['empty', () => Buffer.alloc(0)],
])('a map that is %s is not believed', async (_, spoil) => {
  await (await written(0, 1)).close();
  const file = join(folder, `${sha256}.map`);
  writeFileSync(file, spoil(readFileSync(file)));
  const part = await PartFile.open(folder, sha256, index);
  expect(countChunks(part.held)).toBe(2);
  await part.close();
});

test('an index that is not the blob’s is found at the end, and nothing of it is kept', async () => {
  const other = 'f'.repeat(64);
  const part = await PartFile.open(folder, other, index);
  for (let at = 0; at < 10; at += 1) await part.write(at, chunkOf(at));
  await expect(part.finish()).rejects.toThrow('its index is wrong');
  expect(existsSync(join(folder, `${other}.part`))).toBe(false);
  expect(existsSync(join(folder, other))).toBe(false);
});

test('a map whose file has gone is not believed', async () => {
  await (await written(0, 9)).close();
  // As the cache removes what was used longest ago: one file, and the other later.
  rmSync(join(folder, `${sha256}.part`));
  const part = await PartFile.open(folder, sha256, index);
  expect(countChunks(part.held)).toBe(0);
  await part.close();
});

test('a chunk of which the disk takes only a piece does not count', async () => {
  const part = await written(0);
  await withFilesOf(1_500, () => expect(part.write(1, chunkOf(1))).rejects.toThrow('EFBIG'));
  expect(hasChunk(part.held, 1)).toBe(false);
  expect(await part.write(1, chunkOf(1))).toBe(true);
  expect((await part.read(1))?.equals(chunkOf(1))).toBe(true);
  await part.close();
});

test('a stop on a disk without room for the map ends, and loses nothing', async () => {
  const first = await written(0, 1);
  await withFilesOf(10, () => first.close());
  expect(existsSync(join(folder, `${sha256}.map`))).toBe(false);
  const part = await PartFile.open(folder, sha256, index);
  expect(countChunks(part.held)).toBe(2);
  await part.close();
});
