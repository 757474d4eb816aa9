// What a shell completes with the script that `punnet completion` prints, in the shells themselves.

import { execFile } from 'node:child_process';
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { patienceMs } from '../../integration/program.ts';
import { Rig, root } from '../../integration/rig.ts';

let rig: Rig;
let env: NodeJS.ProcessEnv;
let jobId = '';

beforeAll(async () => {
  rig = await Rig.start();
  jobId = (await rig.submit(rig.jobFile('true', { tasks: { count: 1 } }))).jobId;
  const rates = ['--down', '1 Mbit/s', '--up', '1 Mbit/s'];
  expect((await rig.punnet('site', 'set', 'hereabouts', ...rates)).code).toBe(0);
  const bin = mkdtempSync(join(rig.folder, 'bin-'));
  symlinkSync(join(root, 'dist/bin/punnet.cjs'), join(bin, 'punnet'));
  env = { ...rig.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: rig.folder, TERM: 'dumb' };
});
afterAll(() => rig.stop());

async function run(shell: string, ...words: readonly string[]): Promise<string> {
  const options = { env, timeout: patienceMs };
  return (await promisify(execFile)(shell, words, options)).stdout;
}

/** The last word is what was typed of it. */
const cases = (): readonly (readonly [typed: string, wanted: string])[] => [
  ['ca', 'cancel'],
  ['submit --wa', '--watch'],
  ['token cr', 'create'],
  ['token create --us', '--uses'],
  ['completion z', 'zsh'],
  ['site set here', 'hereabouts'],
  [`explain ${jobId.slice(0, 6)}`, jobId],
];

test('bash completes commands, their options, and the jobs that there are', async () => {
  const script = `source <(punnet completion bash); COMP_WORDS=(punnet "$@"); COMP_CWORD=$#; _punnet; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const complete = async (typed: string): Promise<string> =>
    (await run('bash', '-c', script, 'bash', ...typed.split(' '))).trim();
  for (const [typed, wanted] of cases()) expect(await complete(typed), typed).toBe(wanted);
});

test('fish does', async () => {
  const file = join(rig.folder, 'punnet.fish');
  const text = (await rig.punnet('completion', 'fish')).out;
  writeFileSync(file, text);
  const complete = async (typed: string): Promise<string> =>
    (await run('fish', '-c', `source ${file}; complete -C 'punnet ${typed}'`)).trim();
  for (const [typed, wanted] of cases()) {
    expect((await complete(typed)).split('\t')[0], typed).toBe(wanted);
  }
  const withFiles = text.split('\n').filter((line) => line !== '' && !line.includes(' -f '));
  const commands = withFiles.map((line) => /from ([a-z]+)["; ]/.exec(line)?.[1] ?? line);
  expect([...new Set(commands)].toSorted()).toEqual(['context', 'sites', 'submit', 'update']);
});

test('zsh does, with nothing set up', async () => {
  const file = join(rig.folder, 'punnet.zsh');
  writeFileSync(file, (await rig.punnet('completion', 'zsh')).out);
  // At a terminal, since it completes nowhere else; reads until what was wanted is on the screen.
  const script = `zmodload zsh/zpty && zpty z zsh -fi && zpty -w z "source $0" &&
    zpty -wn z "punnet $1"$'\\t' && zpty -r z seen "*punnet $2*" && print found`;
  for (const [typed, wanted] of cases()) {
    const line = [...typed.split(' ').slice(0, -1), wanted].join(' ');
    expect(await run('zsh', '-fc', script, file, typed, line), typed).toBe('found\n');
  }
});
