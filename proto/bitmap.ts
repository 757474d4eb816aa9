// Which chunks of a blob somebody has: one bit each, the lowest bit of the first byte is chunk 0.

/** Its length is that of `emptyBitmap` of the blob's chunks; the bits after the last chunk are 0. */
export type Bitmap = Uint8Array;

/** Bytes of a bitmap of so many chunks. */
export function bitmapBytes(chunks: number): number {
  return Math.ceil(chunks / 8);
}

/** No chunk of so many. */
export function emptyBitmap(chunks: number): Bitmap {
  return new Uint8Array(bitmapBytes(chunks));
}

/** Each chunk of so many. */
export function fullBitmap(chunks: number): Bitmap {
  const bitmap = emptyBitmap(chunks).fill(0xff);
  if (chunks % 8 !== 0) bitmap[bitmap.length - 1] = spareMask(chunks) ^ 0xff;
  return bitmap;
}

/** False for a chunk that the blob does not have. */
export function hasChunk(bitmap: Bitmap, at: number): boolean {
  return ((bitmap[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
}

/** Changes the bitmap; of a chunk that the blob does not have it must not be called. */
export function setChunk(bitmap: Bitmap, at: number): void {
  bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) | (1 << (at & 7));
}

/** Changes the bitmap. */
export function clearChunk(bitmap: Bitmap, at: number): void {
  bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) & ~(1 << (at & 7));
}

/** Bits of each byte: an exchange counts those of its neighbours with each chunk that comes. */
const bitCounts = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  return count;
});

/** How many chunks it has. */
export function countChunks(bitmap: Bitmap): number {
  let count = 0;
  for (let at = 0; at < bitmap.length; at += 1) count += bitCounts[bitmap[at] ?? 0] ?? 0;
  return count;
}

/** Whether it has all of so many chunks. */
export function isFull(bitmap: Bitmap, chunks: number): boolean {
  return countChunks(bitmap) === chunks;
}

/** A copy of what another program sent of a blob of so many chunks, nothing meaning none; a string says what is wrong. */
export function readBitmap(bytes: Uint8Array, chunks: number): Bitmap | string {
  const bitmap = emptyBitmap(chunks);
  if (bytes.length === 0) return bitmap;
  if (bytes.length !== bitmap.length) {
    return `bitmap: wanted ${bitmap.length} bytes for ${chunks} chunks, found ${bytes.length}`;
  }
  if (((bytes.at(-1) ?? 0) & spareMask(chunks)) !== 0) {
    return `bitmap: wanted ${chunks} chunks, found more in its last byte`;
  }
  bitmap.set(bytes);
  return bitmap;
}

/** The bits of the last byte that stand for no chunk. */
function spareMask(chunks: number): number {
  return chunks % 8 === 0 ? 0 : (0xff << (chunks % 8)) & 0xff;
}
