// When tasks will have ended: the fluid estimate.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Demand, SiteRate } from '../../../scheduler/core/estimate/finish.ts';
import { finishOf } from '../../../scheduler/core/estimate/finish.ts';

const site: SiteRate = {
  ...{ cpuGhz: 4, slotGhz: 1, downBps: 1e6, upBps: 1e6 },
  ...{ workGhzSeconds: 0, downBits: 0, upBits: 0 },
};
const demand: Demand = { tasks: 8, workGhzSeconds: 10, downBits: 0, upBits: 0, sharedBits: 0 };

describe('one site', () => {
  test.each([
    ['eight tasks of 10 s on four slots', {}, {}, 20, 'cpu'],
    ['what is in hand comes first', { workGhzSeconds: 40 }, {}, 30, 'cpu'],
    ['one task is no faster than its slot', {}, { tasks: 1 }, 10, 'cpu'],
    ['much data in', {}, { downBits: 1e7 }, 80, 'uplink down'],
    ['much data out', {}, { upBits: 1e7 }, 80, 'uplink up'],
    ['bytes on the way come first', { downBits: 2e7 }, { downBits: 1e7 }, 100, 'uplink down'],
    ['shared bytes come once', {}, { downBits: 1e7, sharedBits: 5e6 }, 85, 'uplink down'],
    ['shared bytes of tasks without their own', {}, { sharedBits: 5e8 }, 510, 'uplink down'],
    ['the same, of more tasks', {}, { tasks: 800, sharedBits: 1e9 }, 2_000, 'cpu'],
    ['one task with much data in', {}, { tasks: 1, downBits: 3e7 }, 40, 'uplink down'],
    ['one task with much data out', {}, { tasks: 1, upBits: 3e7 }, 40, 'uplink up'],
    ['bytes of others, where its tasks have none', { downBits: 5e8, upBits: 5e8 }, {}, 20, 'cpu'],
    ['no slot that fits', { cpuGhz: 0 }, {}, Infinity, 'nothing fits'],
  ] as const)('%s', (_, rate, need, seconds, boundBy) => {
    const found = finishOf([{ ...site, ...rate }], { ...demand, ...need });
    expect(found).toEqual({ seconds: expect.closeTo(seconds, 2) as number, boundBy });
  });
});

test('no site at all fits nothing', () => {
  expect(finishOf([], demand).boundBy).toBe('nothing fits');
});

test('two sites share the tasks by what binds each', () => {
  const thin = { ...site, downBps: 1e5 };
  // In 60 s: 6 x 4 by the CPUs of the first, 0.6 by the line of the other.
  const found = finishOf([site, thin], { ...demand, tasks: 6.6, downBits: 1e7 });
  expect(found.seconds).toBeCloseTo(60, 2);
  expect(found.boundBy).toBe('uplink down');
});

const amount = (most: number) => fc.double({ min: 0, max: most, noNaN: true });
const anySite = fc.record({
  cpuGhz: fc.double({ min: 0.1, max: 100, noNaN: true }),
  slotGhz: fc.double({ min: 0.1, max: 4, noNaN: true }),
  downBps: fc.double({ min: 1e3, max: 1e9, noNaN: true }),
  upBps: fc.double({ min: 1e3, max: 1e9, noNaN: true }),
  ...{ workGhzSeconds: amount(1e6), downBits: amount(1e9), upBits: amount(1e9) },
});
const anyDemand = fc.record({
  tasks: fc.integer({ min: 1, max: 1_000_000 }),
  workGhzSeconds: amount(1e5),
  ...{ downBits: amount(1e9), upBits: amount(1e9), sharedBits: amount(1e9) },
});
const sites = fc.array(anySite, { minLength: 1, maxLength: 6 });

/** Halving leaves crumbs. */
function expectNotLater(one: number, other: number): void {
  expect(one).toBeLessThanOrEqual(other * (1 + 1e-4) + 1e-6);
}

describe('whatever the sites and the tasks', () => {
  test('more slots, a faster line or another site never make it later', () => {
    fc.assert(
      fc.property(sites, anySite, anyDemand, (some, more, need) => {
        const before = finishOf(some, need).seconds;
        expectNotLater(finishOf([...some, more], need).seconds, before);
        const [first = more, ...rest] = some;
        for (const better of ['cpuGhz', 'downBps', 'upBps'] as const) {
          const grown = { ...first, [better]: first[better] + more[better] };
          expectNotLater(finishOf([grown, ...rest], need).seconds, before);
        }
      }),
    );
  });

  test('more tasks never make it earlier', () => {
    fc.assert(
      fc.property(sites, anyDemand, fc.integer({ min: 1, max: 1_000 }), (some, need, more) => {
        const later = finishOf(some, { ...need, tasks: need.tasks + more }).seconds;
        expectNotLater(finishOf(some, need).seconds, later);
      }),
    );
  });

  test('the work is never done faster than all CPUs can, nor a task than its slot', () => {
    fc.assert(
      fc.property(sites, anyDemand, (some, need) => {
        const { seconds } = finishOf(some, need);
        const cpuGhz = some.reduce((sum, each) => sum + each.cpuGhz, 0);
        expectNotLater((need.tasks * need.workGhzSeconds) / cpuGhz, seconds);
        const fastest = Math.max(...some.map((each) => each.slotGhz));
        expectNotLater(need.workGhzSeconds / fastest, seconds);
      }),
    );
  });
});
