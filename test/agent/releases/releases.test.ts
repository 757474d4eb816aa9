// Orders about releases, on a node: what is installed is what the signed list says, it costs what it changes,
// and what goes wrong is taken back and told.

import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { ReleaseError } from '../../../agent/adapters/releases/release-error.ts';
import { ReleaseAction } from '../../../proto/gen/punnet/v1/agent.ts';
import { packFolder } from '../../../scheduler/cli/bundle-tar.ts';
import { noise } from '../../scheduler/chunking/noise.ts';
import { temporaryFolder } from './release-rig.ts';
import { blobs, listed, newWorld, node, order, publish, rig, state, told, world } from './world.ts';

const { PREFETCH, ACTIVATE, ROLLBACK } = ReleaseAction;
const megabyte = 1_000_000;

beforeEach(newWorld);

const active = (file: string): string => readFileSync(join(state, 'maps/active', file), 'utf8');

describe('a release of files', () => {
  test('is fetched, and is active when it is told', async () => {
    await publish('1.0', { 'map.txt': 'one' });
    const releases = node();
    expect(await told(releases, order('1.0', PREFETCH))).toMatchObject({
      ...{ name: 'maps', active: '', staged: '1.0', failed: '', problem: '', isProven: false },
    });
    expect(existsSync(join(state, 'maps/active'))).toBe(false);
    const before = world.fetchedBytes;
    expect(await told(releases, order('1.0', ACTIVATE))).toMatchObject({
      ...{ active: '1.0', staged: '', isProven: true, problem: '' },
    });
    expect(active('map.txt')).toBe('one');
    expect(world.fetchedBytes).toBe(before);
  });

  test('goes back when it is told, and not when another one is active', async () => {
    await publish('1.0', { 'map.txt': 'one' });
    await publish('2.0', { 'map.txt': 'two' });
    const releases = node();
    await told(releases, order('1.0', ACTIVATE), order('2.0', ACTIVATE));
    expect(active('map.txt')).toBe('two');
    await told(releases, order('1.0', ROLLBACK));
    expect(active('map.txt')).toBe('two');
    expect(await told(releases, order('2.0', ROLLBACK))).toMatchObject({
      active: '1.0',
      failed: '',
    });
    expect(active('map.txt')).toBe('one');
  });

  test('whose hook fails is taken back by itself, and not tried again', async () => {
    await publish('1.0', { 'map.txt': 'one' });
    const hook = '#!/bin/sh\necho "no room for maps" >&2\nexit 1\n';
    await publish('2.0', { 'map.txt': 'two', hook }, { hook: 'hook' });
    const releases = node();
    await told(releases, order('1.0', ACTIVATE));
    const after = { active: '1.0', failed: '2.0', problem: 'its hook failed: no room for maps' };
    expect(await told(releases, order('2.0', ACTIVATE))).toMatchObject(after);
    const before = world.fetchedBytes;
    expect(await told(releases, order('2.0', ACTIVATE))).toMatchObject(after);
    expect(world.fetchedBytes).toBe(before);
  });

  test('has its hook run in its own folder', async () => {
    const hook = '#!/bin/sh\necho "$1 $PUNNET_RELEASE" >said\n';
    await publish('1.0', { hook }, { hook: 'hook' });
    await told(node(), order('1.0', ACTIVATE));
    expect(active('said')).toBe('activate 1.0\n');
  });
});

describe('an update', () => {
  const content = noise('maps', 3 * megabyte);

  test('costs what it changes', async () => {
    await publish('1.0', { 'a.bin': content, 'b.txt': 'old' });
    await publish('1.1', { 'a.bin': content, 'b.txt': 'new', 'c.txt': 'more' });
    const releases = node();
    await told(releases, order('1.0', ACTIVATE));
    world.fetchedBytes = 0;
    const after = await told(releases, order('1.1', ACTIVATE));
    expect(active('c.txt')).toBe('more');
    expect(world.fetchedBytes).toBeLessThan(1.1 * megabyte);
    expect(after).toMatchObject({
      fetchedBytes: world.fetchedBytes,
      sizeBytes: listed[1]?.sizeBytes,
    });
  });

  test('that is cut goes on where it was', async () => {
    await publish('1.0', { 'a.bin': Buffer.concat([content, noise('more', 5 * megabyte)]) });
    const releases = node();
    let calls = 0;
    world.problem = () => {
      calls += 1;
      if (calls > 2) throw new ReleaseError('unreachable', 'the line is cut.');
    };
    expect(await told(releases, order('1.0', ACTIVATE))).toMatchObject({
      problem: 'the line is cut.',
    });
    const first = world.fetchedBytes;
    world.problem = () => undefined;
    world.fetchedBytes = 0;
    expect(await told(releases, order('1.0', ACTIVATE))).toMatchObject({
      active: '1.0',
      problem: '',
    });
    expect(first).toBeGreaterThan(megabyte);
    expect(first + world.fetchedBytes).toBeLessThan(
      (listed[0]?.sizeBytes ?? 0) + 2 * (listed[0]?.indexBytes ?? 0) + 1,
    );
  });

  test('in whose tar on the disk a bit has flipped fetches that chunk', async () => {
    await publish('1.0', { 'a.bin': content });
    await publish('1.1', { 'a.bin': content, 'b.txt': 'new' });
    const releases = node();
    await told(releases, order('1.0', ACTIVATE));
    const tar = join(state, 'maps/1.0.tar');
    const bytes = readFileSync(tar);
    bytes[megabyte] = (bytes[megabyte] ?? 0) ^ 1;
    writeFileSync(tar, bytes);
    expect(await told(releases, order('1.1', ACTIVATE))).toMatchObject({ active: '1.1' });
    expect(readFileSync(join(state, 'maps/active/a.bin')).equals(content)).toBe(true);
  });

  test('whose bytes come wrong is not installed, and is when they come right', async () => {
    await publish('1.0', { 'a.bin': content });
    const right = blobs.get(listed[0]?.sha256 ?? '') ?? '';
    const wrong = join(temporaryFolder(), 'wrong');
    cpSync(right, wrong);
    writeFileSync(wrong, Buffer.alloc(statSync(right).size, 'x'));
    blobs.set(listed[0]?.sha256 ?? '', wrong);
    const releases = node();
    const after = await told(releases, order('1.0', ACTIVATE));
    expect(after).toMatchObject({ active: '', failed: '' });
    expect(after?.problem).toContain('other bytes came; they were dropped');
    blobs.set(listed[0]?.sha256 ?? '', right);
    expect(await told(releases, order('1.0', ACTIVATE))).toMatchObject({ active: '1.0' });
  });
});

describe('it is not installed', () => {
  test.each<readonly [string, () => Promise<unknown>, string]>([
    [
      'what is not on the list',
      () => Promise.resolve(),
      'maps 9.9: wanted it for armv7l on the signed list, found none.',
    ],
    [
      'what is for others',
      () => publish('9.9', { a: '1' }, { architecture: 'aarch64' }),
      'for armv7l on the signed list, found aarch64.',
    ],
    [
      'what leads outside',
      async () => {
        const folder = temporaryFolder();
        symlinkSync('../../../../etc', join(folder, 'out'));
        await publish('9.9', {});
        const tar = join(temporaryFolder(), 'tar');
        await packFolder(folder, tar);
        await replace(tar);
      },
      "entry 'out' is a link to '../../../../etc' outside of the bundle",
    ],
  ])('%s', async (_, prepare, words) => {
    await prepare();
    const after = await told(node(), order('9.9', ACTIVATE));
    expect(after).toMatchObject({ active: '' });
    expect(after?.problem).toContain(words);
  });

  test('what is older than what is active, though it is on the list', async () => {
    await publish('1.0', { 'map.txt': 'one' });
    await publish('2.0', { 'map.txt': 'two' });
    const releases = node();
    await told(releases, order('2.0', ACTIVATE));
    const after = await told(releases, order('1.0', ACTIVATE));
    expect(after).toMatchObject({ active: '2.0' });
    expect(after?.problem).toContain(
      'maps 1.0 (serial 2) is older than 2.0 (serial 3), which is active',
    );
  });

  test('what has a version whose name is that of a file beside one', async () => {
    const releases = node();
    releases.take([order('1.0.tar', ACTIVATE)]);
    await releases.settled();
    expect(releases.states()).toEqual([]);
  });

  test("while the owner's bytes are used up, or the list is too old", async () => {
    await publish('1.0', { 'map.txt': 'one' });
    const poor = await told(node({ mayTransfer: () => false }), order('1.0', ACTIVATE));
    expect(poor?.problem).toContain("the owner's bytes of this month are used up");
    rig.changed.set('timestamp.json', rig.serving('timestamp.json'));
    rig.nodeMs += 30 * 24 * 3_600_000;
    const late = await told(node(), order('1.0', ACTIVATE));
    expect(late?.problem).toContain('is too old to be believed');
  });

  test.each(['../x', 'metadata/..', '.metadata', ''])('what has the name "%s"', async (name) => {
    const releases = node();
    releases.take([order('1.0', ACTIVATE, name)]);
    await releases.settled();
    expect(releases.states()).toEqual([]);
  });
});

/** The first release has this tar, without an index. */
async function replace(tar: string): Promise<void> {
  const bytes = readFileSync(tar);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  blobs.set(sha256, tar);
  const [first] = listed;
  if (first === undefined) throw new Error('nothing is listed');
  const none = { indexSha256: '', indexBytes: 0 };
  listed[0] = { ...first, sha256, sizeBytes: bytes.length, ...none };
  rig.know(listed[0]);
  await rig.publish(...listed);
  rig.nowMs += 2 * 3_600_000;
}

describe('a release of the agent', () => {
  const files = { 'punnet-agent.cjs': 'process.exit(0)' };
  const agent = { name: 'agent', kind: 'agent' } as const;

  test('is active when this agent ends, and proven when the next one says so', async () => {
    await publish('1.0', files, agent);
    expect(await told(node(), order('1.0', ACTIVATE, 'agent'))).toMatchObject({
      ...{ active: '1.0', isProven: false },
    });
    expect(world.replaced).toBe(1);
    const next = node({ running: '1.0' });
    expect(next.isUnproved).toBe(true);
    next.prove();
    expect(next.isUnproved).toBe(false);
    expect(next.states()).toMatchObject([{ active: '1.0', isProven: true }]);
  });

  test('that takes too much memory runs on, and is not proven', async () => {
    await publish('1.0', files, agent);
    await told(node(), order('1.0', ACTIVATE, 'agent'));
    const next = node({ running: '1.0', memoryBytes: () => 91e6 });
    next.prove();
    expect(next.isUnproved).toBe(false);
    expect(next.states()).toMatchObject([{ active: '1.0', isProven: false }]);
  });

  test('is not said to be proven by another version', async () => {
    await publish('1.0', files, agent);
    await told(node(), order('1.0', ACTIVATE, 'agent'));
    node({ running: '0.9' }).prove();
    expect(node({ running: '1.0' }).isUnproved).toBe(true);
  });

  test('is fetched and not made active where nobody would start it', async () => {
    await publish('1.0', files, agent);
    const releases = node({ hasStarter: false });
    expect(await told(releases, order('1.0', PREFETCH, 'agent'))).toMatchObject({ staged: '1.0' });
    const after = await told(releases, order('1.0', ACTIVATE, 'agent'));
    expect(after?.problem).toContain('this agent was not started by start-agent.sh');
    expect(world.replaced).toBe(0);
  });
});
