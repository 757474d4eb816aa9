// What it costs the origin to cut a blob into chunks and to hash them, beside SHA-256 of the same bytes.

import { createCipheriv, createHash } from 'node:crypto';
import { fixedChunkBytes, indexedBytes } from '../proto/chunks.ts';
import type { Cutter } from '../scheduler/chunking/cutter.ts';
import { contentCutter, fixedCutter } from '../scheduler/chunking/cutter.ts';
import { makeIndex } from '../scheduler/chunking/make-index.ts';
import type { Benchmark, Figure, Outcome, Size } from './figure.ts';

const mebibyte = 1024 * 1024;
const scales = {
  full: { sizeBytes: 50 * mebibyte, runs: 9 },
  tiny: { sizeBytes: 4 * mebibyte, runs: 2 },
} as const;
/** As a file stream gives them. */
const partBytes = 64 * 1024;

export const chunks: Benchmark = {
  name: 'chunks',
  about: 'cutting a blob into chunks, with their hashes',
  async run(size: Size): Promise<Outcome> {
    const { sizeBytes, runs } = scales[size];
    const key = createHash('sha256').update('blob').digest();
    const bytes = createCipheriv('aes-256-ctr', key, key.subarray(0, 16)).update(
      Buffer.alloc(sizeBytes),
    );
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const bare = await rates(bytes, runs, async (parts) => {
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      if (hash.digest('hex') !== sha256) throw new Error('the parts are not the bytes');
      return Promise.resolve();
    });
    const rate = async (what: string, cutter: () => Cutter): Promise<Figure> => {
      const values = await rates(bytes, runs, async (parts) => {
        const found = indexedBytes(await makeIndex(parts, cutter()));
        if (found !== sizeBytes) throw new Error(`the chunks have ${found} bytes`);
      });
      return { what, unit: 'MB/s', values, baseline: { what: 'SHA-256', values: bare } };
    };
    const figures = [
      await rate('chunks of one size', () => fixedCutter(fixedChunkBytes(sizeBytes))),
      await rate('chunks cut by content', contentCutter),
    ];
    return { figures, digest: `blob ${sha256.slice(0, 12)}` };
  },
};

/** MB of each second. */
async function rates(
  bytes: Uint8Array,
  runs: number,
  work: (parts: Iterable<Uint8Array>) => Promise<void>,
): Promise<readonly number[]> {
  const found: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const startMs = performance.now();
    await work(partsOf(bytes));
    found.push(bytes.length / 1_000 / (performance.now() - startMs));
  }
  return found;
}

function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += partBytes) yield bytes.subarray(at, at + partBytes);
}
