// What every clock promises.

import { describe, expect, it } from 'vitest';
import { instant } from '../../scheduler/core/index.ts';
import type { Clock } from '../../scheduler/ports.ts';

export interface ClockRig {
  readonly clock: Clock;
  /** Resolves when at least this much time has passed, and all that was due has been called. */
  readonly pass: (spanMs: number) => Promise<void>;
}

export function clockContract(name: string, makeRig: () => ClockRig): void {
  describe(`the clock ${name}`, () => {
    for (const [promise, check] of Object.entries(promises)) it(promise, () => check(makeRig()));
  });
}

const promises: Readonly<Record<string, (rig: ClockRig) => Promise<void>>> = {
  'goes on and never goes back': async ({ clock, pass }) => {
    let latest = clock.now();
    const start = latest;
    for (let look = 0; look < 5; look += 1) {
      await pass(2);
      expect(clock.now()).toBeGreaterThanOrEqual(latest);
      latest = clock.now();
    }
    expect(latest).toBeGreaterThanOrEqual(start + 8);
  },

  'calls back once, at the instant or after it': async ({ clock, pass }) => {
    const calls: number[] = [];
    const at = instant(clock.now() + 20);
    clock.callAt(at, () => calls.push(clock.now()));
    expect(calls).toEqual([]);
    await pass(60);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toBeGreaterThanOrEqual(at);
  },

  'calls back soon, but never at once, for an instant that is over': async ({ clock, pass }) => {
    let calls = 0;
    clock.callAt(instant(clock.now() - 1_000), () => (calls += 1));
    expect(calls).toBe(0);
    await pass(20);
    expect(calls).toBe(1);
  },

  'calls back in the order of the instants': async ({ clock, pass }) => {
    const calls: string[] = [];
    const start = clock.now();
    clock.callAt(instant(start + 30), () => calls.push('later'));
    clock.callAt(instant(start + 10), () => calls.push('sooner'));
    await pass(90);
    expect(calls).toEqual(['sooner', 'later']);
  },

  'does not call what was cancelled, and cancels only that': async ({ clock, pass }) => {
    const calls: string[] = [];
    const at = instant(clock.now() + 10);
    const cancel = clock.callAt(at, () => calls.push('cancelled'));
    clock.callAt(at, () => calls.push('kept'));
    cancel();
    cancel();
    await pass(40);
    expect(calls).toEqual(['kept']);
    cancel();
  },

  'calls what a call asked for': async ({ clock, pass }) => {
    const calls: number[] = [];
    const again = (): void => {
      calls.push(clock.now());
      if (calls.length < 3) clock.callAt(instant(clock.now() + 5), again);
    };
    clock.callAt(instant(clock.now() + 5), again);
    await pass(100);
    expect(calls).toHaveLength(3);
    expect(calls).toEqual(calls.toSorted((one, other) => one - other));
  },

  'waits for an instant that is farther than a timer reaches': async ({ clock, pass }) => {
    let calls = 0;
    const cancel = clock.callAt(instant(clock.now() + 2 ** 31 + 1_000), () => (calls += 1));
    await pass(20);
    cancel();
    expect(calls).toBe(0);
  },
};
