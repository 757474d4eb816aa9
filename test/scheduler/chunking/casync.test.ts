// Debian's casync reads our indexes, and we read its.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chunkSpans, decodeIndex, encodeIndex } from '../../../proto/chunks.ts';
import type { ChunkIndex } from '../../../proto/chunks.ts';
import { contentCutter, fixedCutter } from '../../../scheduler/chunking/cutter.ts';
import { makeIndex } from '../../../scheduler/chunking/make-index.ts';
import { noise } from './noise.ts';

const sizeBytes = 2_000_000;
const bytes = noise('casync', sizeBytes);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'punnet-casync-'));
  writeFileSync(join(folder, 'blob'), bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

function casync(...words: readonly string[]): void {
  execFileSync('casync', [...words], { cwd: folder, stdio: 'pipe' });
}

/** A store as casync has them: each chunk compressed, in a file named by its id. */
function writeStore(store: string, index: ChunkIndex): void {
  for (const [at, { offset, lengthBytes }] of chunkSpans(index).entries()) {
    const id = index.chunks[at]?.sha256 ?? '';
    mkdirSync(join(folder, store, id.slice(0, 4)), { recursive: true });
    const chunk = gzipSync(bytes.subarray(offset, offset + lengthBytes), { level: 1 });
    writeFileSync(join(folder, store, id.slice(0, 4), `${id}.cacnk`), chunk);
  }
}

test.each([
  ['fixed', () => fixedCutter(65_536)],
  ['content', contentCutter],
])('casync puts a blob of %s chunks together from our index', async (name, cutter) => {
  const index = await makeIndex([bytes], cutter());
  expect(index.chunks.length).toBeGreaterThan(3);
  writeFileSync(join(folder, `${name}.caibx`), encodeIndex(index));
  writeStore(name, index);
  casync('extract', '--digest=sha256', `--store=${name}`, `${name}.caibx`, `${name}.out`);
  expect(readFileSync(join(folder, `${name}.out`)).equals(bytes)).toBe(true);
});

test('of chunks of one size casync makes the same index, byte for byte', async () => {
  casync(
    ...['make', '--digest=sha256', '--chunk-size=65536:65536:65536', '--store=made'],
    ...['made.caibx', 'blob'],
  );
  const ours = encodeIndex(await makeIndex([bytes], fixedCutter(65_536)));
  expect(readFileSync(join(folder, 'made.caibx')).equals(ours)).toBe(true);
});

test("an index of casync's own chunks is read", () => {
  casync('make', '--digest=sha256', '--store=own', 'own.caibx', 'blob');
  const index = decodeIndex(readFileSync(join(folder, 'own.caibx')));
  if (typeof index === 'string') throw new Error(index);
  const ids = chunkSpans(index).map(({ offset, lengthBytes }) =>
    createHash('sha256')
      .update(bytes.subarray(offset, offset + lengthBytes))
      .digest('hex'),
  );
  expect(index.chunks.map((each) => each.sha256)).toEqual(ids);
});

test('an index of SHA-512/256, as casync makes it unasked, is refused with the reason', () => {
  casync('make', '--store=other', 'other.caibx', 'blob');
  expect(decodeIndex(readFileSync(join(folder, 'other.caibx')))).toMatch(
    /byte 16: wanted the flags of a blob with SHA-256/,
  );
});
