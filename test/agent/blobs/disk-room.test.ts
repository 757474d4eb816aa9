// The room for what comes to a node's disk: a table of what is taken and what is not, what goes for it, and that the reserve is
// never given away.

import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cache } from '../../../agent/adapters/blobs/cache.ts';
import { copiesOf, DiskRoom, type Coming } from '../../../agent/adapters/blobs/disk-room.ts';
import { isDiskFull } from '../../../agent/adapters/state/disk-full.ts';

let folder = '';
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'punnet-room-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const hashes = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64));
const [a = '', b = ''] = hashes;

interface World {
  /** Bytes of the disk, blobs and what others have on it included. */
  readonly diskBytes: number;
  readonly reserveBytes: number;
  readonly cacheBytes?: number;
  readonly inUse?: readonly string[];
  readonly pinned?: readonly string[];
}

let trims = 0;

/** On a disk of which all is known: that of the blobs in the folder. */
function roomIn({ diskBytes, reserveBytes, cacheBytes = 1e9, ...of }: World): DiskRoom {
  trims = 0;
  const cache = new Cache([folder]);
  return new DiskRoom({
    cache: {
      removableBytes: (keep) => cache.removableBytes(keep),
      trim: (most, keep) => {
        trims += 1;
        return cache.trim(most, keep);
      },
    },
    limits: () => ({ cacheBytes, diskReserveBytes: reserveBytes }),
    freeBytes: () => diskBytes - usedBytes(),
    inUse: () => new Set(of.inUse),
    pinned: () => new Set(of.pinned),
    onTrimmed: () => Promise.resolve(),
    log: (event) => expect(event).toBe(''),
  });
}

function usedBytes(): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

/** Blobs of so many bytes, the first the oldest. */
function store(...sizes: readonly number[]): void {
  for (const [at, size] of sizes.entries()) {
    const file = join(folder, hashes[at] ?? '');
    writeFileSync(file, Buffer.alloc(size));
    utimesSync(file, 1_000 + at, 1_000 + at);
  }
}

function here(): string {
  return readdirSync(folder)
    .map((name) => name.slice(0, 1))
    .toSorted()
    .join('');
}

function coming(sizeBytes: number, key = 'new', hereBytes = 0): Coming {
  return { key, sizeBytes, hereBytes: () => hereBytes };
}

test.each<[string, World, Coming, taken: boolean, left: string]>([
  ['what fits', { diskBytes: 1_000, reserveBytes: 100 }, coming(600), true, 'abc'],
  ['a byte more, for the oldest', { diskBytes: 1_000, reserveBytes: 100 }, coming(601), true, 'bc'],
  ['all that can go', { diskBytes: 1_000, reserveBytes: 100 }, coming(900), true, ''],
  ['more than that', { diskBytes: 1_000, reserveBytes: 100 }, coming(901), false, 'abc'],
  [
    'what is here for the most part',
    { diskBytes: 400, reserveBytes: 50 },
    coming(900, 'n', 850),
    true,
    'abc',
  ],
  [
    'never what is in use',
    { diskBytes: 1_000, reserveBytes: 100, inUse: [a] },
    coming(700),
    true,
    'ac',
  ],
  [
    'not at its cost',
    { diskBytes: 1_000, reserveBytes: 100, inUse: [a, b] },
    coming(701),
    false,
    'abc',
  ],
  [
    'before what others want',
    { diskBytes: 1_000, reserveBytes: 100, pinned: [a] },
    coming(700),
    true,
    'ac',
  ],
  [
    'that, too, at last',
    { diskBytes: 1_000, reserveBytes: 100, pinned: [a] },
    coming(900),
    true,
    '',
  ],
  [
    'not at the cost of what is here of it',
    { diskBytes: 1_000, reserveBytes: 100 },
    coming(700, a),
    true,
    'ac',
  ],
])('room: %s', async (_, world, wanted, isTaken, left) => {
  store(100, 100, 100);
  const room = roomIn(world);
  const taken = room.take('a thing', [wanted]);
  if (isTaken) await taken;
  else await expect(taken).rejects.toSatisfy(isDiskFull);
  expect(here()).toBe(left);
  if (!isTaken) expect(trims).toBe(0);
});

test('who has no room hears what was wanted and found, in words that fit a report', async () => {
  const room = roomIn({ diskBytes: 150_300_000, reserveBytes: 200e6 });
  await expect(room.take('maps 1.0', [coming(104e6)])).rejects.toThrow(
    "maps 1.0: wanted 104 MB of this node's disk beside the 200 MB that stay free (diskReserveBytes), found 0.0 MB: make room on it",
  );
  const larger = roomIn({ diskBytes: 303_000_000, reserveBytes: 200e6 });
  await expect(larger.take('maps 1.0', [coming(104e6)])).rejects.toThrow('found 103 MB: make room');
});

test('ten that come at once do not all count on the same bytes', async () => {
  const room = roomIn({ diskBytes: 1_000, reserveBytes: 100 });
  const each = Array.from({ length: 10 }, (__, at) => room.take('one', [coming(300, `p${at}`)]));
  const taken = (await Promise.allSettled(each)).filter(({ status }) => status === 'fulfilled');
  expect(taken).toHaveLength(3);
});

test('what many wait for counts once, until the last has let it go', async () => {
  const room = roomIn({ diskBytes: 1_000, reserveBytes: 100 });
  const wanted = [coming(900, a)];
  const [one, other] = await Promise.all([room.take('one', wanted), room.take('two', wanted)]);
  one?.();
  // Twice is once.
  one?.();
  await expect(room.take('next', [coming(1, b)])).rejects.toSatisfy(isDiskFull);
  other?.();
  await room.take('next', [coming(900, b)]);
});

test('what others put on the disk takes its room from the cache, once a minute, not from the reserve', async () => {
  store(100, 100, 100);
  const world = { diskBytes: 1_000, reserveBytes: 500, inUse: [a] };
  const room = roomIn(world);
  await room.look(0);
  expect([here(), trims]).toEqual(['abc', 0]);
  const shrunk = roomIn({ ...world, diskBytes: 700 });
  await shrunk.look(0);
  expect([here(), shrunk.isShort]).toEqual(['ac', false]);
  store(100, 100, 100);
  await shrunk.look(59_999);
  expect(here()).toBe('abc');
  await shrunk.look(60_000);
  expect(here()).toBe('ac');
});

test('what goes and frees nothing, since it has a second name, is no room', async () => {
  store(100, 100, 100);
  const room = new DiskRoom({
    cache: new Cache([folder]),
    limits: () => ({ cacheBytes: 1e9, diskReserveBytes: 100 }),
    freeBytes: () => 700,
    ...{ inUse: () => new Set<string>(), pinned: () => new Set<string>() },
    ...{ onTrimmed: () => Promise.resolve(), log: (event: string) => expect(event).toBe('') },
  });
  await expect(room.take('a thing', [coming(700)])).rejects.toSatisfy(isDiskFull);
  await room.take('a thing', [coming(600)]);
});

test('the cache is within its own size, too', async () => {
  store(100, 100, 100);
  await roomIn({ diskBytes: 10_000, reserveBytes: 0, cacheBytes: 250 }).trim();
  expect(here()).toBe('bc');
});

test('the reserve is never given away, whoever comes in whatever order', async () => {
  const sizes = fc.array(fc.nat(600), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(500), fc.nat(3), async (wanted, reserveBytes, kept) => {
      store(150, 150, 150);
      const world = { diskBytes: 1_200, reserveBytes, inUse: hashes.slice(0, kept) };
      const room = roomIn(world);
      const taken: number[] = [];
      await Promise.allSettled(
        wanted.map(async (size, at) => {
          await room.take('one', [coming(size, `k${at}`)]);
          taken.push(size);
        }),
      );
      const comes = taken.reduce((sum, size) => sum + size, 0);
      if (taken.length > 0) {
        expect(world.diskBytes - usedBytes() - comes).toBeGreaterThanOrEqual(reserveBytes);
      }
      for (const each of world.inUse.slice(0, 3)) expect(here()).toContain(each.slice(0, 1));
    }),
    { numRuns: 60 },
  );
});

test('copies that are half written count half, and a longer file not more than it is to be', () => {
  const files = ['one', 'other', 'absent'].map((name) => join(folder, name));
  const [one = '', other = ''] = files;
  writeFileSync(one, Buffer.alloc(8_192, 1));
  writeFileSync(other, Buffer.alloc(8_192, 1));
  const copies = copiesOf(
    'inputs of 1',
    files.map((file, at) => ({ file, sizeBytes: at === 0 ? 16_384 : 4_096 })),
  );
  expect([copies.sizeBytes, copies.hereBytes()]).toEqual([24_576, 12_288]);
});

test('a disk that does not say what is free is told, and nothing is removed for it', async () => {
  store(100, 200);
  const told: string[] = [];
  const room = new DiskRoom({
    cache: new Cache([folder]),
    limits: () => ({ cacheBytes: 1e9, diskReserveBytes: 1e9 }),
    freeBytes: () => {
      throw new Error('EIO: i/o error, statfs');
    },
    ...{ inUse: () => new Set(), pinned: () => new Set(), onTrimmed: () => Promise.resolve() },
    log: (event) => void told.push(event),
  });
  await room.look(0);
  await room.trim();
  expect(new Set(told)).toEqual(new Set(['the disk does not say what is free']));
  expect(readdirSync(folder)).toHaveLength(2);
});
