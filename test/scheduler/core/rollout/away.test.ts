// Whose silence says nothing of a release, as a table.

import { expect, test } from 'vitest';
import { instant } from '../../../../scheduler/core/index.ts';
import type { Presence } from '../../../../scheduler/core/rollout/away.ts';
import { awayNodes } from '../../../../scheduler/core/rollout/away.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const now = 100 * dayMs;

const heard = (siteNumber: number): Omit<Presence, 'number'> => ({
  ...{ siteNumber, isHeard: true, silentSince: instant(0), awayBefore: instant(0) },
  activeSince: instant(now - dayMs),
});
const silent = (siteNumber: number, sinceMs = now): Omit<Presence, 'number'> => ({
  ...heard(siteNumber),
  ...{ isHeard: false, silentSince: instant(sinceMs) },
});
const backAt = (node: Omit<Presence, 'number'>, atMs: number): Omit<Presence, 'number'> => ({
  ...node,
  awayBefore: instant(atMs),
});

test.each<readonly [string, readonly Omit<Presence, 'number'>[], readonly number[]]>([
  ['nobody', [], []],
  ['all are heard', [heard(1), heard(1)], []],
  ['a site goes dark at once', [silent(1), silent(1, now - 15 * minuteMs), heard(2)], [0, 1]],
  ['a minute too late for that', [silent(1), silent(1, now - 16 * minuteMs)], []],
  ['one of its nodes died long ago', [silent(1), silent(1), silent(1, now - 9 * dayMs)], [0, 1]],
  ['one of its nodes is heard', [silent(1), silent(1), heard(1)], []],
  ['the only node of a site', [silent(1)], []],
  ['one that was off on one day, or never', [silent(1)], []],
  [
    'one that was off on two days before it had the version, the first two days ago',
    [backAt(silent(1), now - 2 * dayMs)],
    [0],
  ],
  ['two weeks and a day before', [backAt(silent(1), now - 16 * dayMs)], [0]],
  ['longer ago', [backAt(silent(1), now - 16 * dayMs - 1)], []],
  [
    'one that is off each weekend, with a version of Wednesday, on Saturday',
    [{ ...backAt(silent(1), now - 12 * dayMs), activeSince: instant(now - 3 * dayMs) }],
    [0],
  ],
  [
    'without the version, by when it fell silent',
    [{ ...backAt(silent(1), now - 16 * dayMs), activeSince: null }],
    [],
  ],
  ['and silent for four days', [backAt(silent(1, now - 4 * dayMs), now - 7 * dayMs)], [0]],
  ['for longer', [backAt(silent(1, now - 4 * dayMs - 1), now - 7 * dayMs)], []],
  ['a whole site for longer', [silent(1, now - 5 * dayMs), silent(1, now - 5 * dayMs)], [0, 1]],
  ['off by habit, and heard', [backAt(heard(1), now - 2 * dayMs)], []],
])('%s', (_, nodes, wanted) => {
  expect([
    ...awayNodes(
      nodes.map((node, number) => ({ ...node, number })),
      instant(now),
    ),
  ]).toEqual(wanted);
});
