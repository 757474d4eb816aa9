// A task with internet takes nothing that its owner has not given, and none of the bytes that bring results.

import { expect, test } from 'vitest';
import { whyClosed } from '../../../agent/adapters/internet/internet.ts';
import { hasMoreThanKept } from '../../../agent/adapters/owner/allowance.ts';
import { defaultLimits } from '../../../agent/adapters/owner/limits.ts';

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
