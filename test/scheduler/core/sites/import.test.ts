// Many sites at once: all of them, or none.

import { expect, test } from 'vitest';
import type { SetSites } from '../../../../scheduler/core/index.ts';
import { siteId } from '../../../../scheduler/core/index.ts';
import { Homes } from './homes.ts';

type Row = readonly [name: string, downBps: number | null, upBps: number | null, share?: number];

function give(homes: Homes, rows: readonly Row[]) {
  const sites: SetSites['sites'] = rows.map(([name, downBps, upBps, share = null]) => ({
    ...{ siteId: siteId(name), downBps, upBps, share },
  }));
  return homes.give({ kind: 'setSites', sites }).answer;
}

test('new ones are made and known ones changed', () => {
  const homes = new Homes();
  homes.setSite('attic', 1e6, 1e6);
  const rows: readonly Row[] = [
    ['school', 20e6, 5e6, 0.5],
    ['attic', 9e6, 2e6],
    ['library', 8e6, 3e6],
  ];
  expect(give(homes, rows)).toEqual({ kind: 'done' });
  const found = homes.view
    .sites()
    .map(({ siteId: id, uplink, share }) => [id, uplink.downBps, share]);
  expect(found).toEqual([
    ['attic', 9e6, 1],
    ['school', 20e6, 0.5],
    ['library', 8e6, 0.25],
  ]);
});

test.each<readonly [rows: readonly Row[], refusal: object]>([
  [
    [
      ['a', 1e6, 1e6],
      ['b', 1e6, null],
    ],
    { code: 'not_found', field: 'sites[1].siteId' },
  ],
  [
    [
      ['a', 1e6, 1e6],
      ['a', 2e6, 1e6],
    ],
    { code: 'invalid', field: 'sites[1].siteId' },
  ],
])('nothing is changed when one is refused: %j', (rows, refusal) => {
  const homes = new Homes();
  expect(give(homes, rows)).toMatchObject({ kind: 'refused', ...refusal });
  expect(homes.state.sites).toEqual([]);
});
