// Outputs that are not plain files of the work folder are refused, each with its reason.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { collectOutputs } from '../../../agent/adapters/sandbox/collect.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-collect-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const work = join(folder, 'work');
mkdirSync(join(work, 'sub'), { recursive: true });
writeFileSync(join(folder, 'secret'), 'secret');
writeFileSync(join(work, 'sub', 'out'), 'result');
symlinkSync('../secret', join(work, 'link'));
symlinkSync('..', join(work, 'up'));
execFileSync('mkfifo', [join(work, 'pipe')]);

test('a regular file is hashed', async () => {
  const sha256 = createHash('sha256').update('result').digest('hex');
  const collected = await collectOutputs(work, ['sub/out'], 6);
  expect(collected).toMatchObject({
    kind: 'collected',
    outputs: [
      {
        path: 'sub/out',
        sha256,
        sizeBytes: 6,
        absolutePath: join(work, 'sub/out'),
      },
    ],
  });
});

test.each([
  ['../secret', /relative path/],
  ['/etc/passwd', /relative path/],
  ['', /relative path/],
  ['link', /symbolic link/],
  ['up/secret', /symbolic link/],
  ['missing', /did not write/],
  ['sub', /regular file/],
  ['pipe', /regular file/],
])('%s is refused', async (name, reason) => {
  const collected = await collectOutputs(work, [name], 1000);
  expect(collected).toMatchObject({
    kind: 'bad_output',
    detail: expect.stringMatching(reason),
  });
});

test('one byte over the limit is refused', async () => {
  expect(await collectOutputs(work, ['sub/out'], 5)).toMatchObject({
    kind: 'bad_output',
  });
});
