// Each mistake in a job file is told with its line, column and field, all of them at once.
import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseJobFile, readJobFile, type JobFile } from '../../../scheduler/cli/job-file.ts';
import { expandGlob } from '../../../scheduler/cli/glob.ts';
import { findNamedFiles } from '../../../scheduler/cli/job-inputs.ts';

function parse(text: string | Uint8Array): JobFile {
  return parseJobFile('job.yaml', typeof text === 'string' ? Buffer.from(text) : text);
}

function check(text: string | Uint8Array, told: string): void {
  const file = parse(text);
  expect(file.tell(file.problems)).toBe(told);
  expect(file.spec === undefined).toBe(told !== '');
}

test.each([
  ['name: a\ntasks:\n  count: many\n', '3:10: tasks.count: wanted a whole number, found "many"'],
  [
    'name: a\ntasks: {count: -1}\n',
    '2:16: tasks.count: wanted a whole number, 0 or more, found -1',
  ],
  ['retries: -1\n', '1:10: retries: wanted a whole number, 0 or more, found -1'],
  [
    'priority: 2147483648\n',
    '1:11: priority: wanted a whole number, at most 2147483647, found 2147483648',
  ],
  ['tasks: {count: 1_000}\n', '1:16: tasks.count: wanted a whole number, found "1_000"'],
  [
    'tasks: 100\n',
    '1:8: tasks: wanted a mapping with the fields count, inputs, manifest, rows, columns, outputsOf, found 100',
  ],
  ['tasks: {inputs: "*.txt"}\n', '1:17: tasks.inputs: wanted a list ([a, b]), found "*.txt"'],
  ['comand: [x]\n', '1:1: comand: unknown field, did you mean command?'],
  ['shared-inputs: []\n', '1:1: shared-inputs: unknown field, did you mean sharedInputs?'],
  [
    'tasks: {number: 5}\n',
    '1:9: tasks.number: unknown field, wanted one of count, inputs, manifest, rows, columns, outputsOf',
  ],
  [
    '<<: {name: a}\n',
    '1:1: <<: unknown field, wanted one of name, bundles, command, tasks, sharedInputs, outputs, profile, timeout, memory, disk, retries, environment, lostAfter, priority, after, deadline, service, checkpoint, network, site, keepOutputs',
  ],
  ['command: ls\n', '1:10: command: wanted a list ([a, b]), found "ls"'],
  ['command: [ls, ~]\n', '1:15: command[1]: wanted text, found nothing'],
  ['command: [ls, [a]]\n', '1:15: command[1]: wanted text, found a list'],
  [
    'command: [ls, {input}]\n',
    '1:15: command[1]: wanted text, found a mapping: put the text in quotes: "{input}"',
  ],
  ['bundles: [x]\n', '1:10: bundles: wanted a mapping, found a list'],
  [
    'bundles: {x86_64: program}\n',
    '1:11: bundles["x86_64"]: wanted a mapping with the fields file, blob, rootFileSystem, found "program"',
  ],
  ['name:\n', '1:6: name: wanted text, found nothing'],
  ['{name}\n', '1:2: name: wanted text, found nothing'],
  ['retries: 1.5\n', '1:10: retries: wanted a whole number, found 1.5'],
  [
    'retries: 4294967296\n',
    '1:10: retries: wanted a whole number, at most 4294967295, found 4294967296',
  ],
  [
    'bundles:\n  x86_64: {file: a.tar, rootFileSystem: maybe}\n',
    '2:41: bundles["x86_64"].rootFileSystem: wanted true or false, found "maybe"',
  ],
  [
    'sharedInputs:\n  - {file: a, blob: {sha256: b}}\n',
    '2:15: sharedInputs[0].blob: wanted either file or blob, found both',
  ],
  ['name: a\nname: b\n', '2:1: name: this key is there twice: keep one of them'],
  [
    'environment: {A: x, B: y, A: z}\n',
    '1:27: environment.A: this key is there twice: keep one of them',
  ],
  [
    '',
    '1:1: wanted a mapping with the fields name, bundles, command, tasks, sharedInputs, outputs, profile, timeout, memory, disk, retries, environment, lostAfter, priority, after, deadline, service, checkpoint, network, site, keepOutputs, found nothing',
  ],
  [
    'just words\n',
    '1:1: wanted a mapping with the fields name, bundles, command, tasks, sharedInputs, outputs, profile, timeout, memory, disk, retries, environment, lostAfter, priority, after, deadline, service, checkpoint, network, site, keepOutputs, found "just words"',
  ],
])('%j is refused at its place', (text, told) => {
  check(text, `job.yaml:${told}`);
});

test.each([
  [
    'name: a\ncommand: [a, b\n',
    '3:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  ['tasks:\n\tcount: 1\n', '2:1: not valid YAML: found a tab in the indentation, wanted spaces'],
  [
    'name: a: b\n',
    '1:7: not valid YAML: wanted one value: is the indentation right? A text that contains ": " needs quotes',
  ],
  [
    'command: [run, {index}.txt]\n',
    '1:23: not valid YAML: wanted the end of the value: a text that contains { or [ needs quotes',
  ],
  ['name: a\n---\nname: b\n', '2:1: not valid YAML: wanted one job, found a second document (---)'],
  ['name: !!js/function x\n', '1:7: not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function'],
  ['name: @a\n', '1:7: not valid YAML: Plain value cannot start with reserved character @'],
])('%j is told as a flaw of the YAML', (text, told) => {
  check(text, `job.yaml:${told}`);
});

test('a glob without quotes is an alias in YAML, and told so', () => {
  check(
    'tasks: {inputs: [*.txt]}\n',
    'job.yaml:1:18: tasks.inputs[0]: found an alias: write its value, or put a text in quotes: "*.txt"',
  );
});

test('bombs of aliases and of brackets are refused, and soon', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let at = 1; at < 30; at += 1) {
    lines.push(`a${at}: &a${at} [${Array.from({ length: 9 }, () => `*a${at - 1}`).join(', ')}]`);
  }
  lines.push('command: *a29');
  const file = parse(lines.join('\n'));
  expect(file.tell(file.problems)).toContain('31:10: command: found an alias');
  const deep = parse(`command: ${'['.repeat(20_000)}`);
  expect(deep.tell(deep.problems)).toMatch(/^job\.yaml:1:\d+: wanted a job, found values nested/);
  expect(parse('- '.repeat(20_000)).problems).toHaveLength(1);
});

test('bytes that are not UTF-8 are told at the first of them', () => {
  const told = 'wanted text in UTF-8, found other bytes: is it another file, or an old encoding?';
  check(Buffer.from('name: a\ncommand: [caf\xe9]\n', 'latin1'), `job.yaml:2:14: ${told}`);
  check(Buffer.from('name: a\n', 'utf16le'), `job.yaml:1:2: ${told}`);
});

test('several mistakes are told together, in the order of the file', () => {
  check(
    'name: a\ntask:\n  count: 1\nretries: x\n',
    'job.yaml:2:1: task: unknown field, did you mean tasks?\n' +
      'job.yaml:4:10: retries: wanted a whole number, found "x"',
  );
});

test('a good file becomes the message; a number where text belongs is the text as written', () => {
  const file = parse(
    'name: 1.50\ncommand: [run, "{index}", 007]\ntasks: {count: 3}\nretries: 0\n' +
      'priority: -5\nmemory: 64 MB\nenvironment: {N: 5, B: true}\n',
  );
  expect(file.problems).toEqual([]);
  expect(file.spec).toMatchObject({
    name: '1.50',
    command: ['run', '{index}', '007'],
    tasks: { count: 3 },
    retries: 0,
    priority: -5,
    memory: '64 MB',
    environment: { N: '5', B: 'true' },
  });
});

test("the scheduler's field paths lead back to the nearest place", () => {
  const text = 'tasks:\n  inputs: [a, b]\nbundles:\n  x86_64: {file: t}\n';
  const file = parse(text);
  const at = (field: string): string =>
    file.tell([{ offset: file.offsetOf(field), field, message: 'm' }]);
  expect(at('tasks.inputs[1]')).toBe('job.yaml:2:15: tasks.inputs[1]: m');
  expect(at('bundles["x86_64"].file')).toBe('job.yaml:4:18: bundles["x86_64"].file: m');
  expect(at('tasks.inputs[9]')).toMatch(/^job\.yaml:2:11: /);
  expect(at('command')).toMatch(/^job\.yaml:1:1: /);
});

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'punnet-job-file-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  return folder;
}

test('globs are sorted, and find hidden files only when they name them', async () => {
  const folder = await folderWith({
    'd/b.txt': '',
    'd/a.txt': '',
    'd/e/c.txt': '',
    'd/.h.txt': '',
  });
  expect(await expandGlob(folder, 'd/*.txt')).toEqual(['d/a.txt', 'd/b.txt']);
  expect(await expandGlob(folder, 'd/.*.txt')).toEqual(['d/.h.txt']);
  expect(await expandGlob(folder, '**/?.txt')).toEqual(['d/a.txt', 'd/b.txt', 'd/e/c.txt']);
});

test.each([
  [
    'bundles: {x86_64: {file: progam.tar}}',
    '1:26',
    'bundles["x86_64"].file: FOLDER/progam.tar: no such file, did you mean program.tar?',
  ],
  [
    'bundles: {x86_64: {file: b.txt}}',
    '1:26',
    'bundles["x86_64"].file: wanted a folder, a .tar or a .tar.gz: FOLDER/b.txt',
  ],
  [
    'bundles: {x86_64: {file: empty}}',
    '1:26',
    'bundles["x86_64"].file: wanted a program, found nothing in FOLDER/empty',
  ],
  [
    'sharedInputs: [{file: gone/a.txt}]',
    '1:23',
    'sharedInputs[0].file: FOLDER/gone/a.txt: no such file, and no folder FOLDER/gone',
  ],
  [
    'sharedInputs: [{file: empty}]',
    '1:23',
    'sharedInputs[0].file: wanted a file, found a folder: FOLDER/empty',
  ],
  [
    'tasks: {inputs: [b.txt, "n/*"]}',
    '1:25',
    'tasks.inputs[1]: wanted files that match n/*, found none in FOLDER',
  ],
])('%j names what is not there', async (text, place, told) => {
  const folder = await folderWith({ 'program.tar': '', 'b.txt': 'b' });
  await mkdir(path.join(folder, 'empty'));
  const file = parse(text);
  const { problems } = await findNamedFiles(file, folder);
  expect(file.tell(problems)).toBe(`job.yaml:${place}: ${told.replaceAll('FOLDER', folder)}`);
});

test('inputs keep their order, each once', async () => {
  const folder = await folderWith({ 'a.txt': '', 'b.txt': '', 'c.csv': '' });
  const { problems, inputs } = await findNamedFiles(
    parse('tasks: {inputs: [c.csv, "*.txt", a.txt]}'),
    folder,
  );
  expect([problems, inputs]).toEqual([[], ['c.csv', 'a.txt', 'b.txt']]);
});

test('a job file that is missing, a folder or huge is told as such', async () => {
  const folder = await folderWith({ 'job.yaml': 'name: a\n', 'huge.yaml': '#'.repeat(1_000_001) });
  const at = (name: string): string => path.join(folder, name);
  await expect(readJobFile(at('job.yml'))).rejects.toThrow(
    `${at('job.yml')}: no such file, did you mean job.yaml?`,
  );
  await expect(readJobFile(folder)).rejects.toThrow('wanted a job file, found a folder');
  await expect(readJobFile(at('huge.yaml'))).rejects.toThrow(
    'wanted a job file of at most 1000000 bytes, found 1000001 bytes: name inputs by globs',
  );
  expect((await readJobFile(at('job.yaml'))).spec?.name).toBe('a');
});
