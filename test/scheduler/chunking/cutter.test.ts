// Where chunks end: the same however the bytes come, and the same again around what was put in.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { indexedBytes } from '../../../proto/chunks.ts';
import type { ChunkIndex } from '../../../proto/chunks.ts';
import type { Cutter } from '../../../scheduler/chunking/cutter.ts';
import {
  contentCutter,
  contentSizes,
  fixedCutter,
  gear,
  listedCutter,
} from '../../../scheduler/chunking/cutter.ts';
import { makeIndex } from '../../../scheduler/chunking/make-index.ts';
import { propertyRuns } from '../../property-runs.ts';
import { noise } from './noise.ts';

const mebibyte = 1024 * 1024;

async function* inParts(bytes: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += partBytes) {
    yield await Promise.resolve(bytes.subarray(at, at + partBytes));
  }
}

function indexOf(bytes: Uint8Array, cutter: Cutter, partBytes = 65_536): Promise<ChunkIndex> {
  return makeIndex(inParts(bytes, partBytes), cutter);
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('the cuts are those of all releases before', async () => {
  expect(hashOf(Buffer.from(gear.join(' ')))).toBe(
    '70069868f2bb71cdbf59563e80b8af7c081b5af4ae5de2064a4bca1c30d845c4',
  );
  const { chunks } = await indexOf(noise('pinned', mebibyte), contentCutter());
  expect(chunks.map((each) => each.lengthBytes).join(' ')).toBe(
    '88161 108616 71337 69258 65924 96745 51320 69962 89073 75616 39752 73108 83258 27956 38490',
  );
});

test.each([
  ['nothing', 0],
  ['less than the shortest chunk', 1_000],
  ['some chunks', 3 * mebibyte],
])('of %s: chunks within their bounds, that are the bytes', async (_, sizeBytes) => {
  const bytes = noise('bounds', sizeBytes);
  const index = await indexOf(bytes, contentCutter());
  expect(indexedBytes(index)).toBe(sizeBytes);
  let end = 0;
  for (const [at, { sha256, lengthBytes }] of index.chunks.entries()) {
    expect(hashOf(bytes.subarray(end, end + lengthBytes))).toBe(sha256);
    end += lengthBytes;
    const least = at === index.chunks.length - 1 ? 1 : contentSizes.minBytes;
    expect(lengthBytes).toBeGreaterThanOrEqual(least);
    expect(lengthBytes).toBeLessThanOrEqual(contentSizes.maxBytes);
  }
});

test('bytes that are all the same make the longest chunks', async () => {
  const { chunks } = await indexOf(new Uint8Array(2 * mebibyte + 5).fill(1), contentCutter());
  expect(chunks.map((each) => each.lengthBytes)).toEqual([
    ...new Array<number>(8).fill(contentSizes.maxBytes),
    5,
  ]);
});

test('the chunks are the same however the bytes come', async () => {
  const bytes = noise('parts', 2 * mebibyte);
  const cutters = [
    contentCutter,
    () => fixedCutter(100_000),
    () => listedCutter({ sizes: contentSizes, chunks: [{ sha256: '', lengthBytes: 99_999 }] }),
  ];
  for (const cutter of cutters) {
    const whole = await indexOf(bytes, cutter(), bytes.length);
    const check = async (partBytes: number): Promise<void> => {
      expect(await indexOf(bytes, cutter(), partBytes)).toEqual(whole);
    };
    const sizes = fc.integer({ min: 1_000, max: mebibyte });
    await fc.assert(fc.asyncProperty(sizes, check), { numRuns: propertyRuns(5) });
  }
});

test('chunks of a list end where it says, and what is left over is one more', async () => {
  const lengths = [1, 3, 2];
  const chunks = lengths.map((lengthBytes) => ({ sha256: '', lengthBytes }));
  const index = await indexOf(new Uint8Array(10), listedCutter({ sizes: contentSizes, chunks }), 4);
  expect(index.chunks.map((each) => each.lengthBytes)).toEqual([1, 3, 2, 4]);
});

test('bytes put in somewhere change few chunks', async () => {
  const bytes = noise('inserted', 8 * mebibyte);
  const before = await indexOf(bytes, contentCutter());
  const known = new Set(before.chunks.map((each) => each.sha256));
  const check = async (at: number, count: number): Promise<void> => {
    const added = noise(`${at} ${count}`, count);
    const changed = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
    const after = await indexOf(changed, contentCutter());
    const fresh = after.chunks.filter((each) => !known.has(each.sha256));
    // The one that was hit, and those until the cuts are the old ones again.
    expect(fresh.reduce((sum, each) => sum + each.lengthBytes, 0)).toBeLessThan(
      count + 3 * mebibyte,
    );
  };
  const places = fc.integer({ min: 0, max: bytes.length });
  const counts = fc.integer({ min: 1, max: 100_000 });
  await fc.assert(fc.asyncProperty(places, counts, check), { numRuns: propertyRuns(4) });
});
