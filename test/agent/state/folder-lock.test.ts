// One agent for each state folder, on each Node.js that an agent may have, and whatever ended the one before.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { askFolder } from '../../../agent/adapters/state/folder-lock.ts';
import { bundleInto } from '../../bundle-into.ts';
import { Program } from '../../integration/program.ts';
import { root } from '../../integration/rig.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-lock-'));
const holder = bundleInto(
  folder,
  'holder.mjs',
  `import { takeFolder } from './agent/adapters/state/folder-lock.ts';
  const [, , folder, word] = process.argv;
  console.log(await takeFolder(folder, () => word) ? 'taken' : 'refused');
  setInterval(() => undefined, 1000);`,
);
const started: Program[] = [];

function hold(at: string, word: string, by: readonly string[] = [process.execPath]): Program {
  const program = new Program(word, [holder, at, word], { by });
  started.push(program);
  return program;
}

afterEach(async () => {
  for (const program of started.splice(0)) await program.kill();
});
afterAll(() => rmSync(folder, { recursive: true }));

function freshFolder(name: string): string {
  const at = join(folder, name);
  mkdirSync(at);
  return at;
}

const node18 = join(root, 'tools/node-18/node');

test.for([
  ['this Node.js', process.execPath],
  ['Node.js 18', node18],
])(
  'two folders have an agent each, one folder has one, by %s',
  async ([what = '', node = ''], { skip }) => {
    skip(!existsSync(node), `${what} is not here`);
    const [one, two] = [freshFolder(`${what} one`), freshFolder(`${what} two`)];
    expect(await askFolder(one)).toBeNull();
    await hold(one, 'first', [node]).said('taken');
    await hold(two, 'second', [node]).said('taken');
    expect(await askFolder(one)).toBe('first');
    expect(await askFolder(two)).toBe('second');
    await hold(one, 'third', [node]).said('refused');
    expect(await askFolder(one)).toBe('first');
    expect(readdirSync(one)).toEqual(['agent.sock']);
  },
);

test('one that was killed is followed by the next, in a folder of any length', async () => {
  const at = freshFolder('a-folder-with-a-name-'.repeat(8));
  const first = hold(at, 'first');
  await first.said('taken');
  await first.kill('SIGKILL');
  expect(await askFolder(at)).toBeNull();
  await hold(at, 'second').said('taken');
  expect(await askFolder(at)).toBe('second');
});

test('of many that start at once after one was killed, one has it', async () => {
  const at = freshFolder('many');
  const first = hold(at, 'first');
  await first.said('taken');
  await first.kill('SIGKILL');
  const rivals = Array.from({ length: 6 }, (_, index) => hold(at, `rival ${index}`));
  const said = await Promise.all(rivals.map((rival) => rival.said('e')));
  expect(said.filter((line) => line === 'taken')).toHaveLength(1);
  expect(await askFolder(at)).toMatch(/^rival \d$/);
});
