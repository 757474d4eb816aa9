// Boards that are slower at times: what runs there ends when all of it was computed, neither sooner nor
// later, and everything ends.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { defaultPolicy } from '../../../scheduler/core/index.ts';
import { EventQueue } from '../../../sim/kernel/event-queue.ts';
import { Paces } from '../../../sim/run/paces.ts';
import { Run } from '../../../sim/run/run.ts';
import { simulate } from '../../../sim/run/simulate.ts';
import { readScenario } from '../../../sim/scenario/read.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';

const scenario = 'test/fixtures/scenarios/tiny-throttling.yaml';
const world = drawWorld(readScenario(scenario), 1);
const solve = await openHighs();
const quiet = (): void => undefined;

/** When a task of that length ended, by looking each time that somebody asked to be called. */
function endOf(ms: number, startMs: number, seed: number): { atMs: number; slowMs: number } {
  const queue = new EventQueue();
  const throttling = { every: 10_000, lasts: 7_000, speed: 0.25, part: 1, nodes: [0] };
  const paces = new Paces({
    world: { ...world, seed, throttling },
    callAt: (atMs, call) => queue.push(atMs, 2 * call),
    endsAt: (atMs, lease) => queue.push(atMs, 2 * lease + 1),
  });
  queue.push(startMs, 0);
  let [slowMs, slowSince] = [0, -1];
  for (let calls = 0; ;) {
    const atMs = queue.nextAt;
    const event = queue.pop();
    if (event === 0) paces.started(7, { node: 0, ms, now: atMs });
    else if (event % 2 === 0) {
      paces.due(event / 2, atMs);
      // The first call makes it slow, the next one fast again.
      if (calls % 2 === 0) slowSince = atMs;
      else slowMs += Math.max(0, atMs - Math.max(startMs, slowSince));
      calls += 1;
      if (calls % 2 === 0) slowSince = -1;
    } else if (paces.hasEnded(7, 0, atMs)) {
      if (slowSince >= 0) slowMs += atMs - Math.max(startMs, slowSince);
      return { atMs, slowMs };
    }
  }
}

test('a task ends when all of it was computed', () => {
  const span = fc.integer({ min: 1, max: 100_000 });
  fc.assert(
    fc.property(span, span, fc.integer({ min: 1, max: 1_000 }), (ms, startMs, seed) => {
      const { atMs, slowMs } = endOf(ms, startMs, seed);
      const fastMs = atMs - startMs - slowMs;
      expect(fastMs + 0.25 * slowMs).toBeCloseTo(ms, 3);
    }),
  );
});

test('so many boards as the scenario says are slower at times', () => {
  const { federation, ...others } = readScenario('two-class');
  const throttling = { part: 0.2, every: 1, lasts: 1, speed: 0.5 };
  const drawn = drawWorld({ ...others, federation: { ...federation, throttling } }, 1);
  expect((drawn.throttling?.nodes.length ?? 0) / 1_000).toBeCloseTo(0.2, 1);
});

test.each(['balance', 'ratio'])('%s: everything ends, later than at full speed', async (policy) => {
  const { summary } = await simulate({ scenario, policy, seed: 1 }, quiet);
  expect(summary.tasks).toBe(200);
  expect(summary.assumed.join()).toContain('slower at times');
  const run = new Run({ ...world, throttling: null }, { policy: defaultPolicy, solve });
  while (!run.advance(1_000));
  expect(1_000 * summary.makespanSeconds).toBeGreaterThan(1.1 * run.result().makespanMs);
  expect((await simulate({ scenario, policy, seed: 1 }, quiet)).summary).toEqual(summary);
});
