// A table of sites: what is wrong with it is told at its line and column, all of it at once.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { readShare, readSiteTable, siteTableText } from '../../../scheduler/cli/site-table.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-sites-'));
const file = join(folder, 'schools.csv');
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string): ReturnType<typeof readSiteTable> {
  writeFileSync(file, text);
  return readSiteTable(file);
}

describe('a table of sites', () => {
  it('is read with its columns in any order, share or not', async () => {
    const { sites } = await read(
      'up,site,down\n5 Mbit/s,attic, 20 Mbit/s \n"1 Mbit/s",cellar,2 Mbit/s\n',
    );
    expect(sites).toEqual([
      { siteId: 'attic', down: '20 Mbit/s', up: '5 Mbit/s', share: 0, isMeasured: false },
      { siteId: 'cellar', down: '2 Mbit/s', up: '1 Mbit/s', share: 0, isMeasured: false },
    ]);
    const [first] = (await read('site,down,up,share\nattic,1,1,25%\n')).sites;
    expect(first?.share).toBe(0.25);
  });

  const mistakes: readonly (readonly [what: string, text: string, told: readonly string[]])[] = [
    [
      'columns',
      'site,dawn,up,up\na,1,1,1\n',
      [
        ':1: field 2: wanted one of site, down, up, share, found "dawn"',
        ':1: field 4: wanted each column once, found "up"',
        ':1: wanted a column down, found none',
      ],
    ],
    [
      'shares and names that come twice, each of them',
      'site,down,up,share\na,1,1,0\nb,1,1,130%\n\na,1,1,\n',
      [
        ':2: field 4, share: wanted a part above 0 and at most 100%, such as 25%, found "0"',
        ':3: field 4, share: wanted a part above 0 and at most 100%, such as 25%, found "130%"',
        ':5: field 1, site: wanted each site once, found "a" of line 2 again',
      ],
    ],
    ['no rows', 'site,down,up\n', [': wanted a row below the header, found none']],
  ];
  test.each(mistakes)('is refused for its %s', async (_, text, told) => {
    const message = told.map((each) => `${file}${each}`).join('\n');
    await expect(read(text)).rejects.toThrow(message);
  });

  it('has a place for what the scheduler refuses', async () => {
    const table = await read('site,up,down\na,1 Mbit/s,2 mbps\n');
    const violation = { field: 'sites[0].down', description: 'wanted a rate' };
    expect(siteTableText(table, violation)).toBe(`${file}:2: field 3, down: wanted a rate`);
    expect(siteTableText(table, { ...violation, field: 'sites' })).toBe(undefined);
  });
});

const shares: readonly (readonly [string, number | null])[] = [
  ...([
    ['25%', 0.25],
    [' 0.25 ', 0.25],
    ['100 %', 1],
    ['1', 1],
  ] as const),
  ...([
    ['0', null],
    ['0%', null],
    ['101%', null],
    ['-5%', null],
    ['a', null],
    ['', null],
  ] as const),
];
test.each(shares)('a share "%s" is %s', (text, share) => {
  expect(readShare(text)).toBe(share);
});
