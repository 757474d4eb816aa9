// A blob is there whole or not at all, whatever happens to its upload, its process or its disk.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BlobError } from '../../../scheduler/adapters/blobs/blob-error.ts';
import { BlobStore } from '../../../scheduler/adapters/blobs/blob-store.ts';
import { bundleInto } from '../../bundle-into.ts';
import { SmallDisk, diskOf } from '../small-disk.ts';

const bytes = randomBytes(300_000);
const sha256 = hashOf(bytes);

const programs = mkdtempSync(join(tmpdir(), 'punnet-blob-programs-'));
let folder: string;
let store: BlobStore;
let damages: BlobError[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'punnet-blobs-'));
  store = await openStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => rmSync(programs, { recursive: true }));

function openStore(data: string): Promise<BlobStore> {
  damages = [];
  return BlobStore.open(data, (error) => damages.push(error));
}

function hashOf(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

async function* inParts(data: Buffer, partBytes = 65_536): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += partBytes) {
    yield await Promise.resolve(data.subarray(at, at + partBytes));
  }
}

async function* thenCut(data: Buffer): AsyncGenerator<Buffer> {
  yield* inParts(data);
  throw new Error('the line was cut');
}

async function all(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts);
}

/** Files in the store, but those that say who owns what. */
function filesIn(data: string): readonly string[] {
  const entries = readdirSync(join(data, 'blobs'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

function fileOf(name: string): string {
  return join(folder, 'blobs', name.slice(0, 2), name);
}

describe('a blob', () => {
  it('is read as it was sent, whole or in part', async () => {
    await store.put(inParts(bytes), sha256, bytes.length);
    expect(await store.size(sha256)).toBe(bytes.length);
    expect((await all(store.read(sha256))).equals(bytes)).toBe(true);
    const part = await all(store.read(sha256, { offset: 1_000, length: 70_000 }));
    expect(part.equals(bytes.subarray(1_000, 71_000))).toBe(true);
    expect((await all(store.read(sha256, { offset: 299_999 }))).equals(bytes.subarray(-1))).toBe(
      true,
    );
    expect(await all(store.read(sha256, { length: 0 }))).toHaveLength(0);
    expect((await store.readBytes(sha256, bytes.length)).equals(bytes)).toBe(true);
    expect(filesIn(folder)).toEqual([sha256]);
  });

  it('may be empty, and may be sent twice at once', async () => {
    const nothing = Buffer.alloc(0);
    await store.put(inParts(nothing), hashOf(nothing), 0);
    expect(await store.readBytes(hashOf(nothing), 0)).toEqual(nothing);
    const put = () => store.put(inParts(bytes), sha256, bytes.length);
    await Promise.all([put(), put()]);
    expect(filesIn(folder).toSorted()).toEqual([sha256, hashOf(nothing)].toSorted());
  });

  it('that is not here is told by a code', async () => {
    expect(await store.size(sha256)).toBeUndefined();
    expect(await store.size('../../etc/passwd')).toBeUndefined();
    await expect(store.readBytes(sha256, 10)).rejects.toMatchObject({ code: 'not_found' });
    await expect(all(store.read(sha256))).rejects.toMatchObject({ code: 'ENOENT' });
    await store.put(inParts(bytes), sha256, bytes.length);
    await expect(store.readBytes(sha256, 10)).rejects.toMatchObject({ code: 'too_long' });
  });
});

describe('a blob is missing', () => {
  it('for all but whoever sent it, whatever the name', async () => {
    const blob = { sha256, sizeBytes: bytes.length };
    await store.markOwned('../../ada', sha256);
    expect(await store.missing('../../ada', [blob])).toEqual([blob]);
    await store.put(inParts(bytes), sha256, bytes.length);
    expect(await store.missing('../../ada', [blob])).toEqual([]);
    expect(await store.missing('ada', [blob])).toEqual([blob]);
    expect(readdirSync(folder)).toEqual(['blobs']);
  });

  it('under another size, or a name that is no hash', async () => {
    await store.put(inParts(bytes), sha256, bytes.length);
    await store.markOwned('ada', sha256);
    const right = { sha256, sizeBytes: bytes.length };
    const wrong = [
      { sha256, sizeBytes: bytes.length + 1 },
      { sha256: '../../etc/passwd', sizeBytes: 1 },
    ];
    expect(await store.missing('ada', [right, ...wrong])).toEqual(wrong);
  });

  it('or found among very many, and others go on meanwhile', async () => {
    await store.put(inParts(bytes), sha256, bytes.length);
    await store.markOwned('ada', sha256);
    const others = Array.from({ length: 1_000 }, (_, at) => hashOf(Buffer.from(String(at))));
    const blobs = others.map((hash) => ({ sha256: hash, sizeBytes: 1 }));
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const missing = await store.missing('ada', [
      ...blobs.slice(0, 500),
      { sha256, sizeBytes: bytes.length },
      ...blobs.slice(500),
    ]);
    isOver = true;
    expect(missing).toEqual(blobs);
    expect(turns).toBeGreaterThan(1);
  });
});

describe('an upload', () => {
  const size = bytes.length;
  const cases: readonly {
    readonly what: string;
    readonly code: string;
    readonly stream: () => AsyncGenerator<Buffer>;
    readonly name?: string;
    readonly sizeBytes?: number;
  }[] = [
    { what: 'has other bytes', code: 'wrong_hash', stream: () => inParts(Buffer.alloc(size)) },
    { what: 'is too short', code: 'too_short', stream: () => inParts(bytes.subarray(1)) },
    { what: 'is too long', code: 'too_long', stream: () => inParts(bytes), sizeBytes: size - 1 },
    { what: 'is cut', code: 'io', stream: () => thenCut(bytes.subarray(0, 200_000)) },
    { what: 'is cut after its last byte', code: 'io', stream: () => thenCut(bytes) },
    { what: 'has no name', code: 'invalid', stream: () => inParts(bytes), name: 'XYZ' },
    { what: 'would lead out', code: 'invalid', stream: () => inParts(bytes), name: '../../../x' },
  ];
  it.each(cases)('that $what leaves nothing', async (each) => {
    const { code, stream, name = sha256, sizeBytes = size } = each;
    await expect(store.put(stream(), name, sizeBytes)).rejects.toMatchObject({ code });
    expect(await store.size(sha256)).toBeUndefined();
    expect(filesIn(folder)).toEqual([]);
  });

  it('that failed does not harm a blob that is there', async () => {
    await store.put(inParts(bytes), sha256, size);
    await expect(store.put(inParts(Buffer.alloc(size)), sha256, size)).rejects.toThrow();
    expect((await store.readBytes(sha256, size)).equals(bytes)).toBe(true);
  });

  it('whose process is killed leaves nothing after the next start', async () => {
    const script = `import { BlobStore } from './scheduler/adapters/blobs/blob-store.ts';
      const store = await BlobStore.open('${folder}', () => undefined);
      async function* killed() {
        for (let n = 0; n < 16; n += 1) yield Buffer.alloc(65_536);
        process.kill(process.pid, 'SIGKILL');
        await new Promise(() => undefined);
      }
      await store.put(killed(), '${sha256}', 1_000_000_000);`;
    const program = bundleInto(programs, 'killed.mjs', script);
    const child = spawn(process.execPath, [program], { stdio: 'inherit' });
    await once(child, 'close');
    expect(child.signalCode).toBe('SIGKILL');
    expect(filesIn(folder)).toHaveLength(1);
    store = await openStore(folder);
    expect(filesIn(folder)).toEqual([]);
    await store.put(inParts(bytes), sha256, size);
  });
});

describe('a blob whose file was damaged', () => {
  beforeEach(async () => {
    await store.put(inParts(bytes), sha256, bytes.length);
  });

  function flip(at: number): void {
    const file = readFileSync(fileOf(sha256));
    file[at] = (file[at] ?? 0) ^ 1;
    writeFileSync(fileOf(sha256), file);
  }

  it.each([
    ['flipped at its begin', () => flip(0)],
    ['flipped at its end', () => flip(bytes.length - 1)],
    ['cut', () => truncateSync(fileOf(sha256), 200_000)],
  ])(
    '(%s) fails when it is read whole, is told of, and makes room for a good one',
    async (_, harm) => {
      harm();
      await expect(all(store.read(sha256))).rejects.toMatchObject({ code: 'damaged' });
      expect(damages.map((error) => error.code)).toEqual(['damaged']);
      expect(await store.size(sha256)).toBeUndefined();
      await store.put(inParts(bytes), sha256, bytes.length);
      expect((await store.readBytes(sha256, bytes.length)).equals(bytes)).toBe(true);
    },
  );

  it('fails when its length is asked for as well, and when all is read at once', async () => {
    flip(7);
    const stream = store.read(sha256, { offset: 0, length: bytes.length });
    await expect(all(stream)).rejects.toMatchObject({ code: 'damaged' });
    await store.put(inParts(bytes), sha256, bytes.length);
    flip(7);
    await expect(store.readBytes(sha256, 1e6)).rejects.toMatchObject({ code: 'damaged' });
  });

  it('does not take a good one with it that has come meanwhile', async () => {
    flip(7);
    const reading = store.read(sha256);
    await once(reading, 'readable');
    await store.put(inParts(bytes), sha256, bytes.length);
    await expect(all(reading)).rejects.toMatchObject({ code: 'damaged' });
    expect((await store.readBytes(sha256, bytes.length)).equals(bytes)).toBe(true);
  });
});

describe('a full disk', () => {
  let mounted: SmallDisk | string;
  beforeAll(async () => {
    mounted = await SmallDisk.mount(4);
  });
  afterAll(async () => {
    if (typeof mounted !== 'string') await mounted.unmount();
  });

  it('that fills during an upload is told, and nothing is left', async (context) => {
    const disk = diskOf(context, mounted);
    const small = await openStore(disk.path);
    const filling = async function* (): AsyncGenerator<Buffer> {
      yield* inParts(bytes.subarray(0, 100_000));
      disk.fill();
      yield* inParts(bytes.subarray(100_000));
    };
    await expect(small.put(filling(), sha256, bytes.length)).rejects.toMatchObject({
      code: 'disk_full',
    });
    expect(filesIn(disk.path)).toEqual([]);
    disk.free();
    await small.put(inParts(bytes), sha256, bytes.length);
    expect((await small.readBytes(sha256, bytes.length)).equals(bytes)).toBe(true);
  });

  it('keeps its last part for the journal', async (context) => {
    const disk = diskOf(context, mounted);
    const small = await openStore(disk.path);
    disk.fill(250_000);
    const other = randomBytes(100_000);
    // 5 % of 4 MiB are kept.
    await expect(small.put(inParts(other), hashOf(other), other.length)).rejects.toMatchObject({
      code: 'disk_full',
      message: expect.stringMatching(/want 100000 bytes, the scheduler's disk has room for \d{5};/),
    });
    const fits = randomBytes(20_000);
    await small.put(inParts(fits), hashOf(fits), fits.length);
    disk.free();
  });

  it('counts what other uploads are still to bring', async (context) => {
    const disk = diskOf(context, mounted);
    const small = await openStore(disk.path);
    const upload = new GatedUpload(randomBytes(2_000_000), 0);
    const other = randomBytes(2_000_000);
    const first = upload.sendTo(small);
    const second = small.put(inParts(other), hashOf(other), other.length);
    await expect(second).rejects.toMatchObject({ code: 'disk_full' });
    upload.goOn();
    await first;
    rmSync(join(disk.path, 'blobs'), { recursive: true });
  });

  it('counts what an upload has written already only once', async (context) => {
    const small = await openStore(diskOf(context, mounted).path);
    const upload = new GatedUpload(randomBytes(2_000_000), 1_900_000);
    const other = randomBytes(1_000_000);
    const first = upload.sendTo(small);
    await upload.isWaiting;
    await small.put(inParts(other), hashOf(other), other.length);
    upload.goOn();
    await first;
  });
});

/** Sends so many bytes, and the others when it may go on. */
class GatedUpload {
  goOn: () => void = () => undefined;
  readonly isWaiting: Promise<void>;
  readonly #data: Buffer;
  readonly #before: number;
  readonly #gate: Promise<void>;
  #wait: () => void = () => undefined;

  constructor(data: Buffer, before: number) {
    this.#data = data;
    this.#before = before;
    this.#gate = new Promise((resolve) => (this.goOn = resolve));
    this.isWaiting = new Promise((resolve) => (this.#wait = resolve));
  }

  sendTo(store: BlobStore): Promise<void> {
    return store.put(this.#parts(), hashOf(this.#data), this.#data.length);
  }

  async *#parts(): AsyncGenerator<Buffer> {
    yield this.#data.subarray(0, this.#before);
    this.#wait();
    await this.#gate;
    yield this.#data.subarray(this.#before);
  }
}
