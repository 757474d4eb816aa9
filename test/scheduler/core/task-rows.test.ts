// Which columns and rows a job takes.

import { expect, test } from 'vitest';
import {
  columnProblem,
  placeProblem,
  rowCheck,
  rowLimits,
  rowOf,
} from '../../../scheduler/core/index.ts';
import { renderTemplate } from '../../../scheduler/core/index.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `c${at}`);

test.each<[columns: string[], problem: string | null]>([
  [['a', 'Temperature (K)', 'größe'], null],
  [names(rowLimits.columns), null],
  [names(rowLimits.columns + 1), 'wanted at most 64 columns, found 65'],
  [['x'.repeat(rowLimits.nameChars)], null],
  [['x'.repeat(rowLimits.nameChars + 1)], 'wanted a name of at most 63 characters'],
  [['a', ''], 'wanted a name for this column, found nothing'],
  [['a', 'b', 'a'], 'the column "a" is there twice: rename one of them'],
  [['a', ' b'], 'wanted a name without blanks around it, found " b"'],
  [['index'], 'the column "index" has the name of a placeholder that every job has'],
  [['input.stem'], 'the column "input.stem" has the name of a placeholder'],
  [['a{b'], 'wanted a name of at most 63 characters without braces'],
  [['a\nb'], 'wanted a name of at most 63 characters without braces, found "a\\nb"'],
])('the columns %j', (columns, problem) => {
  const found = columnProblem(columns);
  if (problem === null) expect(found).toBeNull();
  else expect(found?.problem).toContain(problem);
});

const job = {
  command: ['run', '{seed}', '{seed}', '{{seed}', '{index}'],
  environment: { NOTE: '{note}' },
  outputs: ['out/{note}.txt', 'log'],
};
const most = 'x'.repeat(rowLimits.valueChars);
const sums = { command: names(4).map((name) => `{${name}}`), environment: {}, outputs: [] };

test.each<[row: string[], problem: string | null]>([
  [['1', 'a'], null],
  [['', 'a'], null],
  [['1', 'a/b'], null],
  [[most, 'a'], null],
  [[`${most}x`, 'a'], 'wanted at most 4096 characters, none of them NUL'],
  [['1\0', 'a'], 'none of them NUL'],
  [['1'], 'wanted 2 values, as the header has, found 1'],
  [['1', '../../etc'], 'wanted outputs inside the work folder, found "out/../../etc.txt"'],
  [['1', 'a/'], null],
  [['1', '/'], 'wanted outputs inside the work folder, found "out//.txt" for out/{note}.txt'],
])('the row %j', (row, problem) => {
  const found = rowCheck(job, ['seed', 'note'])(row);
  if (problem === null) expect(found).toBeNull();
  else expect(found?.problem).toContain(problem);
});

test('a row may add so much to the texts of a job, and no more', () => {
  const check = rowCheck(sums, names(4));
  const parts = [4_000, 4_000, 4_000].map((length) => 'x'.repeat(length));
  expect(check([...parts, ''])).toBeNull();
  expect(check([...parts, 'x'])?.problem).toContain('at most 12000 characters');
});

test('two outputs of a task must differ', () => {
  const check = rowCheck({ ...job, outputs: ['{a}', '{b}'] }, ['a', 'b']);
  expect(check(['x', 'y'])).toBeNull();
  expect(check(['x', 'x'])?.problem).toBe('the output "x" would be there twice');
});

test('values are put in as they are, whatever they look like', () => {
  const row = rowOf(['a', 'b'], ['{b}', '{{index}']);
  expect(renderTemplate('{a} {b} {c}', { index: 7, input: null, row })).toBe('{b} {{index} {c}');
});

test.each<[path: string, isInside: boolean]>([
  ...['a', 'a/b.txt', '.a', 'a.', '...', 'a/.../b', 'a/.b', '..a/b', 'a\n', 'a\n..'].map(
    (path): [string, boolean] => [path, true],
  ),
  ...['', '.', '..', '/', '/a', 'a/', 'a//b', './a', 'a/.', 'a/./b', '../a', 'a/..', 'a/../b'].map(
    (path): [string, boolean] => [path, false],
  ),
  ['a\n/../b', false],
])('%j lies in the work folder: %s', (path, isInside) => {
  expect(placeProblem(path, {}) === null).toBe(isInside);
});
