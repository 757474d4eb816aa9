// A file's hash is that of all its bytes, though they are read into the same memory part by part.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { hashOf, hashOfFile } from '../../../agent/adapters/blobs/hash-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-hash-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const partBytes = 64 * 1024;

test.each([0, 1, partBytes - 1, partBytes, partBytes + 1, 3 * partBytes + 7])(
  'of %i bytes, wherever it was read before',
  async (sizeBytes) => {
    const bytes = randomBytes(sizeBytes);
    const wanted = createHash('sha256').update(bytes).digest('hex');
    const file = join(folder, String(sizeBytes));
    writeFileSync(file, bytes);
    expect(await hashOfFile(file)).toBe(wanted);
    const handle = await open(file);
    await handle.read(Buffer.alloc(1));
    expect(await hashOf(handle)).toBe(wanted);
    expect(await hashOf(handle)).toBe(wanted);
    await handle.close();
  },
);

test('a file that is not there is told', async () => {
  await expect(hashOfFile(join(folder, 'none'))).rejects.toThrow(/ENOENT.*none/);
});
