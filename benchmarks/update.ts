// What an update of a release costs a node's line: its tar is put together of the chunks of the version on the
// disk, and of those that only the origin has. The line is a count of bytes; the files are real.

import { createCipheriv, createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putTogether } from '../agent/adapters/releases/put-together.ts';
import { encodeIndex, fixedChunkBytes } from '../proto/chunks.ts';
import type { Cutter } from '../scheduler/chunking/cutter.ts';
import { contentCutter, fixedCutter } from '../scheduler/chunking/cutter.ts';
import { makeIndex } from '../scheduler/chunking/make-index.ts';
import type { Benchmark, Figure, Outcome, Size } from './figure.ts';

const scales = {
  full: { sizeBytes: 50_000_000, runs: 5 },
  tiny: { sizeBytes: 1_000_000, runs: 1 },
} as const;

/** Of the release's bytes. */
const changedPart = 0.05;
/** In so many places of it: what is fetched is more by a chunk or two at each. */
const places = [1, 4, 16];
const wantedPercent = 8;

export const update: Benchmark = {
  name: 'update',
  about: 'bytes over the line for an update that changes 5 % of a release of 50 MB',
  async run(size: Size): Promise<Outcome> {
    const folder = mkdtempSync(join(tmpdir(), 'punnet-bench-'));
    const digest = createHash('sha256');
    try {
      const figures: Figure[] = [];
      for (const count of places) {
        const [values, baseline]: [number[], number[]] = [[], []];
        for (let run = 0; run < scales[size].runs; run += 1) {
          const pair = versions(scales[size].sizeBytes, { count, run });
          digest.update(pair.after);
          values.push(await cost(folder, pair, contentCutter));
          const fixed = (): Cutter => fixedCutter(fixedChunkBytes(pair.after.length));
          baseline.push(await cost(folder, pair, fixed));
        }
        const isWanted = count <= 4;
        figures.push({
          what: `update of 5 % in ${count} place${count === 1 ? '' : 's'}, index included`,
          ...{ unit: '% of the release', values },
          ...(isWanted && { wanted: { atMost: wantedPercent } }),
          baseline: { what: 'fixed chunks', values: baseline },
        });
      }
      return { digest: digest.digest('hex').slice(0, 16), figures };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Pair {
  readonly before: Buffer;
  readonly after: Buffer;
}

/** Other bytes take the place of some, and are a little longer: files move in the tar. */
function versions(
  sizeBytes: number,
  { count, run }: { readonly count: number; readonly run: number },
): Pair {
  const before = noise(`release ${run}`, sizeBytes);
  const each = Math.floor((sizeBytes * changedPart) / count);
  const parts: Buffer[] = [];
  let at = 0;
  for (let place = 0; place < count; place += 1) {
    const start = Math.floor(((place + 0.37) * sizeBytes) / count);
    parts.push(before.subarray(at, start), noise(`change ${run} ${place}`, each + 7));
    at = start + each;
  }
  parts.push(before.subarray(at));
  return { before, after: Buffer.concat(parts) };
}

/** In percent of the new version. Throws when what comes of it is not the new version. */
async function cost(
  folder: string,
  { before, after }: Pair,
  cutter: () => Cutter,
): Promise<number> {
  const [tar, index, to] = ['old.tar', 'old.caibx', 'new.tar'].map((name) => join(folder, name));
  if (tar === undefined || index === undefined || to === undefined) throw new Error('no names');
  rmSync(to, { force: true });
  writeFileSync(tar, before);
  writeFileSync(index, encodeIndex(await makeIndex([before], cutter())));
  const wanted = await makeIndex([after], cutter());
  const fetchedBytes = await putTogether({
    ...{ index: wanted, sources: [{ tar, index }], to },
    sha256: createHash('sha256').update(after).digest('hex'),
    fetch: ({ offset, lengthBytes }) =>
      Promise.resolve(after.subarray(offset, offset + lengthBytes)),
  });
  return (100 * (fetchedBytes + encodeIndex(wanted).length)) / after.length;
}

/** The same for the same seed: AES-CTR of zeros. */
function noise(seed: string, sizeBytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}
