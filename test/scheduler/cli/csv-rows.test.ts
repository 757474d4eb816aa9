// A table of tasks is read as RFC 4180 says, and each mistake in it is told with its line.
import { expect, test } from 'vitest';
import { parseCsv, rowsMax, tableText } from '../../../scheduler/cli/csv-rows.ts';

const read = (text: string) => parseCsv('p.csv', Buffer.from(text, 'latin1'));

test.each<[what: string, text: string, columns: string[], rows: string[][], lines: number[]]>([
  ['plain rows', 'a,b\n1,2\n3,4\n', ['a', 'b'], [['1', '2'], ['3', '4']], [2, 3]], // prettier-ignore
  ['line ends of Windows', 'a,b\r\n1,2\r\n', ['a', 'b'], [['1', '2']], [2]],
  ['a mark of byte order', '\xef\xbb\xbfa\n1\n', ['a'], [['1']], [2]],
  ['no line end after the last row', 'a\n1', ['a'], [['1']], [2]],
  ['quotes, commas and doubled quotes', 'a,b\n"x,""y""",z\n', ['a', 'b'], [['x,"y"', 'z']], [2]],
  ['values over several lines', 'a,b\n"x\n\ny",z\n1,2\n', ['a', 'b'], [['x\n\ny', 'z'], ['1', '2']], [2, 5]], // prettier-ignore
  ['empty values, and empty lines between rows', 'a,b\n,\n\n1,2\n', ['a', 'b'], [['', ''], ['1', '2']], [2, 4]], // prettier-ignore
  ['an empty value alone, in quotes', 'a\n""\n', ['a'], [['']], [2]],
  ['blanks, which belong to the value', 'a,b\n 1 , 2\n', ['a', 'b'], [[' 1 ', ' 2']], [2]],
])('reads %s', (_, text, columns, rows, lines) => {
  expect(read(text)).toMatchObject({ columns, rows, lines });
});

test.each([
  ['', 'p.csv:1: wanted a header (the names of the columns), found an empty file'],
  ['a,b\n', 'p.csv: wanted a row below the header, found none'],
  ['a,b,c\n1,2,3\n1\n', 'p.csv:3: wanted 3 values, as the header has, found 1: b, c is missing'],
  [
    'a\n1,2\n"3\n",4\n',
    'p.csv:2: wanted 1 values, as the header has, found 2: a value with a comma needs quotes\n' +
      'p.csv:3: wanted 1 values, as the header has, found 2: a value with a comma needs quotes',
  ],
  [
    'a,b\n1,"2\n3,4\n',
    'p.csv:3: field 2: wanted a " that closes a value of this line or above, found the end of the file',
  ],
  [
    'a,b\n1,2\n3"x,4\n',
    'p.csv:3: field 1: found a " inside a value: put the value into quotes, and write "" for each in it',
  ],
  [
    'a\n"1"2\n',
    'p.csv:2: field 1: wanted a comma or the end of the line after the closing ", found more text',
  ],
  ['a\n\xff\n', 'p.csv: wanted a CSV table in UTF-8, found other bytes'],
])('refuses %j', (text, told) => {
  expect(() => read(text)).toThrow(told);
});

test('takes as many rows as a job may have tasks, and not one more', () => {
  const rows = Buffer.from('a\n1\n\n2\n3\n');
  expect(parseCsv('p.csv', rows, 3).rows).toHaveLength(3);
  expect(() => parseCsv('p.csv', rows, 2)).toThrow('p.csv:5: wanted at most 2 rows, found 3');
  expect(rowsMax).toBe(1_000_000);
});

test('tells what the scheduler refused at its line', () => {
  const table = read('a,b\n"x\ny",z\n1,2\n');
  const tell = (field: string) => tableText(table, { field, description: 'no' });
  expect(tell('spec.tasks.columns[1]')).toBe('p.csv:1: field 2: no');
  expect(tell('spec.tasks.manifest.tasks[1]')).toBe('p.csv:4: no');
  expect(tell('spec.command[1]')).toBeUndefined();
});
