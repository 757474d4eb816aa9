// Programs start from V8's code cache of them, and all the same where there is none that fits.

import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Script } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkBuild, root } from '../integration/rig.ts';
import { runToEnd } from '../run-to-end.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-launch-'));
const cache = join(folder, 'punnet.cjs.cache');
beforeAll(() => {
  checkBuild();
  for (const name of ['bin', 'punnet.cjs', 'punnet.cjs.cache']) {
    cpSync(join(root, 'dist', name), join(folder, name), { recursive: true });
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Throws where the launcher has no such function. */
function scriptOf(file: string): Script {
  const launcher = join(root, 'dist/bin/from-code-cache.cjs');
  const { scriptOf: compile } = createRequire(import.meta.url)(launcher) as {
    readonly scriptOf: (path: string) => Script;
  };
  return compile(file);
}

function version() {
  const words = [join(folder, 'bin/punnet.cjs'), '--version'];
  const { status, stdout, stderr } = runToEnd(process.execPath, words);
  return { status, stdout, stderr };
}

test('the cache that was built is taken', () => {
  for (const file of ['punnet.cjs', 'scheduler/bin/punnet-scheduler.cjs']) {
    expect(scriptOf(join(root, 'dist', file)).cachedDataRejected).toBe(false);
  }
});

test('a cache of something else, or none, changes nothing', () => {
  const told = version();
  expect(told).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  writeFileSync(cache, 'of something else');
  expect(version()).toEqual(told);
  rmSync(cache);
  expect(version()).toEqual(told);
});
