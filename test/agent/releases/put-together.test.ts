// A version's tar on a disk that fills while it comes.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { putTogether, type Run } from '../../../agent/adapters/releases/put-together.ts';
import { withFilesOf } from '../full-disk.ts';

const hashOf = (part: Uint8Array): string => createHash('sha256').update(part).digest('hex');

test('what came before the disk was full is not fetched again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'punnet-together-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const bytes = randomBytes(3_000);
  const chunks = [0, 1_000, 2_000].map((at) => {
    return { sha256: hashOf(bytes.subarray(at, at + 1_000)), lengthBytes: 1_000 };
  });
  const sizes = { minBytes: 1_000, averageBytes: 1_000, maxBytes: 1_000 };
  const to = join(folder, 'a.tar.part');
  // Its middle is there: the rest comes in two runs.
  writeFileSync(to, Buffer.concat([Buffer.alloc(1_000), bytes.subarray(1_000, 2_000)]));
  const piece = ({ offset, lengthBytes }: Run): Buffer =>
    bytes.subarray(offset, offset + lengthBytes);
  const wanted = { index: { sizes, chunks }, sources: [], to, sha256: hashOf(bytes) };

  let lift = (): void => undefined;
  let full = Promise.resolve();
  const isFree = (): Promise<void> => {
    lift();
    return full;
  };
  const fetch = async (run: Run): Promise<Buffer> => {
    // The disk is full for the first run, and has room again for the second.
    if (run.offset === 0) full = withFilesOf(500, () => new Promise((end) => (lift = end)));
    else await isFree();
    return piece(run);
  };
  await expect(putTogether({ ...wanted, fetch })).rejects.toThrow('EFBIG');
  await isFree();
  const fetched = await putTogether({ ...wanted, fetch: (run) => Promise.resolve(piece(run)) });
  expect(fetched).toBe(2_000);
  expect(readFileSync(to).equals(bytes)).toBe(true);
});
