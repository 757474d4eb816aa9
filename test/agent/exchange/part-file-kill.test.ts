// A blob's file after a kill at any byte: nothing wrong counts, nothing whole is lost, and the blob becomes what it is.

import { createHash, randomBytes } from 'node:crypto';
import {
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PartFile } from '../../../agent/adapters/exchange/part-file.ts';
import { hasChunk } from '../../../proto/bitmap.ts';
import type { ChunkIndex } from '../../../proto/chunks.ts';

const chunkBytes = 1_000;
const bytes = randomBytes(11_500);
const sha256 = hashOf(bytes);
const chunks = Array.from({ length: 12 }, (_, at) => {
  const part = chunkOf(at);
  return { sha256: hashOf(part), lengthBytes: part.length };
});
const sizes = { minBytes: chunkBytes, averageBytes: chunkBytes, maxBytes: chunkBytes };
const index: ChunkIndex = { sizes, chunks };
const places = fc.shuffledSubarray(chunks.map((_, at) => at));

function hashOf(part: Uint8Array): string {
  return createHash('sha256').update(part).digest('hex');
}

function chunkOf(at: number): Buffer {
  return bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes);
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'punnet-kill-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The rest comes, and it is the blob. */
async function finish(part: PartFile): Promise<void> {
  for (const at of chunks.keys()) {
    if (!hasChunk(part.held, at)) expect(await part.write(at, chunkOf(at))).toBe(true);
  }
  expect(readFileSync(await part.finish()).equals(bytes)).toBe(true);
}

test('killed in the middle of a write, with chunks before it in any order', async () => {
  const killed = fc.record({ order: places, last: fc.nat(11), cut: fc.nat(chunkBytes) });
  await fc.assert(
    fc.asyncProperty(killed, ({ order, last, cut }) =>
      inFolder(async (folder) => {
        const file = openSync(join(folder, `${sha256}.part`), 'w');
        for (const at of order)
          writeSync(file, chunkOf(at), 0, chunkOf(at).length, at * chunkBytes);
        const isLastNew = !order.includes(last);
        if (isLastNew)
          writeSync(file, chunkOf(last), 0, Math.min(cut, chunkOf(last).length), last * chunkBytes);
        closeSync(file);
        const part = await PartFile.open(folder, sha256, index);
        const isAllOfLast = isLastNew && cut >= chunkOf(last).length;
        for (const at of chunks.keys()) {
          const isThere = order.includes(at) || (at === last && isAllOfLast);
          expect(hasChunk(part.held, at)).toBe(isThere);
        }
        await finish(part);
      }),
    ),
    { numRuns: 30 },
  );
});

test('stopped in order, and killed while its map was written, or damaged since', async () => {
  const killed = fc.record({
    order: places,
    keep: fc.nat(40),
    flip: fc.option(fc.nat(8 * 34 - 1)),
  });
  await fc.assert(
    fc.asyncProperty(killed, ({ order, keep, flip }) =>
      inFolder(async (folder) => {
        const before = await PartFile.open(folder, sha256, index);
        for (const at of order) await before.write(at, chunkOf(at));
        await before.close();
        const map = join(folder, `${sha256}.map`);
        const cut = readFileSync(map).subarray(0, keep);
        // A bit that flips in the hash of the index: the map is not believed. In the bits it would be, which a disk does not do by itself.
        if (flip !== null && flip < 8 * Math.min(32, cut.length)) {
          cut[flip >> 3] = (cut[flip >> 3] ?? 0) ^ (1 << (flip & 7));
        }
        writeFileSync(map, cut);
        const part = await PartFile.open(folder, sha256, index);
        for (const at of chunks.keys()) {
          if (hasChunk(part.held, at)) expect(order).toContain(at);
        }
        await finish(part);
      }),
    ),
    // Each syncs a disk three times.
    { numRuns: 12 },
  );
});
