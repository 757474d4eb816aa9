// A task with internet takes nothing that its owner has not given, and none of the bytes that bring results.

import { expect, test } from 'vitest';
import { UplinkPacer } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import {
  Internet,
  whyClosed,
  type InternetOptions,
} from '../../../agent/adapters/internet/internet.ts';
import { hasMoreThanKept } from '../../../agent/adapters/owner/allowance.ts';
import { defaultLimits } from '../../../agent/adapters/owner/limits.ts';

/** Of a node whose tasks have no internet. */
const notUsed: Pick<InternetOptions, 'blobs' | 'tunnels' | 'identity' | 'carried'> = {
  blobs: {
    pacer: new UplinkPacer(
      () => null,
      () => undefined,
    ),
  },
  tunnels: { hosts: () => [], isInOverlay: () => false },
  identity: () => {
    throw new Error('nobody asks');
  },
  carried: () => undefined,
};

test.each([
  [true, 9.4e9, /^null$/],
  [true, 9.5e9, /used up, but for those that bring results/],
  [true, 10e9, /used up/],
  [false, 0, /owner allows no tasks with internet now/],
])('allowed %j, with %d of 10e9 bytes used: %s', (allowsInternet, monthBytes, expected) => {
  const owner = {
    limits: { ...defaultLimits, allowsInternet },
    hasMoreThanKept: () => hasMoreThanKept({ monthBytes, monthlyBytes: 10e9 }),
  };
  expect(String(whyClosed(owner))).toMatch(expected);
});

test('a machine that has failed its test is tested again, and only news is told', async () => {
  const found: (string | null)[] = [];
  const problems = ['no time', 'no time', null];
  let [nowMs, tests, told] = [0, 0, 0];
  let limits = defaultLimits;
  const internet = new Internet({
    owner: {
      get limits() {
        return limits;
      },
      get internetProblem() {
        return found.at(-1);
      },
      foundInternet: (problem) => void found.push(problem),
      hasMoreThanKept: () => true,
      guessedRate: () => null,
    },
    sandbox: { testInternet: async () => problems[tests++] ?? null },
    onTested: () => (told += 1),
    nowMs: () => nowMs,
    ...notUsed,
  });
  const look = async (): Promise<void> => {
    internet.look();
    internet.look();
    await Promise.resolve();
    await Promise.resolve();
  };
  await look();
  expect(tests).toBe(0);
  limits = { ...defaultLimits, allowsInternet: true };
  for (const [atMs, testsThen, foundThen] of [
    [0, 1, ['no time']],
    [599_999, 1, ['no time']],
    [600_000, 2, ['no time']],
    [1_200_000, 3, ['no time', null]],
    [9_000_000, 3, ['no time', null]],
  ] as const) {
    nowMs = atMs;
    await look();
    expect([tests, found, told]).toEqual([testsThen, foundThen, foundThen.length]);
  }
});
