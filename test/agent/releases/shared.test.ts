// A release by the exchange of its node's site: what the disk has is no more brought, and what ends is told.

import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { FetchRelease } from '../../../agent/adapters/releases/fetch-release.ts';
import { countChunks, hasChunk } from '../../../proto/bitmap.ts';
import { chunkSpans, decodeIndex } from '../../../proto/chunks.ts';
import { PartFile } from '../../../agent/adapters/exchange/part-file.ts';
import { ReleaseAction } from '../../../proto/gen/punnet/v1/agent.ts';
import { noise } from '../../scheduler/chunking/noise.ts';
import {
  blobs,
  listed,
  newWorld,
  node,
  order,
  origin,
  publish,
  state,
  told,
  world,
} from './world.ts';

const { PREFETCH, ACTIVATE } = ReleaseAction;
const megabyte = 1_000_000;

beforeEach(newWorld);

/** From its own folder. */
const fetchHere: FetchRelease['blobs']['fetch'] = (grant, signal) =>
  existsSync(origin.fileOf(grant.sha256))
    ? Promise.resolve(origin.fileOf(grant.sha256))
    : origin.fetch(grant, signal);

const shared = noise('maps', 3 * megabyte);

/** As the exchange does: fills the part with what is here, and takes the rest from somewhere. */
const whole: typeof world.brings = async ({ sha256 }, { indexSha256, fill }) => {
  const [bytes, index] = [sha256, indexSha256].map((id) => readFileSync(blobs.get(id) ?? ''));
  const decoded = decodeIndex(index ?? Buffer.alloc(0));
  if (bytes === undefined || index === undefined || typeof decoded === 'string') throw new Error();
  const part = await PartFile.open(state, `.${sha256}`, decoded);
  await fill(part, decoded);
  filled = countChunks(part.held);
  for (const [chunk, { offset, lengthBytes }] of chunkSpans(decoded).entries()) {
    if (hasChunk(part.held, chunk)) continue;
    await part.write(chunk, bytes.subarray(offset, offset + lengthBytes));
  }
  await part.close();
  writeFileSync(origin.fileOf(sha256), bytes);
  return { kind: 'whole', index, originBytes: 77 };
};
let filled = 0;

describe('by the exchange of its site', () => {
  test('comes what is not on the disk, and then it is there for others', async () => {
    world.brings = whole;
    await publish('1.0', { 'a.bin': shared });
    await publish('1.1', { 'a.bin': shared, 'b.txt': 'new' });
    const releases = node();
    await told(releases, order('1.0', ACTIVATE));
    expect(filled).toBe(0);
    const after = await told(releases, order('1.1', ACTIVATE));
    expect(after).toMatchObject({ active: '1.1', fetchedBytes: 77 });
    expect(readFileSync(join(state, 'maps/active/a.bin')).equals(shared)).toBe(true);
    expect(filled).toBeGreaterThan(10);
    expect(world.fetchedBytes).toBe(0);
    const shas = listed.map(({ sha256 }) => sha256);
    expect(world.offered).toEqual(shas);
    expect(shas.map((sha256) => existsSync(origin.fileOf(sha256)))).toEqual([false, false]);
    world.offered = [];
    await node().offer();
    expect(world.offered.sort()).toEqual([...shas].sort());
  });

  test('is unpacked after a start, when it was whole before', async () => {
    await publish('1.0', { 'a.bin': shared });
    const { sha256 = '' } = listed[0] ?? {};
    cpSync(blobs.get(sha256) ?? '', origin.fileOf(sha256));
    world.brings = () => Promise.reject(new Error('it is here'));
    const here = { ...origin, fetch: fetchHere };
    const after = await told(node({ blobs: here }), order('1.0', ACTIVATE));
    expect(after).toMatchObject({ active: '1.0', problem: '' });
  });
});

describe('the exchange of its site', () => {
  test.each([
    ['over', 'maps 1.0: the site exchanges it no more'],
    ['full', 'maps 1.0: the disk of this node is full'],
    ['damaged', 'maps 1.0: its index does not lead to it'],
  ] as const)('comes not when that ends (%s), and the origin is not asked', async (kind, words) => {
    await publish('1.0', { 'a.bin': shared });
    world.brings = () => Promise.resolve({ kind });
    const releases = node();
    const after = await told(releases, order('1.0', PREFETCH));
    expect(after?.problem).toContain(words);
    expect([world.fetchedBytes, after?.staged]).toEqual([0, '']);
    world.brings = whole;
    expect(await told(releases, order('1.0', PREFETCH))).toMatchObject({ staged: '1.0' });
  });

  test('is given up for another version, and goes on for the same one', async () => {
    await publish('1.0', { 'a.bin': shared });
    await publish('1.1', { 'a.bin': shared, 'b.txt': 'new' });
    let begun = (): void => undefined;
    const waiting = new Promise<void>((resolve) => (begun = resolve));
    world.brings = (_, __, signal) => {
      begun();
      world.brings = whole;
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('enough')));
      });
    };
    const releases = node();
    releases.take([order('1.0', PREFETCH)]);
    await waiting;
    releases.take([order('1.0', ACTIVATE)]);
    expect(world.givenUp).toEqual([]);
    expect(await told(releases, order('1.1', ACTIVATE))).toMatchObject({
      ...{ active: '1.1', problem: '' },
    });
    expect(world.givenUp).toEqual([listed[0]?.sha256]);
  });
});
