// Chunks of a blob, and the index that names them: casync's `.caibx` with SHA-256 ids, so that Debian's
// `casync` can check ours. Pure: origin, nodes and simulator agree by it on what a chunk is.

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
/** No chunk is longer: an exchange holds a few of them in memory. */
export const maxChunkBytes = mebibyte;
/** 64 GiB in chunks of 1 MiB; their index has 2.6 MB. */
export const maxChunks = 65_536;

/** What the chunks of an index are cut by; all three are the same when they are fixed. */
export interface ChunkSizes {
  readonly minBytes: number;
  readonly averageBytes: number;
  readonly maxBytes: number;
}

export interface Chunk {
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly lengthBytes: number;
}

/** The chunks of one blob, from its first byte to its last. */
export interface ChunkIndex {
  readonly sizes: ChunkSizes;
  readonly chunks: readonly Chunk[];
}

/** Where a chunk is in its blob. */
export interface ChunkSpan {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Small enough that a few dozen nodes have something to swap, large enough that the index stays small. */
export function fixedChunkBytes(sizeBytes: number): number {
  if (sizeBytes < 8 * mebibyte) return 64 * kibibyte;
  return sizeBytes <= 256 * mebibyte ? 256 * kibibyte : mebibyte;
}

/** Chunks of fixed size that a blob of this size has. */
export function fixedChunkCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / fixedChunkBytes(sizeBytes));
}

/** Where a chunk of fixed size is; of no length when the blob has no such chunk. */
export function fixedChunkSpan(sizeBytes: number, at: number): ChunkSpan {
  const chunkBytes = fixedChunkBytes(sizeBytes);
  const offset = Math.min(at * chunkBytes, sizeBytes);
  return { offset, lengthBytes: Math.min(chunkBytes, sizeBytes - offset) };
}

/** Where the chunks of an index are. */
export function chunkSpans({ chunks }: ChunkIndex): readonly ChunkSpan[] {
  let end = 0;
  return chunks.map(({ lengthBytes }) => {
    end += lengthBytes;
    return { offset: end - lengthBytes, lengthBytes };
  });
}

/** Size of the blob. */
export function indexedBytes({ chunks }: ChunkIndex): number {
  return chunks.reduce((sum, each) => sum + each.lengthBytes, 0);
}

// The numbers of casync's caformat.h; all of the file are 64 bits, the lowest byte first.
const indexType = 0x96824d9c7b129ff9n;
const tableType = 0xe75b9e112f17417dn;
const tailMarker = 0x4b4f050e5549ecd1n;
/** Written while the size of the table is not known. */
const unknownSize = 0xffffffffffffffffn;
/** What casync writes of a blob with --digest=sha256: how folders are read, and not the bit of SHA-512/256. */
const featureFlags = 0x9000000000000000n;
const headBytes = 48;
const tableHeadBytes = 16;
const itemBytes = 40;
const idBytes = 32;
/** An item without offset whose id is: zero, place of the head, size of the table, marker. */
const tailBytes = itemBytes;
const leastIndexBytes = headBytes + tableHeadBytes + tailBytes;

/** Bytes of an index of so many chunks. */
export function indexBytes(chunks: number): number {
  return leastIndexBytes + chunks * itemBytes;
}

/** The most bytes that an index may have. */
export const maxIndexBytes = indexBytes(maxChunks);

/** The file, as casync writes it of the same chunks. */
export function encodeIndex({ sizes, chunks }: ChunkIndex): Uint8Array {
  const bytes = new Uint8Array(indexBytes(chunks.length));
  const view = new DataView(bytes.buffer);
  let at = 0;
  const put = (...words: readonly bigint[]): void => {
    for (const word of words) {
      view.setBigUint64(at, word, true);
      at += 8;
    }
  };
  put(BigInt(headBytes), indexType, featureFlags);
  put(BigInt(sizes.minBytes), BigInt(sizes.averageBytes), BigInt(sizes.maxBytes));
  put(unknownSize, tableType);
  let end = 0;
  for (const { sha256, lengthBytes } of chunks) {
    end += lengthBytes;
    put(BigInt(end));
    for (let digit = 0; digit < 2 * idBytes; digit += 2) {
      bytes[at] = Number.parseInt(sha256.slice(digit, digit + 2), 16);
      at += 1;
    }
  }
  put(0n, 0n, BigInt(headBytes), BigInt(bytes.length - headBytes), tailMarker);
  return bytes;
}

/** Reads the file; a string says what is wrong with it, and at which byte. */
export function decodeIndex(bytes: Uint8Array): ChunkIndex | string {
  const { length } = bytes;
  const isWhole = length >= leastIndexBytes && (length - leastIndexBytes) % itemBytes === 0;
  if (!isWhole || length > maxIndexBytes) {
    return `index: wanted ${leastIndexBytes} to ${maxIndexBytes} bytes, ${itemBytes} for each chunk, found ${length}`;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const wrong = wrongWord(view) ?? wrongSizes(view);
  if (wrong !== undefined) return wrong;
  const [minBytes, averageBytes, maxBytes] = sizeWords(view);
  const sizes = { minBytes, averageBytes, maxBytes };
  const chunks = readChunks(bytes, sizes);
  return typeof chunks === 'string' ? chunks : { sizes, chunks };
}

/** The first of the words that are the same in each index of this length, and is another here. */
function wrongWord(view: DataView): string | undefined {
  const { byteLength } = view;
  const tail = byteLength - tailBytes;
  const words: readonly (readonly [at: number, wanted: bigint, what: string])[] = [
    [0, BigInt(headBytes), 'the size of its head'],
    [8, indexType, 'the type of an index'],
    [16, featureFlags, 'the flags of a blob with SHA-256'],
    [headBytes, unknownSize, 'a table of any size'],
    [headBytes + 8, tableType, 'the type of a table'],
    [tail, 0n, 'the end of the table'],
    [tail + 8, 0n, 'zero'],
    [tail + 16, BigInt(headBytes), 'the size of its head'],
    [tail + 24, BigInt(byteLength - headBytes), 'the size of its table'],
    [tail + 32, tailMarker, 'the mark of its end'],
  ];
  for (const [at, wanted, what] of words) {
    const found = view.getBigUint64(at, true);
    if (found !== wanted) {
      return `index, byte ${at}: wanted ${what}, 0x${wanted.toString(16)}, found 0x${found.toString(16)}`;
    }
  }
  return undefined;
}

function sizeWords(view: DataView): readonly [number, number, number] {
  const word = (at: number): number => Number(view.getBigUint64(at, true));
  return [word(24), word(32), word(40)];
}

function wrongSizes(view: DataView): string | undefined {
  const [least, average, most] = sizeWords(view);
  const isRight = least > 0 && least <= average && average <= most && most <= maxChunkBytes;
  if (isRight) return undefined;
  return `index, byte 24: wanted rising sizes of chunks from 1 to ${maxChunkBytes}, found ${least}, ${average}, ${most}`;
}

function readChunks(bytes: Uint8Array, sizes: ChunkSizes): readonly Chunk[] | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const table = headBytes + tableHeadBytes;
  const last = bytes.length - tailBytes - itemBytes;
  const chunks: Chunk[] = [];
  let end = 0;
  for (let at = table; at <= last; at += itemBytes) {
    const lengthBytes = Number(view.getBigUint64(at, true)) - end;
    const leastBytes = at === last ? 1 : sizes.minBytes;
    if (!(lengthBytes >= leastBytes && lengthBytes <= sizes.maxBytes)) {
      return `index, byte ${at}: wanted chunk ${chunks.length} to have ${leastBytes} to ${sizes.maxBytes} bytes, found ${lengthBytes}`;
    }
    end += lengthBytes;
    chunks.push({ sha256: hexadecimal(bytes.subarray(at + 8, at + itemBytes)), lengthBytes });
  }
  return chunks;
}

function hexadecimal(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}
