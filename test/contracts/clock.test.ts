// The clocks that pass the contract, and what only one of them promises.

import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { SystemClock } from '../../scheduler/adapters/system-clock.ts';
import { instant } from '../../scheduler/core/index.ts';
import { VirtualClock } from '../../sim/kernel/virtual-clock.ts';
import { clockContract } from './clock.contract.ts';

clockContract('of the system', () => {
  const clock = new SystemClock();
  return {
    clock,
    pass: async (spanMs) => {
      const until = clock.now() + spanMs;
      while (clock.now() < until) await new Promise((resolve) => setTimeout(resolve, spanMs));
    },
  };
});

clockContract('of the simulator', () => {
  const clock = new VirtualClock(instant(1_800_000_000_000));
  return {
    clock,
    pass: (spanMs) => Promise.resolve(clock.advanceTo(instant(clock.now() + spanMs))),
  };
});

describe('the clock of the system', () => {
  it('goes on at its pace when the wall clock is set back an hour', async () => {
    const clock = new SystemClock();
    const before = clock.now();
    const wall = vi.spyOn(Date, 'now').mockReturnValue(before - 3_600_000);
    try {
      await new Promise<void>((resolve) => void clock.callAt(instant(before + 10), resolve));
      expect(clock.now()).toBeGreaterThanOrEqual(before + 10);
    } finally {
      wall.mockRestore();
    }
  });

  it('follows the wall clock when that is set ahead', () => {
    const clock = new SystemClock();
    const before = clock.now();
    const wall = vi.spyOn(Date, 'now').mockReturnValue(before + 3_600_000);
    expect(clock.now()).toBeGreaterThanOrEqual(before + 3_600_000);
    wall.mockRestore();
    expect(clock.now()).toBeGreaterThanOrEqual(before + 3_600_000);
  });
});

describe('the clock of the simulator', () => {
  it('runs what is due in order of time, then of asking, whatever is cancelled', () => {
    const calls = fc.array(
      fc.record({ at: fc.integer({ min: 0, max: 9 }), isCancelled: fc.boolean() }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(calls, (wanted) => {
        const clock = new VirtualClock(instant(0));
        const ran: number[] = [];
        const cancels = wanted.map(({ at }, order) =>
          clock.callAt(instant(at), () => ran.push(order)),
        );
        wanted.forEach(({ isCancelled }, order) => isCancelled && cancels[order]?.());
        while (clock.runNext());
        const expected = wanted
          .map((call, order) => ({ ...call, order }))
          .filter(({ isCancelled }) => !isCancelled)
          .toSorted((one, other) => one.at - other.at || one.order - other.order);
        expect(ran).toEqual(expected.map(({ order }) => order));
        expect(clock.nextAt).toBeUndefined();
      }),
    );
  });

  it('stops at the instant it was sent to', () => {
    const clock = new VirtualClock(instant(100));
    const ran: number[] = [];
    clock.callAt(instant(200), () => ran.push(clock.now()));
    clock.callAt(instant(201), () => ran.push(clock.now()));
    clock.advanceTo(instant(200));
    expect(ran).toEqual([200]);
    expect(clock.now()).toBe(200);
    clock.advanceTo(instant(150));
    expect(clock.now()).toBe(200);
    expect(clock.nextAt).toBe(201);
  });
});
