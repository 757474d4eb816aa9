// Each mistake in a job file is told with its line, column and field, all of them at once.
import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseJobFile } from '../../../scheduler/cli/job-file.ts';
import { expandGlob } from '../../../scheduler/cli/glob.ts';
import { findNamedFiles } from '../../../scheduler/cli/job-inputs.ts';

function check(text: string, told: string): void {
  const file = parseJobFile('job.yaml', text);
  expect(file.tell(file.problems)).toBe(told);
  expect(file.spec === undefined).toBe(told !== '');
}

test.each([
  ['name: a\ntasks:\n  count: many\n', '3:10: tasks.count: wanted a whole number, found "many"'],
  ['name: a\ntasks: {count: -1}\n', '2:16: tasks.count: wanted a whole number, found -1'],
  ['comand: [x]\n', '1:1: comand: unknown field, did you mean command?'],
  ['shared-inputs: []\n', '1:1: shared-inputs: unknown field, did you mean sharedInputs?'],
  ['name: 5\n', '1:7: name: wanted text (in quotes: "5"), found 5'],
  ['command: ls\n', '1:10: command: wanted a list, found "ls"'],
  ['bundles: [x]\n', '1:10: bundles: wanted a mapping, found a list'],
  ['name:\n', '1:6: name: wanted text, found nothing'],
  ['retries: 1.5\n', '1:10: retries: wanted a whole number, found 1.5'],
  [
    'bundles:\n  x86_64: {file: a.tar, rootFileSystem: maybe}\n',
    '2:41: bundles["x86_64"].rootFileSystem: wanted true or false, found "maybe"',
  ],
  [
    'sharedInputs:\n  - {file: a, blob: {sha256: b}}\n',
    '2:15: sharedInputs[0].blob: wanted either file or blob, found both',
  ],
  ['name: a\nname: b\n', '2:1: this key is there twice: keep one of them'],
])('%j is refused at its place', (text, told) => {
  check(text, `job.yaml:${told}`);
});

test('several mistakes are told together, in the order of the file', () => {
  check(
    'name: a\ntask:\n  count: 1\nretries: x\n',
    'job.yaml:2:1: task: unknown field, did you mean tasks?\n' +
      'job.yaml:4:10: retries: wanted a whole number, found "x"',
  );
});

test('malformed YAML is told with its line', () => {
  const file = parseJobFile('job.yaml', 'name: a\ncommand: [a, b\n');
  expect(file.tell(file.problems)).toMatch(/^job\.yaml:\d+:\d+: not valid YAML: /);
});

test('a good file becomes the message', () => {
  const file = parseJobFile(
    'job.yaml',
    'name: a\ncommand: [run, "{index}"]\ntasks: {count: 3}\nretries: 0\nmemory: 64 MB\n',
  );
  expect(file.problems).toEqual([]);
  expect(file.spec).toMatchObject({
    name: 'a',
    command: ['run', '{index}'],
    tasks: { count: 3 },
    retries: 0,
    memory: '64 MB',
  });
});

test("the scheduler's field paths lead back to the nearest place", () => {
  const text = 'tasks:\n  inputs: [a, b]\nbundles:\n  x86_64: {file: t}\n';
  const file = parseJobFile('job.yaml', text);
  const at = (field: string): string =>
    file.tell([{ offset: file.offsetOf(field), field, message: 'm' }]);
  expect(at('tasks.inputs[1]')).toBe('job.yaml:2:15: tasks.inputs[1]: m');
  expect(at('bundles["x86_64"].file')).toBe('job.yaml:4:18: bundles["x86_64"].file: m');
  expect(at('spec.tasks.inputs[9]')).toMatch(/^job\.yaml:2:11: /);
  expect(at('command')).toMatch(/^job\.yaml:1:1: /);
});

test('missing files and empty globs are told at their place; globs are sorted', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'punnet-job-file-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(path.join(folder, 'd/e'), { recursive: true });
  for (const name of ['d/b.txt', 'd/a.txt', 'd/e/c.txt', 'd/.h.txt']) {
    await writeFile(path.join(folder, name), name);
  }
  expect(await expandGlob(folder, 'd/*.txt')).toEqual(['d/a.txt', 'd/b.txt']);
  expect(await expandGlob(folder, '**/?.txt')).toEqual(['d/a.txt', 'd/b.txt', 'd/e/c.txt']);
  const text =
    'bundles: {x86_64: {file: gone.tar}}\ntasks: {inputs: ["d/*.txt", "n/*", "d/a.txt"]}\n';
  const file = parseJobFile('job.yaml', text);
  const { problems, inputs } = await findNamedFiles(file, folder);
  expect(inputs).toEqual(['d/a.txt', 'd/b.txt']);
  expect(file.tell(problems)).toBe(
    `job.yaml:1:26: bundles["x86_64"].file: no such file: ${folder}/gone.tar\n` +
      `job.yaml:2:29: tasks.inputs[1]: wanted files that match "n/*", found none in ${folder}`,
  );
});
