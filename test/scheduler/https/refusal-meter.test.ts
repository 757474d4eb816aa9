// Refused enrolments are counted for each address and minute, in a bounded space.

import { expect, test } from 'vitest';
import {
  RefusalMeter,
  addressesCounted,
  refusalsAMinute,
} from '../../../scheduler/adapters/https/refusal-meter.ts';

function counted(meter: RefusalMeter, address: string, times: number): boolean {
  for (let time = 0; time < times; time += 1) meter.count(address);
  return meter.isOver(address, 0);
}

test('an address may be refused so often in a minute, and not once more', () => {
  const meter = new RefusalMeter();
  expect(counted(meter, 'a', refusalsAMinute - 1)).toBe(false);
  expect(counted(meter, 'a', 1)).toBe(true);
  expect(meter.isOver('b', 0)).toBe(false);
  expect(meter.isOver('a', 59_999)).toBe(true);
  expect(meter.isOver('a', 60_000)).toBe(false);
});

test('so many addresses are counted at a time; one more makes room for all', () => {
  const meter = new RefusalMeter();
  expect(counted(meter, 'first', refusalsAMinute)).toBe(true);
  for (let other = 1; other < addressesCounted; other += 1) meter.count(String(other));
  expect(meter.isOver('first', 0)).toBe(true);
  meter.count('one more');
  expect(meter.isOver('first', 0)).toBe(false);
});
