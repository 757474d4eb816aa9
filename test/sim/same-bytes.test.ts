// The same seed gives the same bytes on Node 20 and Node 22: what the worker of `compare` answers, and
// the tables of the run.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkBuild, root } from '../integration/rig.ts';

const node22 = join(root, 'tools/node-22/node');
const folder = mkdtempSync(join(tmpdir(), 'punnet-bytes-'));
beforeAll(checkBuild);
afterAll(() => rmSync(folder, { recursive: true }));

/** Lines, boards, jobs, plans, and spans of churn: all that is drawn or solved; and streams. */
const runs = [
  ['tiny', 'ratio'],
  ['tiny-churny', 'random'],
  ['tiny-services', 'balance'],
] as const;

/** What one worker leaves of the runs, by what it is. */
async function left(execPath: string, name: string): Promise<ReadonlyMap<string, string>> {
  const worker = fork('dist/sim/bin/run-worker.cjs', [], { execPath, execArgv: [] });
  const found = new Map<string, string>();
  try {
    for (const [scenario, policy] of runs) {
      const tables = join(folder, `${name}-${scenario}`);
      mkdirSync(tables);
      const file = `test/fixtures/scenarios/${scenario}.yaml`;
      const wanted = { scenario: file, policy, seed: 7, tables, withDetail: true, patienceMs: 0 };
      worker.send(wanted);
      let [answer] = await once(worker, 'message');
      while (answer.kind === 'progress') [answer] = await once(worker, 'message');
      expect(answer).toMatchObject({ kind: 'done' });
      found.set(`${scenario}: answer`, JSON.stringify(answer));
      for (const table of readdirSync(tables)) {
        found.set(`${scenario}: ${table}`, readFileSync(join(tables, table), 'utf8'));
      }
    }
  } finally {
    worker.kill();
  }
  return found;
}

test('the same seed gives the same bytes on Node 20 and 22', async ({ skip }) => {
  skip(!existsSync(node22), 'Node 22 is not here: npm test installs it on x86_64');
  const [here, there] = await Promise.all([left(process.execPath, 'here'), left(node22, 'there')]);
  expect([...here.keys()]).toHaveLength(13);
  expect(there).toEqual(here);
});
