// `punnet sim …`, as it was built: the same program as `npm run sim -- …`.

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultPolicy } from '../../scheduler/core/index.ts';
import { simulate } from '../../sim/run/simulate.ts';
import { checkBuild } from '../integration/rig.ts';
import { runToEnd } from '../run-to-end.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-built-'));
beforeAll(checkBuild);
afterAll(() => rmSync(folder, { recursive: true }));

function punnet(program: string, ...words: readonly string[]) {
  return runToEnd(process.execPath, [program, 'sim', ...words]);
}

test('the built simulator has the scenarios, reads a policy in TypeScript and starts workers', async () => {
  const mine = join(folder, 'mine.ts');
  const core = join(process.cwd(), 'scheduler/core/index.ts');
  const lines = [
    `import { defaultPolicy } from '${core}';`,
    'export const policy = defaultPolicy;',
  ];
  writeFileSync(mine, lines.join('\n'));
  const scenario = 'test/fixtures/scenarios/tiny.yaml';
  const words = [
    'compare',
    scenario,
    '--policies',
    `${defaultPolicy.name},${mine}`,
    '--seeds',
    '1',
  ];
  const ran = punnet('dist/punnet.cjs', ...words, '--out', folder);
  expect(ran.status).toBe(0);
  expect(ran.stderr).toMatch(/^1 of 2 runs, \d+ % of all, about \d+ s left$/m);
  expect(ran.stderr).toMatch(/^2 of 2 runs\n$/m);
  const { summary } = await simulate(
    { scenario, policy: defaultPolicy.name, seed: 1 },
    () => undefined,
  );
  const { runs } = JSON.parse(readFileSync(join(folder, 'compare.json'), 'utf8'));
  expect(runs).toEqual([summary, { ...summary, policy: mine }]);
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('<dt>commit</dt>');
  const listed = punnet('dist/punnet.cjs', 'list');
  expect(listed.stdout).toMatch(/^ {2}two-class +\S/m);
});

test('what the simulator refuses is the exit code of punnet', () => {
  const { status, stderr } = punnet('dist/punnet.cjs', 'run', 'nowhere', '--seed', '3');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^There is no scenario "nowhere": name one of /);
});

test('the program alone says how to get the simulator', () => {
  const alone = join(folder, 'punnet.cjs');
  copyFileSync('dist/punnet.cjs', alone);
  const { status, stderr } = punnet(alone, 'run', 'two-class');
  expect(status).toBe(2);
  expect(stderr).toMatch(
    /the simulator is not beside this program .*npm run setup.*npx punnet sim/,
  );
});
