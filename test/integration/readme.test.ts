// The README's lines "by hand", typed as they stand there: relative paths, and all.

import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { Program } from './program.ts';
import { root } from './rig.ts';

const run = promisify(execFile);
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'punnet-readme-'));
const env = { ...process.env, XDG_CONFIG_HOME: join(folder, 'config') };
const programs: Program[] = [];
const files: Readonly<Record<string, string>> = {
  punnet: 'punnet.cjs',
  'punnet-scheduler': 'scheduler/bin/punnet-scheduler.cjs',
  'punnet-agent': 'punnet-agent.cjs',
};

afterAll(async () => {
  for (const program of programs.reverse()) await program.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

/** The first fenced block after a heading. */
function blockAfter(heading: string): string {
  const from = readme.indexOf(heading);
  const block = /```\n(.*?)```/s.exec(readme.slice(from))?.[1];
  if (from < 0 || block === undefined) throw new Error(`README.md has no block after ${heading}`);
  return block;
}

/** Words of a line of shell; 'quotes' hold a word together. */
function wordsOf(line: string): readonly string[] {
  const found = line.replace(/\s+#.*$/, '').matchAll(/'([^']*)'|(\S+)/g);
  return [...found].map((match) => match[1] ?? match[2] ?? '');
}

test('the lines by hand do what they say', async () => {
  chmodSync(folder, 0o711);
  cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
  // Tests take free ports.
  const known = new Map([['--data', '--grpc-port 0 --https-port 0 --metrics-port 0 --data']]);
  for (let line of blockAfter('## By hand').split('\n')) {
    for (const [written, real] of known) line = line.replaceAll(written, real);
    const [npx, name = '', ...rest] = wordsOf(line);
    if (npx !== 'npx') continue;
    const words = [join(root, 'dist', files[name] ?? ''), ...rest];
    if (rest.at(-1) === '&') {
      const program = new Program(name, words.slice(0, -1), { env, cwd: folder });
      programs.push(program);
      await program.said(name === 'punnet-scheduler' ? '"msg":"ready"' : '"event":"started"');
      continue;
    }
    const { stdout, stderr } = await run(process.execPath, words, { cwd: folder, env });
    learn(stdout + stderr, known);
  }
  // The texts in the order of their names: blueberry, raspberry, strawberry.
  const counts = readFileSync(join(folder, 'results/1/counts.txt'), 'utf8');
  expect(counts).toMatch(/^ +5 the\n/);
});

/** What a person would read off the screen and type in the next line. */
function learn(printed: string, known: Map<string, string>): void {
  const token = /^pnt_\S+/m.exec(printed)?.[0];
  if (token !== undefined) known.set('TOKEN', token);
  const url = /https:\/\/localhost:\d+/.exec(printed)?.[0];
  if (url !== undefined) known.set('https://localhost:8443', url);
}

test('the job file that it shows is the one of the example', () => {
  const shown = /```yaml\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const file = readFileSync(join(root, 'examples/words/job.yaml'), 'utf8');
  expect(file.replace(/^#.*\n/gm, '')).toBe(shown);
});
