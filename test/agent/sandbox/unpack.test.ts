// Bundles: whole ones appear with their modes, hostile ones are refused and leave nothing.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unpackBundle } from '../../../agent/adapters/sandbox/unpack.ts';

type Entry = Partial<Header> & Pick<Header, 'name'>;

const limits = { maxBytes: 1000, maxEntries: 4 };
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'punnet-unpack-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function unpack(entries: readonly Entry[], isPacked = false): Promise<string> {
  const tar = pack();
  for (const entry of entries) {
    if ((entry.type ?? 'file') === 'file') tar.entry(entry, 'x'.repeat(entry.size ?? 3));
    else tar.entry(entry);
  }
  tar.finalize();
  const bytes = await buffer(tar);
  const archive = join(folder, 'bundle.tar');
  await writeFile(archive, isPacked ? gzipSync(bytes) : bytes);
  const target = join(folder, 'target');
  await unpackBundle(archive, target, limits);
  return target;
}

test.each([false, true])('files, modes and inner links are kept (gzip: %s)', async (isPacked) => {
  const entries: Entry[] = [
    { name: 'bin/tool', mode: 0o755 },
    { name: 'bin/alias', type: 'symlink', linkname: 'tool' },
    { name: 'hard', type: 'link', linkname: 'bin/tool' },
    // As in a root file system that `docker export` wrote.
    { name: 'run', type: 'symlink', linkname: '/var/run' },
  ];
  const target = await unpack(entries, isPacked);
  expect(statSync(join(target, 'bin/tool')).mode & 0o777).toBe(0o755);
  expect(readFileSync(join(target, 'bin/alias'), 'utf8')).toBe('xxx');
  expect(readFileSync(join(target, 'hard'), 'utf8')).toBe('xxx');
});

const hostile: readonly (readonly [string, readonly Entry[]])[] = [
  ['a name with ..', [{ name: '../x' }]],
  ['an absolute name', [{ name: '/tmp/punnet-x' }]],
  ['a symlink out', [{ name: 'a', type: 'symlink', linkname: '../../x' }]],
  [
    'a file behind an absolute symlink',
    [{ name: 'a', type: 'symlink', linkname: '/tmp' }, { name: 'a/b' }],
  ],
  [
    'a hard link behind an absolute symlink',
    [
      { name: 'a', type: 'symlink', linkname: '/etc' },
      { name: 'b', type: 'link', linkname: 'a/passwd' },
    ],
  ],
  ['a hard link out', [{ name: 'a', type: 'link', linkname: '../secret' }]],
  ['a device', [{ name: 'a', type: 'block-device' }]],
  ['a pipe', [{ name: 'a', type: 'fifo' }]],
  ['a character device', [{ name: 'a', type: 'character-device' }]],
  [
    'a hard link to a link',
    [
      { name: 'a', type: 'symlink', linkname: 'b' },
      { name: 'c', type: 'link', linkname: 'a' },
    ],
  ],
  [
    'a file over a link to the top',
    [
      { name: 'd/e/up', type: 'symlink', linkname: '../..' },
      { name: 'd/e/up/out', type: 'symlink', linkname: '../../x' },
    ],
  ],
  [
    'two links of one name',
    [
      { name: 'a', type: 'symlink', linkname: 'b' },
      { name: 'a', type: 'symlink', linkname: 'c' },
    ],
  ],
  ['a header of many megabytes', [{ name: 'a', pax: { comment: 'x'.repeat(5_000_000) } }]],
  ['too many bytes', [{ name: 'a', size: 1001 }]],
  ['too many entries', ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name }))],
];

test.each(hostile)('%s is refused and nothing is left', async (_name, entries) => {
  await expect(unpack(entries)).rejects.toMatchObject({ code: 'bad_bundle' });
  expect(existsSync(join(folder, 'target'))).toBe(false);
  expect(readdirSync(folder)).toEqual(['bundle.tar']);
});

test('a file that takes the place of a link does not write through it', async () => {
  const target = await unpack([
    { name: 'a', size: 5 },
    { name: 'b', type: 'symlink', linkname: 'a' },
    { name: 'b', size: 3 },
  ]);
  expect(readFileSync(join(target, 'a'), 'utf8')).toBe('xxxxx');
  expect(readFileSync(join(target, 'b'), 'utf8')).toBe('xxx');
});

test.each([
  ['cut in a file', (bytes: Buffer) => bytes.subarray(0, 700)],
  ['cut in a header', (bytes: Buffer) => bytes.subarray(0, 300)],
  ['cut in its packing', (bytes: Buffer) => gzipSync(bytes).subarray(0, 60)],
  ['with a flipped byte of its packing', (bytes: Buffer) => flip(gzipSync(bytes), 40)],
  ['with a flipped byte of a header', (bytes: Buffer) => flip(bytes, 3)],
  ['of something else', () => Buffer.from('#!/bin/sh\n'.repeat(200))],
])('an archive %s is refused and nothing is left', async (_name, damage) => {
  const tar = pack();
  tar.entry({ name: 'tool', size: 600 }, 'x'.repeat(600));
  tar.finalize();
  const archive = join(folder, 'bundle.tar');
  await writeFile(archive, damage(await buffer(tar)));
  const unpacking = unpackBundle(archive, join(folder, 'target'), limits);
  await expect(unpacking).rejects.toMatchObject({ code: 'bad_bundle' });
  expect(readdirSync(folder)).toEqual(['bundle.tar']);
});

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  return bytes;
}
