// The queue of events gives them back in order, and the streams of random numbers stand apart.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventQueue } from '../../../sim/kernel/event-queue.ts';
import { boundedPareto, drawsFor } from '../../../sim/kernel/random.ts';

test('events come by their time, and those of one instant as they were put in', () => {
  const action = fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 20 }));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 3_000 }), (actions) => {
      const queue = new EventQueue();
      let waiting: { readonly at: number; readonly event: number }[] = [];
      for (const [event, at] of actions.entries()) {
        if (at !== null) {
          queue.push(at, event);
          waiting.push({ at, event });
        } else if (waiting.length > 0) {
          waiting.sort((a, b) => a.at - b.at || a.event - b.event);
          expect(queue.nextAt).toBe(waiting[0]?.at);
          expect(queue.pop()).toBe(waiting[0]?.event);
          waiting = waiting.slice(1);
        }
      }
      while (waiting.length > 0) {
        waiting.sort((a, b) => a.at - b.at || a.event - b.event);
        expect(queue.pop()).toBe(waiting.shift()?.event);
      }
      expect(queue.nextAt).toBe(Infinity);
    }),
  );
});

test('each purpose has numbers of its own, and each seed', () => {
  const first = (purpose: Parameters<typeof drawsFor>[0], seed: number): number =>
    drawsFor(purpose, seed)();
  const all = [first('sites', 1), first('uplinks', 1), first('boards', 1), first('sites', 2)];
  expect(new Set(all).size).toBe(4);
  expect(first('jobs', 9)).toBe(first('jobs', 9));
});

test('Pareto sizes stay within their cuts and have its mean', () => {
  const draw = drawsFor('sites', 4);
  const sizes = Array.from({ length: 50_000 }, () =>
    boundedPareto(draw, { from: 1, to: 100, exponent: 1 }),
  );
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
  // ln(100) / (1 - 1/100) for exponent 1.
  expect(sizes.reduce((sum, size) => sum + size, 0) / sizes.length).toBeCloseTo(4.65, 0);
});
