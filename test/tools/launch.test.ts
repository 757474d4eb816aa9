// Programs start from V8's code cache of them, and all the same where there is none that fits.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

test('a damaged cache, or none, changes nothing', () => {
  const told = version();
  expect(told).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  const whole = readFileSync(cache);
  for (const damage of [0, 5, 20, Math.floor(whole.length / 2)]) {
    const bytes = Buffer.from(whole);
    bytes[damage] = (bytes[damage] ?? 0) ^ 1;
    writeFileSync(cache, bytes);
    expect(version()).toEqual(told);
  }
  writeFileSync(cache, 'none');
  expect(version()).toEqual(told);
  rmSync(cache);
  expect(version()).toEqual(told);
});

// V8 looks at its length alone.
test('a cache of another bundle of the same length is not taken', () => {
  const [one, other] = ['one.cjs', 'other.cjs'].map((name) => join(folder, name));
  if (one === undefined || other === undefined) throw new Error('two files');
  writeFileSync(one, 'process.stdout.write("1");');
  writeFileSync(other, 'process.stdout.write("2");');
  runToEnd(process.execPath, [join(root, 'tools/keep-code.cjs'), one]);
  expect(scriptOf(one).cachedDataRejected).toBe(false);
  cpSync(`${one}.cache`, `${other}.cache`);
  expect(scriptOf(other).cachedDataRejected).toBeUndefined();
});
