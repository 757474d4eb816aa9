// A release and a disk that has no room for it: nothing is fetched then; one that fills in the middle is left as it was, and the
// release comes when there is room.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Cache } from '../../../agent/adapters/blobs/cache.ts';
import { DiskRoom } from '../../../agent/adapters/blobs/disk-room.ts';
import type { Releases } from '../../../agent/adapters/releases/releases.ts';
import { diskFree } from '../../../agent/adapters/sandbox/disk-use.ts';
import { ReleaseAction } from '../../../proto/gen/punnet/v1/agent.ts';
import { noise } from '../../scheduler/chunking/noise.ts';
import { SmallDisk, diskOf } from '../../scheduler/small-disk.ts';
import { newWorld, node, order, origin, publish, state, told, world } from './world.ts';

const { PREFETCH, ACTIVATE } = ReleaseAction;
const reserveBytes = 1_000_000;
const content = noise('maps', 3_000_000);
let mounted: SmallDisk | string;
beforeAll(() => void (mounted = SmallDisk.mountForAll(16)));
beforeEach(newWorld);
afterAll(async () => {
  if (typeof mounted !== 'string') await mounted.unmount();
});

/** All of it on the small disk, from which nothing else can go. */
function smallNode(disk: SmallDisk): Releases {
  for (const name of readdirSync(disk.path)) rmSync(join(disk.path, name), { recursive: true });
  const room = new DiskRoom({
    cache: new Cache([join(disk.path, 'blobs')]),
    limits: () => ({ cacheBytes: 1e9, diskReserveBytes: reserveBytes }),
    freeBytes: () => diskFree(disk.path),
    ...{ inUse: () => new Set<string>(), pinned: () => new Set<string>() },
    ...{ onTrimmed: () => Promise.resolve(), log: (event: string) => expect(event).toBe('') },
  });
  mkdirSync(join(disk.path, 'releases'));
  return node({ folder: join(disk.path, 'releases'), room, blobs: origin });
}

function filesIn(disk: SmallDisk): readonly string[] {
  return readdirSync(join(disk.path, 'releases/maps')).filter((name) => !name.endsWith('.json'));
}

describe('a release', () => {
  test('that finds no room for itself and what is in it is not fetched', async (context) => {
    const disk = diskOf(context, mounted);
    await publish('1.0', { 'a.bin': content });
    const releases = smallNode(disk);
    // Its tar has room, and unpacked it has not.
    disk.fill(4_500_000 + reserveBytes);
    const after = await told(releases, order('1.0', ACTIVATE));
    expect(after).toMatchObject({ active: '', staged: '' });
    expect(after?.problem).toMatch(
      /^maps 1\.0: wanted 6\.0 MB of this node's disk beside the 1\.0 MB that stay free \(diskReserveBytes\), found 4\.[45] MB: make room on it\.$/,
    );
    expect([world.fetchedBytes, filesIn(disk)]).toEqual([0, []]);
    disk.free();
    expect(await told(releases, order('1.0', ACTIVATE))).toMatchObject({ active: '1.0' });
    expect(readFileSync(join(disk.path, 'releases/maps/active/a.bin')).equals(content)).toBe(true);
  });

  test('takes the room of versions that it needs no more', async (context) => {
    const disk = diskOf(context, mounted);
    for (const each of ['1.0', '1.1', '1.2']) await publish(each, { [`${each}.bin`]: content });
    const releases = smallNode(disk);
    await told(releases, order('1.0', ACTIVATE), order('1.1', PREFETCH));
    // The tar and the files of the version that was staged are in its way.
    disk.fill(3_000_000 + reserveBytes);
    expect(await told(releases, order('1.2', PREFETCH))).toMatchObject({
      staged: '1.2',
      active: '1.0',
    });
  });
});

describe('a disk that fills while a release comes', () => {
  test.for(['its bytes', 'its files'])(
    'with %s keeps nothing of it, and what was there stays',
    async (what, context) => {
      const disk = diskOf(context, mounted);
      await publish('1.0', { 'a.txt': 'first' });
      await publish('1.1', { 'a.bin': content });
      const releases = smallNode(disk);
      await told(releases, order('1.0', ACTIVATE));
      const before = filesIn(disk);
      let asked = 0;
      world.problem = () => {
        asked += 1;
        if (asked === 2) disk.fill(what === 'its bytes' ? 1_000_000 : 3_300_000);
      };
      const after = await told(releases, order('1.1', ACTIVATE));
      expect(after).toMatchObject({ active: '1.0', staged: '', failed: '' });
      expect(after?.problem).toMatch(/^maps 1\.1: .*(ENOSPC|disk)/);
      expect(filesIn(disk)).toEqual(before);
      disk.free();
      world.problem = () => undefined;
      expect(await told(releases, order('1.1', ACTIVATE))).toMatchObject({ active: '1.1' });
      expect(existsSync(join(disk.path, 'releases/maps/1.1/a.bin'))).toBe(true);
    },
  );
});

test('a version of which nothing can be noted is not there, since its serial would be unknown', async () => {
  await publish('1.0', { 'a.txt': 'first' });
  await publish('1.1', { 'a.txt': 'second' });
  const releases = node();
  // Nothing can take the place of a folder.
  mkdirSync(join(state, 'maps/facts.json'), { recursive: true });
  await told(releases, order('1.1', PREFETCH));
  expect(existsSync(join(state, 'maps/1.1'))).toBe(false);
  rmSync(join(state, 'maps/facts.json'), { recursive: true });
  expect(await told(releases, order('1.1', ACTIVATE))).toMatchObject({ active: '1.1' });
  const older = await told(releases, order('1.0', ACTIVATE));
  expect(older).toMatchObject({ active: '1.1', problem: expect.stringContaining('is older than') });
});
