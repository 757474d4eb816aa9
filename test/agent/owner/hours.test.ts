// How long the owner's hours still last.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hoursLeftMs, isInHours } from '../../../agent/adapters/owner/hours.ts';

const at = (hour: number, minute = 0, second = 0): number =>
  1000 * (3600 * hour + 60 * minute + second);
const h = 3_600_000;

test.each([
  ['no hours are set', [], at(3), null],
  ['in the evening', [['18:00', '07:00']], at(22), 9 * h],
  ['after midnight, to the second', [['18:00', '07:00']], at(6, 59, 30), 30_000],
  ['at the end', [['18:00', '07:00']], at(7), 0],
  ['outside', [['18:00', '07:00']], at(12), 0],
  [
    'hours that follow one another',
    [
      ['18:00', '23:00'],
      ['23:00', '02:00'],
    ],
    at(20),
    6 * h,
  ],
  [
    'hours that overlap',
    [
      ['08:00', '12:00'],
      ['11:00', '14:00'],
    ],
    at(9),
    5 * h,
  ],
  [
    'the second of two',
    [
      ['08:00', '09:00'],
      ['20:00', '21:00'],
    ],
    at(20, 15),
    0.75 * h,
  ],
  [
    'hours that go round the day',
    [
      ['00:00', '12:00'],
      ['12:00', '00:00'],
    ],
    at(20),
    null,
  ],
] as const)('%s', (_, hours, msOfDay, left) => {
  expect(hoursLeftMs(hours, msOfDay)).toBe(left);
});

const time = fc
  .integer({ min: 0, max: 1439 })
  .map(
    (all) =>
      `${String(Math.floor(all / 60)).padStart(2, '0')}:${String(all % 60).padStart(2, '0')}`,
  );

test('until then it is within its hours, and then it is not', () => {
  const drawn = fc.array(fc.tuple(time, time), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(drawn, fc.integer({ min: 0, max: 24 * h - 1 }), (hours, now) => {
      const left = hoursLeftMs(hours, now);
      const isIn = (ms: number): boolean => isInHours(hours, Math.floor(ms / 60_000) % 1440);
      if (left === null) return isIn(now);
      return left === 0 ? !isIn(now) : isIn(now + left - 1) && !isIn(now + left);
    }),
  );
});
