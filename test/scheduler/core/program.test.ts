// The plan's linear program and the bounds of whole tasks: what is found is feasible, and no schedule
// that is drawn beats it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import type { Demand, Supply } from '../../../scheduler/core/index.ts';
import {
  aloneSeconds,
  easedProgramOf,
  programOf,
  sharesOf,
  wholeTaskSeconds,
} from '../../../scheduler/core/index.ts';

const solve = await openHighs();

const supply = fc.record({
  cpuGhz: fc.double({ min: 0.4, max: 200, noNaN: true }),
  downBps: fc.double({ min: 1e5, max: 1e8, noNaN: true }),
  upBps: fc.double({ min: 1e5, max: 1e8, noNaN: true }),
  workGhzSeconds: fc.constantFrom(0, 500),
  downBits: fc.constantFrom(0, 1e7),
  upBits: fc.constantFrom(0, 1e6),
});

const demand = fc.record({
  tasks: fc.integer({ min: 1, max: 500 }),
  workGhzSeconds: fc.double({ min: 1, max: 300, noNaN: true }),
  downBits: fc.constantFrom(0, 1e5, 1e8),
  upBits: fc.constantFrom(0, 1e4, 1e7),
});

const problem = fc.record({
  supplies: fc.array(supply, { minLength: 1, maxLength: 6 }),
  demands: fc.array(demand, { minLength: 1, maxLength: 5 }),
  /** Which supply takes the next task, over and over: any schedule. */
  order: fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
});

function everywhere(each: Omit<Demand, 'fits' | 'sharedBits'>): Demand {
  return { ...each, fits: null, sharedBits: null };
}

/** Seconds that a supply needs for these tasks beside what it has in hand. */
function secondsOf(at: Supply, demands: readonly Demand[], tasks: readonly number[]): number {
  const sum = (of: (demand: Demand) => number): number =>
    demands.reduce((total, each, index) => total + of(each) * (tasks[index] ?? 0), 0);
  return Math.max(
    (at.workGhzSeconds + sum((each) => each.workGhzSeconds)) / at.cpuGhz,
    (at.downBits + sum((each) => each.downBits)) / at.downBps,
    (at.upBits + sum((each) => each.upBits)) / at.upBps,
  );
}

function solved(supplies: readonly Supply[], demands: readonly Demand[]) {
  const size = { supplies: supplies.length, demands: demands.length };
  return sharesOf(solve(programOf(supplies, demands)), size);
}

describe('the linear program', () => {
  it('places all tasks, and nobody needs longer than it says', () => {
    fc.assert(
      fc.property(problem, ({ supplies, demands }) => {
        const all = demands.map(everywhere);
        const { seconds, tasks } = solved(supplies, all);
        for (const [k, { tasks: wanted }] of all.entries()) {
          const placed = (tasks[k] ?? []).reduce((sum, each) => sum + each, 0);
          expect(placed).toBeCloseTo(wanted, 4);
        }
        for (const [s, at] of supplies.entries()) {
          const here = tasks.map((row) => row[s] ?? 0);
          expect(Math.min(...here)).toBeGreaterThanOrEqual(-1e-6);
          expect(secondsOf(at, all, here)).toBeLessThanOrEqual(seconds * (1 + 1e-6) + 1e-4);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is quicker than any schedule', () => {
    fc.assert(
      fc.property(problem, ({ supplies, demands, order }) => {
        const all = demands.map(everywhere);
        const given = supplies.map(() => all.map(() => 0));
        let turn = 0;
        for (const [k, { tasks }] of all.entries()) {
          for (let task = 0; task < tasks; task += 1) {
            const row = given[(order[turn % order.length] ?? 0) % supplies.length];
            if (row !== undefined) row[k] = (row[k] ?? 0) + 1;
            turn += 1;
          }
        }
        const took = Math.max(...supplies.map((at, s) => secondsOf(at, all, given[s] ?? [])));
        expect(solved(supplies, all).seconds).toBeLessThanOrEqual(took * (1 + 1e-6));
      }),
      { numRuns: 60 },
    );
  });

  it('gives nothing to who does not fit, and no more than a part that fits can do', () => {
    const idle = { workGhzSeconds: 0, downBits: 0, upBits: 0 };
    const site = { cpuGhz: 10, downBps: 1e6, upBps: 1e6, ...idle };
    const task = { tasks: 100, workGhzSeconds: 10, downBits: 0, upBits: 0, sharedBits: null };
    const none = solved([site, site], [{ ...task, fits: [0, 1] }]);
    expect(none.tasks[0]).toEqual([0, 100]);
    expect(none.seconds).toBeCloseTo(100);
    const part = solved([site, site], [{ ...task, fits: [0.25, 1] }]);
    expect(part.tasks[0]?.[0]).toBeCloseTo(20);
  });

  it('sends what needs bytes where the line is, and what needs none elsewhere', () => {
    const idle = { workGhzSeconds: 0, downBits: 0, upBits: 0 };
    const thin = { cpuGhz: 10, downBps: 1e5, upBps: 1e5, ...idle };
    const fat = { cpuGhz: 10, downBps: 1e8, upBps: 1e8, ...idle };
    const data = everywhere({ tasks: 100, workGhzSeconds: 10, downBits: 1e7, upBits: 0 });
    const cpu = everywhere({ tasks: 100, workGhzSeconds: 10, downBits: 0, upBits: 0 });
    const { tasks, seconds } = solved([thin, fat], [data, cpu]);
    expect(tasks[0]?.[0]).toBeLessThan(2);
    expect(tasks[1]?.[0]).toBeGreaterThan(98);
    expect(seconds).toBeCloseTo(100, 0);
  });
});

describe('the program of the plan', () => {
  function eased(supplies: readonly Supply[], demands: readonly Demand[]) {
    const size = { supplies: supplies.length, demands: demands.length };
    return sharesOf(solve(easedProgramOf(supplies, demands)), size);
  }

  it('takes next to no time more, and places all tasks', () => {
    fc.assert(
      fc.property(problem, ({ supplies, demands }) => {
        const all = demands.map(everywhere);
        const { seconds, tasks } = eased(supplies, all);
        const least = solved(supplies, all).seconds;
        expect(seconds).toBeGreaterThanOrEqual(least * (1 - 1e-6));
        expect(seconds).toBeLessThanOrEqual(least * 1.003 + 1e-4);
        for (const [k, { tasks: wanted }] of all.entries()) {
          const placed = (tasks[k] ?? []).reduce((sum, each) => sum + each, 0);
          expect(placed).toBeCloseTo(wanted, 4);
        }
        for (const [s, at] of supplies.entries()) {
          const here = tasks.map((row) => row[s] ?? 0);
          expect(secondsOf(at, all, here)).toBeLessThanOrEqual(seconds * (1 + 1e-6) + 1e-4);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('fills no line to the last bit where others have room', () => {
    const idle = { workGhzSeconds: 0, downBits: 0, upBits: 0 };
    const site = { cpuGhz: 10, downBps: 1e6, upBps: 1e6, ...idle };
    // All CPUs are busy for 200 s; the bytes need half of that of three lines.
    const data = everywhere({ tasks: 30, workGhzSeconds: 100, downBits: 1e7, upBits: 0 });
    const cpu = everywhere({ tasks: 30, workGhzSeconds: 100, downBits: 0, upBits: 0 });
    const { seconds, tasks } = eased([site, site, site], [data, cpu]);
    expect(seconds).toBeCloseTo(200, 3);
    for (const here of tasks[0] ?? []) expect(here * 10).toBeLessThanOrEqual(0.7 * seconds + 1e-3);
  });
});

describe('the program at the end of jobs', () => {
  it('gives no part of a task to slots that are too slow for one, if others can do it', () => {
    const idle = { workGhzSeconds: 0, downBits: 0, upBits: 0 };
    const lines = { downBps: 1e8, upBps: 1e8, ...idle };
    const slow = { cpuGhz: 0.4, ...lines };
    const fast = { cpuGhz: 4.8, ...lines };
    const task = everywhere({ tasks: 4, workGhzSeconds: 1_200, downBits: 0, upBits: 0 });
    const size = { supplies: 2, demands: 1 };
    const given = (wholeWork: readonly number[] | null) =>
      sharesOf(solve(easedProgramOf([slow, fast], [task], wholeWork)), size).tasks[0];
    expect(given(null)?.[0]).toBeCloseTo(4 / 13);
    expect(given([0, 4_800])?.[0]).toBeCloseTo(0);
    // More than all can do in whole tasks: where it takes the least.
    expect(given([0, 1_200])?.[0]).toBeCloseTo(0);
  });
});

describe('whole tasks', () => {
  it.each([
    [[{ slots: 1, speedGhz: 1 }], 3, 10, 30],
    [[{ slots: 2, speedGhz: 1 }], 3, 10, 20],
    [
      [
        { slots: 1, speedGhz: 1 },
        { slots: 1, speedGhz: 0.1 },
      ],
      2,
      10,
      20,
    ],
    [[{ slots: 0, speedGhz: 1 }], 1, 10, Number.POSITIVE_INFINITY],
    [[{ slots: 4, speedGhz: 1 }], 0, 10, 0],
  ])('on %j: %i tasks of %d GHz·s take %d s', (kinds, tasks, workGhzSeconds, seconds) => {
    expect(wholeTaskSeconds(kinds, { tasks, workGhzSeconds })).toBeCloseTo(seconds, 5);
  });

  it('are no quicker than the greedy schedule, which is the best for equal tasks', () => {
    const kinds = fc.array(
      fc.record({
        slots: fc.integer({ min: 1, max: 3 }),
        speedGhz: fc.constantFrom(0.4, 0.76, 1.2),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(kinds, fc.integer({ min: 1, max: 40 }), (drawn, tasks) => {
        const speeds = drawn.flatMap(({ slots, speedGhz }) =>
          new Array<number>(slots).fill(speedGhz),
        );
        const ends = speeds.map(() => 0);
        for (let task = 0; task < tasks; task += 1) {
          const next = ends.map((end, slot) => end + 10 / (speeds[slot] ?? 1));
          const least = next.indexOf(Math.min(...next));
          ends[least] = next[least] ?? 0;
        }
        const found = wholeTaskSeconds(drawn, { tasks, workGhzSeconds: 10 });
        expect(found).toBeCloseTo(Math.max(...ends), 4);
      }),
      { numRuns: 200 },
    );
  });

  it('alone are as quick as the best site lets them be', () => {
    const sites = [
      { downBps: 1e6, upBps: 1e6, fastestGhz: 1 },
      { downBps: 1e5, upBps: 1e6, fastestGhz: 2 },
    ];
    expect(aloneSeconds(sites, { workGhzSeconds: 10, downBits: 0, upBits: 0 })).toBe(5);
    expect(aloneSeconds(sites, { workGhzSeconds: 10, downBits: 1e6, upBits: 1e6 })).toBe(12);
  });
});
