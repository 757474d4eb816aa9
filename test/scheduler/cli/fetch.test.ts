// A fetch writes what it was promised, whole and inside its folder, or nothing, whatever comes.
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { status } from '@grpc/grpc-js';
import { ApiError } from '../../../scheduler/api/errors.ts';
import { fetchOutputs, outputPlace, parseIndexes } from '../../../scheduler/cli/fetch.ts';
import type { Fetched } from '../../../scheduler/cli/fetch.ts';
import { HostileScheduler } from './hostile-scheduler.ts';

let scheduler: HostileScheduler;
let to: string;
let count = 0;

beforeAll(async () => {
  scheduler = await HostileScheduler.start();
});
beforeEach(() => {
  scheduler.reset();
  count += 1;
  to = path.join(scheduler.folder, `results-${count}`);
});
afterAll(() => scheduler.stop());

function fetch(isForced = false): Promise<Fetched> {
  return fetchOutputs(scheduler.connection, 'j1', { to, isWanted: () => true, isForced });
}

function written(): readonly string[] {
  const entries = readdirSync(to, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => path.relative(to, path.join(entry.parentPath, entry.name))).sort();
}

test('outputs are written, and not fetched again', async () => {
  scheduler.put('out/sum.txt', Buffer.from('12345'));
  scheduler.put('empty', Buffer.alloc(0));
  expect(await fetch()).toEqual({ tasks: 1, files: 2, skippedFiles: 0, bytes: 5 });
  expect(written()).toEqual(['0/empty', '0/out/sum.txt']);
  expect(readFileSync(path.join(to, '0/out/sum.txt'), 'utf8')).toBe('12345');
  expect(await fetch()).toEqual({ tasks: 1, files: 0, skippedFiles: 2, bytes: 0 });
  expect(scheduler.readOffsets).toEqual([0]);
});

test('a download that is cut goes on where it was cut', async () => {
  scheduler.put('big', Buffer.from('0123456789'), { cuts: [4, 4, 7] });
  await fetch();
  expect(readFileSync(path.join(to, '0/big'), 'utf8')).toBe('0123456789');
  // What came just before a cut may be lost with it.
  expect(scheduler.readOffsets).toHaveLength(4);
  expect(scheduler.readOffsets).toEqual(scheduler.readOffsets.toSorted((a, b) => a - b));
});

test('one that is cut for ever ends, and the next fetch goes on with what came', async () => {
  scheduler.put('big', Buffer.from('0123456789'), { cuts: [4, 4, 4, 4, 4, 4, 4, 4] });
  await expect(fetch()).rejects.toThrow('cannot reach the scheduler');
  const [part = ''] = written();
  const { size } = statSync(path.join(to, part));
  scheduler.put('big', Buffer.from('0123456789'));
  await fetch();
  expect(scheduler.readOffsets.at(-1)).toBe(size);
  expect(written()).toEqual(['0/big']);
});

test.each([
  ['another hash', { sha256: 'ab'.repeat(32) }, /wanted 5 bytes with sha256 abab/],
  ['bytes without end', { isEndless: true }, /wanted 5 bytes with sha256 5994/],
  ['a hash that is a path', { sha256: '../../../etc/passwd' }, /has no sha256/],
])('%s is refused, and nothing is left', async (_, lies, told) => {
  scheduler.put('out', Buffer.from('12345'), lies);
  await expect(fetch()).rejects.toThrow(told);
  expect(written()).toEqual([]);
});

test.each(['../x', '../../x', '/etc/x', '..', '.', '', 'a/../../x', 'a\0b'])(
  'the output %j is refused',
  async (name) => {
    scheduler.put(name, Buffer.from('bad'));
    await expect(fetch()).rejects.toThrow(`refused the output ${JSON.stringify(name)}`);
    expect(readdirSync(scheduler.folder)).not.toContain('x');
    expect(written()).toEqual([]);
  },
);

test('what stays inside keeps its place', () => {
  expect(outputPlace('/r', 3, 'a/./b/../c')).toBe('/r/3/a/c');
  expect(outputPlace('/r', 3, '..x')).toBe('/r/3/..x');
});

test.each(['0', '0/out', '.punnet-parts'])('a symlink at %s is not followed', async (name) => {
  const outside = path.join(scheduler.folder, `outside-${count}`);
  mkdirSync(outside);
  mkdirSync(path.dirname(path.join(to, name)), { recursive: true });
  symlinkSync(outside, path.join(to, name));
  scheduler.put('out/x', Buffer.from('x'));
  await expect(fetch()).rejects.toThrow('wanted a folder, found a symlink');
  expect(readdirSync(outside)).toEqual([]);
});

test('a file that differs is written over by force only; a symlink is replaced, not followed', async () => {
  const outside = path.join(scheduler.folder, `precious-${count}`);
  writeFileSync(outside, 'precious');
  mkdirSync(path.join(to, '0'), { recursive: true });
  writeFileSync(path.join(to, '0/a'), 'mine');
  symlinkSync(outside, path.join(to, '0/b'));
  scheduler.put('a', Buffer.from('new a'));
  await expect(fetch()).rejects.toThrow('0/a: another file is there');
  expect(readFileSync(path.join(to, '0/a'), 'utf8')).toBe('mine');
  scheduler.put('b', Buffer.from('new b'));
  expect(await fetch(true)).toMatchObject({ files: 2 });
  expect(readFileSync(path.join(to, '0/b'), 'utf8')).toBe('new b');
  expect(readFileSync(outside, 'utf8')).toBe('precious');
});

test('a folder in the place of a file is refused, by force too', async () => {
  mkdirSync(path.join(to, '0/a'), { recursive: true });
  scheduler.put('a', Buffer.from('a'));
  await expect(fetch(true)).rejects.toThrow('wanted to write a file, found a folder');
});

test('where no folder can be it is named, at once', async () => {
  const link = path.join(scheduler.folder, `link-${count}`);
  symlinkSync(path.join(scheduler.folder, 'not-mounted'), link);
  for (to of [link, path.join(link, 'results'), '/proc/none/results']) {
    await expect(fetch(), to).rejects.toThrow(`${to}: wanted a folder, and can't make it`);
  }
});

test('indexes are numbers and spans of them, of tasks that there are', () => {
  const { isWanted, count } = parseIndexes('0-2, 7, 1', 8);
  expect([0, 1, 2, 3, 7, 8].filter(isWanted)).toEqual([0, 1, 2, 7]);
  expect(count).toBe(4);
  for (const text of ['', 'a', '3-1', '1,', '-1', '8', '0-8'])
    expect(() => parseIndexes(text, 8), text).toThrow('--tasks');
  expect(() => parseIndexes('8', 8)).toThrow('wanted tasks of the job, 0 to 7, found "8"');
});

describe('an output that does not come from the node where it stays', () => {
  beforeEach(() => {
    const refuse = (name: string, code: status, [reason, text]: readonly [string, string]): void =>
      scheduler.put(name, Buffer.from(name), { refusal: new ApiError(code, text, { reason }) });
    refuse('a', status.DATA_LOSS, ['KEPT_GONE', 'Node x lost it.']);
    refuse('b', status.FAILED_PRECONDITION, ['KEPT_AWAY', 'Node y is away.']);
    refuse('c', status.FAILED_PRECONDITION, ['KEPT_LATE', 'Node z is slow.']);
    scheduler.put('d', Buffer.from('12345'));
  });

  test('keeps no other one from coming, and is told at the end', async () => {
    await expect(fetch()).rejects.toThrow(
      'Node x lost it. Node y is away. So it is with 1 more. What came is kept.',
    );
    expect(written().filter((file) => !file.startsWith('.punnet-parts'))).toEqual(['0/d']);
  });

  test('is left for a later fetch where more of the job is to come', async () => {
    const options = { to, isWanted: () => true, leavesKept: true };
    const fetched = await fetchOutputs(scheduler.connection, 'j1', options);
    expect(fetched).toMatchObject({ files: 1, bytes: 5 });
  });
});

test('an error that is no matter of nodes ends it', async () => {
  const refusal = new ApiError(status.DATA_LOSS, 'The disk is bad.', { reason: 'DAMAGED' });
  scheduler.put('a', Buffer.from('a'), { refusal });
  await expect(fetch()).rejects.toThrow(/^The disk is bad/);
});
