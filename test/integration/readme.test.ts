// The lines at the README's three doors, typed as they stand there: relative paths, and all.

import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { Program, longTestMs } from './program.ts';
import { root } from './rig.ts';

const run = promisify(execFile);
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'punnet-readme-'));
const env = { ...process.env, XDG_CONFIG_HOME: join(folder, 'config') };
const programs: Program[] = [];
const files: Readonly<Record<string, string>> = {
  punnet: 'bin/punnet.cjs',
  'punnet-scheduler': 'bin/punnet-scheduler.cjs',
  'punnet-agent': 'punnet-agent.cjs',
};

afterAll(async () => {
  for (const program of programs.reverse()) await program.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

const doors = readme.slice(readme.indexOf('## Three doors'), readme.indexOf('## Architecture'));

/** The lines of all fenced blocks of shell. */
function linesOf(text: string): readonly string[] {
  const blocks = [...text.matchAll(/```(\w*)\n(.*?)```/gs)].filter(
    ([, language]) => language === '',
  );
  return blocks.flatMap(([, , block = '']) => block.trim().split('\n'));
}

/** Words of a line of shell; 'quotes' hold a word together. */
function wordsOf(line: string): readonly string[] {
  const found = line.replace(/\s+#.*$/, '').matchAll(/'([^']*)'|(\S+)/g);
  return [...found].map((match) => match[1] ?? match[2] ?? '');
}

test(
  'the lines at the three doors do what they say, one after another',
  { timeout: longTestMs },
  async () => {
    chmodSync(folder, 0o711);
    cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
    // Its policy, as if it stood in the clone, which it imports from.
    const [, policy = ''] = /```ts\n(.*?)```/s.exec(doors) ?? [];
    const mine = join(folder, 'mine.ts');
    writeFileSync(mine, policy.replaceAll("'./scheduler", `'${root}/scheduler`));
    const known = new Map([
      // Tests take free ports, and a federation that is drawn in no time.
      ['--data', '--grpc-port 0 --https-port 0 --metrics-port 0 --data'],
      ['two-class', 'test/fixtures/scenarios/tiny.yaml'],
      ['./mine.ts', mine],
    ]);
    const ran = new Set<string>();
    for (let line of linesOf(doors)) {
      for (const [written, real] of known) line = line.replaceAll(written, real);
      const [npx = '', name = '', ...rest] = wordsOf(line);
      ran.add(`${npx} ${name}`);
      if (npx === 'npm') {
        if (rest[0] === 'sim') await run('npm', [name, '--silent', ...rest], { cwd: root, env });
        continue;
      }
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
    expect([...ran].sort()).toEqual(
      ['npm run', ...Object.keys(files).map((name) => `npx ${name}`)].sort(),
    );
    // The texts in the order of their names: blueberry, raspberry, strawberry.
    const counts = readFileSync(join(folder, 'results/1/counts.txt'), 'utf8');
    expect(counts).toMatch(/^ +5 the\n/);
  },
);

test('the CLI knows each command of the table of questions', async () => {
  const rows = doors.split('\n').filter((line) => line.startsWith('| '));
  const commands = rows.flatMap((row) =>
    [...row.matchAll(/`punnet ([^`]+)`/g)].map(([, each]) => each),
  );
  expect(commands.length).toBeGreaterThan(15);
  const check = async (command = ''): Promise<void> => {
    const typed = command
      .replaceAll('job.yaml', 'examples/words/job.yaml')
      .replace(' [TASK...]', '');
    const words = [join(root, 'dist/scheduler/cli/main.js'), ...typed.split(' ')];
    // Some are refused after others have run, with a 1; what it does not know is a 2.
    const code = await run(process.execPath, words, { cwd: folder, env }).then(
      () => 0,
      (error: unknown) => (error as { readonly code: number }).code,
    );
    expect(code, command).not.toBe(2);
  };
  await Promise.all(commands.map(check));
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
