// `npm run sim -- …` as a person types it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { simulate } from '../../sim/run/simulate.ts';
import { checkBuild } from '../integration/rig.ts';
import { runToEnd } from '../run-to-end.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-sim-'));
beforeAll(checkBuild);
afterAll(() => rmSync(folder, { recursive: true }));

describe('flows', () => {
  it('prints when each flow ends, or writes it to a file', () => {
    const out = join(folder, 'out.json');
    const fixture = 'test/fixtures/flows/burst.json';
    const printed = ran('--import', 'tsx', 'sim/main.ts', 'flows', fixture);
    expect(printed).toMatchObject({ status: 0, stderr: '' });
    expect(sim('flows', fixture, out)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    // Written just now.
    const { finish } = JSON.parse(readFileSync(out, 'utf8')) as { finish: readonly number[] };
    const lines = finish.map((at, flow) => `${flow} ${at.toFixed(9)}\n`);
    expect(printed.stdout).toBe(lines.join(''));
    expect(lines).toHaveLength(40);
  });

  it('names the file and the field of what is no case, and a place where nothing can be written', () => {
    const file = join(folder, 'bad.json');
    writeFileSync(file, '{"sites":[],"flows":[{"start":0,"src":"core","dst":[0,0],"bytes":1}]}');
    const { status, stderr } = sim('flows', file);
    expect(status).toBe(1);
    expect(stderr).toBe(`${file}: flows[0].dst: there are 0 sites, from 0 on, but no 0\n`);
    const unwritable = sim(
      'flows',
      'test/fixtures/flows/burst.json',
      join(folder, 'none/out.json'),
    );
    expect(unwritable).toMatchObject({ status: 1, stdout: '' });
    expect(unwritable.stderr).toMatch(/none\/out\.json: wanted a file to write to, found .*\.\n$/);
  });
});

describe('scenarios', () => {
  const tiny = 'test/fixtures/scenarios/tiny.yaml';
  const text = (file: string): string => readFileSync(join(folder, file), 'utf8');

  it('runs one and writes its figures', async () => {
    const words = ['run', tiny, '--policy', 'count-limit=2', '--seed', '3', '--out', folder];
    const { status, stdout } = sim(...words);
    expect(status).toBe(0);
    expect(stdout).toMatch(/makespan ÷ bound +\d\.\d{3}\n/);
    const wanted = { scenario: tiny, policy: 'count-limit=2', seed: 3 };
    const { summary } = await simulate(wanted, () => undefined);
    expect(JSON.parse(text('summary.json'))).toEqual(summary);
    expect(text('tasks.csv').trim().split('\n')).toHaveLength(1 + summary.tasks);
  });

  it('compares policies in processes of their own', async () => {
    const words = ['compare', tiny, '--policies', 'balance,fifo', '--seeds', '3'];
    const { status, stdout } = sim(...words, '--workers', '2', '--out', folder);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^fifo +\d\.\d{3} ± \d\.\d{3} +-?\d+\.\d ± \d+\.\d %$/m);
    expect(text('compare.csv').trim().split('\n')).toHaveLength(7);
    const wanted = { scenario: tiny, policy: 'fifo', seed: 3 };
    const { summary } = await simulate(wanted, () => undefined);
    expect(JSON.parse(text('compare.json')).runs[5]).toEqual(summary);
  });

  it('sweeps a parameter, and tells which of its values leave tasks undone', () => {
    const { status, stdout } = sim('sweep', tiny, '--policy', 'down-filter', '--seeds', '2');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^down-filter=30 +\d\.\d{3}/m);
    expect(stdout).toContain('\nleaves tasks undone: down-filter=1\nbest: down-filter=');
  });

  it('says before anything runs that results have no place', () => {
    const file = join(folder, 'no-folder');
    writeFileSync(file, '');
    const cases = [
      { words: ['run'], out: file, why: 'EEXIST' },
      { words: ['compare', '--policies', 'fifo'], out: file, why: 'EEXIST' },
      // Where Node.js's own way of making folders inside each other never ends.
      { words: ['run'], out: '/proc/no/folder', why: 'ENOENT' },
    ];
    for (const { words, out, why } of cases) {
      const { status, stderr } = sim(...words, tiny, '--out', out);
      expect(stderr).toMatch(
        new RegExp(
          `^--out \\S+: wanted a folder to write to, found .*${why}.*: name another one\\.\n$`,
        ),
      );
      expect(status).toBe(2);
    }
  });

  it('says what went wrong in a process, without a stack', () => {
    const broken = 'test/fixtures/scenarios/throws.ts';
    const { status, stderr } = sim('compare', tiny, '--policies', `fifo,${broken}`);
    expect(status).toBe(1);
    expect(stderr).toMatch(/scenario tiny, policy .*, seed 1, .*: this policy is broken/);
    expect(stderr).not.toContain('    at ');
  });
});

describe('scenarios that bring a release', () => {
  const tiny = 'test/fixtures/scenarios/tiny.yaml';
  const text = (file: string): string => readFileSync(join(folder, file), 'utf8');

  it('brings a release to each case of its scenario, the same in one process or two', () => {
    const release = 'test/fixtures/scenarios/tiny-release.yaml';
    const bring = (workers: string): string => {
      const words = ['run', release, '--seed', '4', '--seeds', '2', '--workers', workers];
      const { status, stdout } = sim(...words, '--out', folder);
      expect(status).toBe(0);
      expect(stdout).toMatch(/^case +nodes +bound \(s\) +last ÷ bound/);
      return text('release.csv') + text('release.json') + text('report.html');
    };
    const alone = bring('1');
    expect(text('release.csv').trim().split('\n')).toHaveLength(5);
    expect(text('figures/release-time.csv').trim().split('\n')).toHaveLength(5);
    expect(bring('2')).toBe(alone);
    expect(sim('compare', release, '--policies', 'fifo')).toMatchObject({ status: 2, stdout: '' });
    const refused = [
      [sim('run', tiny, '--seeds', '2'), /^--seeds 2: of the scenario .*, use `compare`\.\n$/],
      [sim('run', release, '--policy', 'fifo'), /^--policy fifo: .* has no jobs to place/],
    ] as const;
    for (const [{ status, stderr }, told] of refused) {
      expect(stderr).toMatch(told);
      expect(status).toBe(2);
    }
  });
});

describe("a policy of a researcher's own", () => {
  const tiny = 'test/fixtures/scenarios/tiny.yaml';
  // Loading them takes no time that is worth waiting for.
  const patience = ['--patience', '1'];
  const written = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const holding = (hold: string): string => `export const policy = {
    name: 'mine',
    choice: { asks: 'slot', pick: ([option]) => option ? { option, reason: 0 } : null },
    hold: () => ${hold},
    nextTransfers: (waiting, places) => [...waiting].slice(0, places),
  };`;

  it('that loops for ever is ended, and what it was asked is told', () => {
    const loops = written('loops.mjs', holding('{ for (;;); }'));
    const { status, stderr } = sim('run', tiny, '--policy', loops, ...patience);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /scenario .*tiny\.yaml, policy .*loops\.mjs, seed 1: the policy was asked whether task 0 of job \S+ waits rather than go to node n\d+ \(hold\), and has not answered for \d+ s: does it loop\?/,
    );
  });

  it('that computes nothing is waited for longer: its machine may be busy', () => {
    const sleeps = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3500);';
    const slow = written('slow.mjs', `${sleeps}\n${holding('null')}`);
    expect(sim('run', tiny, '--policy', slow, '--patience', '3')).toMatchObject({ status: 0 });
  });

  it('that loops while it is loaded is ended in the processes of a comparison, too', () => {
    const top = written('top.mjs', 'for (;;);');
    const { status, stderr } = sim('compare', tiny, '--policies', `fifo,${top}`, ...patience);
    expect(status).toBe(1);
    expect(stderr).toMatch(/policy \S+top\.mjs, seed 1: the policy was asked to load/);
  });

  it('that is none, or ends the process, is told without a stack', () => {
    const none = sim('compare', tiny, '--policies', 'fifo,./nowhere.ts');
    expect(none).toMatchObject({ status: 2, stdout: '' });
    expect(none.stderr).toContain('./nowhere.ts: cannot load this policy');
    expect(none.stderr).not.toContain('    at ');
    const ends = written('ends.mjs', holding('process.exit(0)'));
    const ended = sim('run', tiny, '--policy', ends, ...patience);
    expect(ended).toMatchObject({ status: 1, stdout: '' });
    expect(ended.stderr).toMatch(/ends\.mjs, seed 1: its thread ended \(0\) before the run did/);
  });
});

/** As it was built, which starts in a fifth of the time. */
function sim(...words: readonly string[]) {
  return ran('dist/sim/bin/punnet-sim.cjs', ...words);
}

function ran(...words: readonly string[]) {
  return runToEnd(process.execPath, words);
}
