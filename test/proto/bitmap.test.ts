// Bitmaps of chunks: which bit is whose, and what is refused of another program's.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  clearChunk,
  countChunks,
  emptyBitmap,
  fullBitmap,
  hasChunk,
  isFull,
  readBitmap,
  setChunk,
} from '../../proto/bitmap.ts';

test('chunk 0 is the lowest bit of the first byte', () => {
  const bitmap = emptyBitmap(10);
  setChunk(bitmap, 0);
  setChunk(bitmap, 9);
  expect([...bitmap]).toEqual([0b1, 0b10]);
  expect([...fullBitmap(10)]).toEqual([0xff, 0b11]);
  expect([...fullBitmap(8)]).toEqual([0xff]);
  expect([...fullBitmap(0)]).toEqual([]);
});

test('a bitmap has what was set and not cleared since', () => {
  const change = fc.tuple(fc.boolean(), fc.nat(40));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 41 }), fc.array(change), (chunks, changes) => {
      const bitmap = emptyBitmap(chunks);
      const wanted = new Set<number>();
      for (const [isSet, any] of changes) {
        const at = any % chunks;
        (isSet ? setChunk : clearChunk)(bitmap, at);
        if (isSet) wanted.add(at);
        else wanted.delete(at);
      }
      const found = Array.from({ length: chunks + 9 }, (_, at) => at).filter((at) =>
        hasChunk(bitmap, at),
      );
      expect(found).toEqual([...wanted].sort((a, b) => a - b));
      expect(countChunks(bitmap)).toBe(wanted.size);
      expect(isFull(bitmap, chunks)).toBe(wanted.size === chunks);
      expect(readBitmap(bitmap, chunks)).toEqual(bitmap);
    }),
  );
});

test.each([
  ['nothing, which is none', [], 9, emptyBitmap(9)],
  ['all', [0xff, 1], 9, fullBitmap(9)],
  ['too short', [0xff], 9, 'bitmap: wanted 2 bytes for 9 chunks, found 1'],
  ['too long', [0xff, 1, 0], 9, 'bitmap: wanted 2 bytes for 9 chunks, found 3'],
  ['a chunk too many', [0xff, 2], 9, 'bitmap: wanted 9 chunks, found more in its last byte'],
  ['some of no chunks', [0], 0, 'bitmap: wanted 0 bytes for 0 chunks, found 1'],
])('reads %s', (_, bytes, chunks, wanted) => {
  expect(readBitmap(Uint8Array.from(bytes), chunks)).toEqual(wanted);
});
