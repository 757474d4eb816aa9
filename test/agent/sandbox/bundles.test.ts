// A node's bundles: unpacked once, whole, however many attempts ask at a time.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bundles } from '../../../agent/adapters/sandbox/bundles.ts';

const sha256 = 'a'.repeat(64);
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'punnet-bundles-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function archive(files: number): Promise<string> {
  const tar = pack();
  for (let file = 0; file < files; file += 1) tar.entry({ name: `bin/f${file}` }, 'x'.repeat(999));
  tar.finalize();
  const path = join(folder, 'bundle.tar');
  await writeFile(path, await buffer(tar));
  return path;
}

test('attempts that unpack one bundle at the same time all find the whole of it', async () => {
  const bundles = new Bundles(join(folder, 'bundles'));
  await bundles.start();
  const path = await archive(60);
  const attempts = [0, 1, 2, 3].map(async (late) => {
    for (let turn = 0; turn < late; turn += 1) await new Promise(setImmediate);
    await bundles.unpack(path, sha256);
    return readdirSync(join(bundles.folderOf(sha256), 'bin')).length;
  });
  expect(await Promise.all(attempts)).toEqual([60, 60, 60, 60]);
  expect(readdirSync(join(folder, 'bundles'))).toEqual([sha256]);
});

test('what an unfinished unpacking left goes at the next start', async () => {
  const left = join(folder, 'bundles', `${sha256}.tmp`);
  mkdirSync(left, { recursive: true });
  await new Bundles(join(folder, 'bundles')).start();
  expect(existsSync(left)).toBe(false);
});

test('after a boot every bundle is unpacked anew: power may have failed while it was written', async () => {
  const bundles = new Bundles(join(folder, 'bundles'));
  await bundles.start();
  await bundles.unpack(await archive(1), sha256);
  await new Bundles(join(folder, 'bundles')).start();
  expect(existsSync(bundles.folderOf(sha256))).toBe(true);
  await writeFile(join(folder, 'bundles.boot'), 'another');
  await new Bundles(join(folder, 'bundles')).start();
  expect(existsSync(bundles.folderOf(sha256))).toBe(false);
});
