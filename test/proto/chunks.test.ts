// Chunks of fixed size, and the index file: what is written is read again, and what is not right is refused.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ChunkIndex } from '../../proto/chunks.ts';
import {
  chunkSpans,
  decodeIndex,
  encodeIndex,
  fixedChunkBytes,
  fixedChunkCount,
  fixedChunkSpan,
  indexBytes,
  indexedBytes,
  maxChunkBytes,
  maxIndexBytes,
} from '../../proto/chunks.ts';

const [kibibyte, mebibyte] = [1024, 1024 * 1024];

test.each([
  [0, 64 * kibibyte, 0],
  [1, 64 * kibibyte, 1],
  [64 * kibibyte, 64 * kibibyte, 1],
  [64 * kibibyte + 1, 64 * kibibyte, 2],
  [8 * mebibyte - 1, 64 * kibibyte, 128],
  [8 * mebibyte, 256 * kibibyte, 32],
  [256 * mebibyte, 256 * kibibyte, 1024],
  [256 * mebibyte + 1, mebibyte, 257],
])('%d bytes: chunks of %d, %d of them', (sizeBytes, chunkBytes, count) => {
  expect(fixedChunkBytes(sizeBytes)).toBe(chunkBytes);
  expect(fixedChunkCount(sizeBytes)).toBe(count);
});

test('chunks of fixed size cover the blob once, without a gap', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 600 * mebibyte }), (sizeBytes) => {
      let end = 0;
      for (let at = 0; at < fixedChunkCount(sizeBytes); at += 1) {
        const span = fixedChunkSpan(sizeBytes, at);
        if (span.offset !== end || span.lengthBytes < 1) return false;
        end += span.lengthBytes;
      }
      const none = fixedChunkSpan(sizeBytes, fixedChunkCount(sizeBytes));
      return end === sizeBytes && none.lengthBytes === 0;
    }),
  );
});

const id = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));

/** Any index that is right. */
const indexes: fc.Arbitrary<ChunkIndex> = fc
  .tuple(fc.nat(maxChunkBytes - 1), fc.nat(maxChunkBytes - 1), fc.nat(maxChunkBytes - 1))
  .map((sizes) => sizes.map((each) => each + 1).sort((a, b) => a - b))
  .chain(([minBytes = 1, averageBytes = 1, maxBytes = 1]) => {
    const chunk = (min: number): fc.Arbitrary<{ sha256: string; lengthBytes: number }> =>
      fc.record({ sha256: id, lengthBytes: fc.integer({ min, max: maxBytes }) });
    const chunks = fc
      .tuple(fc.array(chunk(minBytes), { maxLength: 20 }), fc.array(chunk(1), { maxLength: 1 }))
      .map((lists) => lists.flat());
    return fc.record({ sizes: fc.constant({ minBytes, averageBytes, maxBytes }), chunks });
  });

test('an index that was written is read again', () => {
  fc.assert(
    fc.property(indexes, (index) => {
      const bytes = encodeIndex(index);
      expect(bytes.length).toBe(indexBytes(index.chunks.length));
      expect(decodeIndex(bytes)).toEqual(index);
      const last = chunkSpans(index).at(-1) ?? { offset: 0, lengthBytes: 0 };
      expect(indexedBytes(index)).toBe(last.offset + last.lengthBytes);
    }),
  );
});

test('what was read is what was sent, or an error says where it is not', () => {
  const change = fc.record({
    at: fc.nat(),
    mask: fc.integer({ min: 1, max: 255 }),
    cut: fc.nat(99),
  });
  fc.assert(
    fc.property(indexes, change, fc.boolean(), (index, { at, mask, cut }, isCut) => {
      const bytes = encodeIndex(index);
      const place = at % bytes.length;
      bytes[place] = (bytes[place] ?? 0) ^ mask;
      const read = decodeIndex(isCut ? bytes.subarray(0, bytes.length - 1 - cut) : bytes);
      if (typeof read === 'string') expect(read).toMatch(/^index(, byte \d+)?: wanted .*, found /);
      // Other ids and sizes may be right too; then they are in the bytes, and nothing else is.
      else
        expect(encodeIndex(read)).toEqual(
          isCut ? bytes.subarray(0, bytes.length - 1 - cut) : bytes,
        );
    }),
  );
});

test('any bytes at all give an error', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => typeof decodeIndex(bytes) === 'string',
    ),
  );
});

const sample: ChunkIndex = {
  sizes: { minBytes: 10, averageBytes: 20, maxBytes: 30 },
  chunks: [30, 10, 1].map((lengthBytes) => ({ sha256: 'ab'.repeat(32), lengthBytes })),
};

test.each([
  ['SHA-512/256', 16, 0xb000000000000000n, 'byte 16: wanted the flags of a blob with SHA-256'],
  ['an archive', 0, 64n, 'byte 0: wanted the size of its head'],
  ['no least size', 24, 0n, 'byte 24: wanted rising sizes'],
  ['sizes that fall', 32, 31n, 'byte 24: wanted rising sizes'],
  ['large chunks', 40, BigInt(maxChunkBytes + 1), 'byte 24: wanted rising sizes'],
  ['a chunk too long', 64, 31n, 'byte 64: wanted chunk 0 to have 10 to 30 bytes, found 31'],
  ['a chunk too short', 104, 39n, 'byte 104: wanted chunk 1 to have 10 to 30 bytes, found 9'],
  ['an offset that falls', 144, 39n, 'byte 144: wanted chunk 2 to have 1 to 30 bytes, found -1'],
  ['an empty chunk', 144, 40n, 'byte 144: wanted chunk 2 to have 1 to 30 bytes, found 0'],
  ['an offset past all', 144, 2n ** 64n - 1n, 'byte 144: wanted chunk 2'],
  ['another size of table', 208, 1n, 'byte 208: wanted the size of its table'],
  ['another end', 216, 1n, 'byte 216: wanted the mark of its end'],
])('refuses an index with %s', (_, at, word, message) => {
  const bytes = encodeIndex(sample);
  expect(typeof decodeIndex(bytes)).toBe('object');
  new DataView(bytes.buffer).setBigUint64(at, word, true);
  expect(decodeIndex(bytes)).toContain(`index, ${message}`);
});

test('an index of more chunks than the most is not read', () => {
  const most = `wanted 104 to ${maxIndexBytes} bytes`;
  expect(decodeIndex(new Uint8Array(maxIndexBytes + 40))).toContain(most);
  expect(decodeIndex(new Uint8Array(maxIndexBytes))).toContain('index, byte 0');
});
