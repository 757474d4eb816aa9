// Indexes of stored blobs: made once, kept, made again when damaged, and those that a release names.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeIndex, encodeIndex, indexBytes } from '../../../proto/chunks.ts';
import { BlobIndexes } from '../../../scheduler/adapters/blobs/blob-indexes.ts';
import { BlobStore } from '../../../scheduler/adapters/blobs/blob-store.ts';
import { contentCutter, fixedCutter } from '../../../scheduler/chunking/cutter.ts';
import { makeIndex } from '../../../scheduler/chunking/make-index.ts';
import { noise } from '../chunking/noise.ts';

const bytes = noise('indexed', 1_000_000);
const sha256 = hashOf(bytes);

let folder: string;
let store: BlobStore;
let named: string | undefined;
/** How often a blob was read from its first byte. */
let passes: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'punnet-indexes-'));
  store = await BlobStore.open(folder, () => undefined);
  await put(bytes);
  named = undefined;
  passes = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

function hashOf(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

async function put(data: Uint8Array): Promise<string> {
  await store.put(Readable.from([data]), hashOf(data), data.length);
  return hashOf(data);
}

function open(): Promise<BlobIndexes> {
  return BlobIndexes.open({
    dataFolder: folder,
    blobs: {
      size: (id) => store.size(id),
      readBytes: (id, most) => store.readBytes(id, most),
      read: (id) => {
        passes += 1;
        return store.read(id);
      },
    },
    namedIndex: () => named,
  });
}

function indexFiles(): readonly string[] {
  return readdirSync(join(folder, 'blobs/index'));
}

test('all who want an index at once have it made once; it is kept over a restart', async () => {
  const indexes = await open();
  const found = await Promise.all(Array.from({ length: 20 }, () => indexes.indexOf(sha256)));
  expect(new Set(found).size).toBe(1);
  const wanted = encodeIndex(await makeIndex([bytes], fixedCutter(65_536)));
  const facts = { sha256: hashOf(wanted), sizeBytes: indexBytes(16), chunks: 16 };
  expect(found[0]).toEqual(facts);
  expect(await indexes.read(sha256)).toEqual(Buffer.from(wanted));
  const again = await open();
  expect(await again.indexOf(sha256)).toEqual(facts);
  expect(passes).toBe(1);
});

test.each(['while it runs', 'before it started'])(
  'one that was damaged %s is made again',
  async (when) => {
    let indexes = await open();
    const facts = await indexes.indexOf(sha256);
    const [name = ''] = indexFiles();
    const file = join(folder, 'blobs/index', name);
    const damaged = readFileSync(file);
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    writeFileSync(file, damaged);
    if (when === 'before it started') indexes = await open();
    expect(hashOf((await indexes.read(sha256)) ?? Buffer.alloc(0))).toBe(facts?.sha256);
    expect(passes).toBe(2);
    expect(indexFiles()).toEqual([name]);
  },
);

test('a blob that is not here has none, and has one once it came', async () => {
  const indexes = await open();
  const later = noise('later', 100_000);
  expect(await indexes.indexOf(hashOf(later))).toBeUndefined();
  expect(await indexes.read(hashOf(later))).toBeUndefined();
  await put(later);
  expect(await indexes.indexOf(hashOf(later))).toMatchObject({ chunks: 2 });
});

test('a damaged blob has none: it is removed, as whenever it is read', async () => {
  writeFileSync(join(folder, 'blobs', sha256.slice(0, 2), sha256), 'rotten');
  const indexes = await open();
  await expect(indexes.indexOf(sha256)).rejects.toMatchObject({ code: 'damaged' });
  expect(await indexes.indexOf(sha256)).toBeUndefined();
});

test('a release has the index that was signed with it, also when another was made before', async () => {
  const indexes = await open();
  await indexes.indexOf(sha256);
  const index = await makeIndex([bytes], contentCutter());
  named = await put(encodeIndex(index));
  expect(await indexes.indexOf(sha256)).toMatchObject({ sha256: named });
  expect(decodeIndex((await indexes.read(sha256)) ?? bytes)).toEqual(index);
  expect(indexFiles()).toEqual([`${sha256}-${named}`]);
});

test.each(['known', 'found on the disk'])(
  'what is no release any more has its plain index again, when that was %s',
  async (before) => {
    const first = await open();
    const plain = await first.indexOf(sha256);
    named = await put(encodeIndex(await makeIndex([bytes], contentCutter())));
    await first.indexOf(sha256);
    named = undefined;
    const indexes = before === 'known' ? first : await open();
    expect(hashOf((await indexes.read(sha256)) ?? bytes)).toBe(plain?.sha256);
    expect(await indexes.indexOf(sha256)).toEqual(plain);
    expect(indexFiles()).toEqual([`${sha256}-${plain?.sha256}`]);
  },
);

test.each([
  ['no index', () => noise('none', 200), /names as its index: index: wanted/],
  [
    'the index of another blob',
    async () => encodeIndex(await makeIndex([noise('other', 1_000_000)], contentCutter())),
    /wanted the chunks of its signed index/,
  ],
])('a release that names %s has none, and says why', async (_, other, message) => {
  named = await put(await other());
  const indexes = await open();
  await expect(indexes.indexOf(sha256)).rejects.toThrow(message);
  expect(indexFiles()).toEqual([]);
});

test('the index of a blob that went is forgotten, and so is what a crash left', async () => {
  const indexes = await open();
  await indexes.indexOf(sha256);
  await indexes.forget(sha256);
  writeFileSync(join(folder, 'blobs/index/tmp-1'), 'half');
  await open();
  expect(indexFiles()).toEqual([]);
});
