// `npm run sim -- …` as a person types it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'punnet-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('flows', () => {
  it('prints when each flow ends, or writes it to a file', () => {
    const out = join(folder, 'out.json');
    const fixture = 'test/fixtures/flows/burst.json';
    const printed = sim('flows', fixture);
    expect(printed).toMatchObject({ status: 0, stderr: '' });
    expect(sim('flows', fixture, out)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    // Written just now.
    const { finish } = JSON.parse(readFileSync(out, 'utf8')) as { finish: readonly number[] };
    const lines = finish.map((at, flow) => `${flow} ${at.toFixed(9)}\n`);
    expect(printed.stdout).toBe(lines.join(''));
    expect(lines).toHaveLength(40);
  });

  it('names the file and the field of what is no case', () => {
    const file = join(folder, 'bad.json');
    writeFileSync(file, '{"sites":[],"flows":[{"start":0,"src":"core","dst":[0,0],"bytes":1}]}');
    const { status, stderr } = sim('flows', file);
    expect(status).toBe(1);
    expect(stderr).toBe(`${file}: flows[0].dst: there are 0 sites, from 0 on, but no 0\n`);
  });
});

function sim(...words: readonly string[]) {
  return spawnSync('node', ['--import', 'tsx', 'sim/main.ts', ...words], { encoding: 'utf8' });
}
