// Lines that are slower in the evening: what the panel says of a day, when the scheduler hears of it,
// and a bound that stays one.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { defaultPolicy } from '../../../scheduler/core/index.ts';
import { boundOf } from '../../../sim/report/bound.ts';
import { siteUses } from '../../../sim/report/site-uses.ts';
import { Run } from '../../../sim/run/run.ts';
import { LineChanges, toldAfterMs } from '../../../sim/run/line-changes.ts';
import { simulate } from '../../../sim/run/simulate.ts';
import { Transfers, linkOf } from '../../../sim/run/transfers.ts';
import { readScenario } from '../../../sim/scenario/read.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';
import type { World } from '../../../sim/world/draw-world.ts';
import { Evenings } from '../../../sim/world/evenings.ts';

const hourMs = 3_600_000;
const scenario = 'test/fixtures/scenarios/tiny-evening.yaml';
const quiet = (): void => undefined;
const solve = await openHighs();

test('peak hours are from 20 to 22 h, whenever a run begins', () => {
  const time = fc.integer({ min: 0, max: 24 * hourMs - 1 });
  fc.assert(
    fc.property(time, fc.integer({ min: 0, max: 72 * hourMs }), (startsAt, nowMs) => {
      const evenings = new Evenings(startsAt);
      const hour = ((startsAt + nowMs) / hourMs) % 24;
      expect(evenings.isPeak(nowMs)).toBe(hour >= 20 && hour < 22);
      const next = evenings.nextChange(nowMs);
      expect(next).toBeGreaterThan(nowMs);
      expect(evenings.isPeak(next)).not.toBe(evenings.isPeak(nowMs));
      expect(evenings.isPeak(next - 1)).toBe(evenings.isPeak(nowMs));
    }),
  );
});

test.each([
  [18, 2, 0],
  [18, 4, 0.5],
  [21, 1, 1],
  [0, 48, 1 / 12],
])('of %i h on, for %i h, so much is peak: %f', (startsAt, hours, part) => {
  expect(new Evenings(startsAt * hourMs).peakPart(hours * hourMs)).toBeCloseTo(part, 12);
});

test('over a day a line gives what it gives in scenarios without evenings', () => {
  const flat = drawWorld(readScenario('six-class'), 1).sites;
  const { sites } = drawWorld(readScenario('evening'), 1);
  expect(sites).toHaveLength(flat.length);
  const parts = sites.map(({ downBps, peakBps, upBps }, site) => {
    const mean = flat[site]?.downBps ?? 0;
    expect((22 * downBps + 2 * peakBps) / 24 / mean).toBeCloseTo(1, 9);
    expect(upBps).toBe(flat[site]?.upBps);
    return peakBps / mean;
  });
  // Some lines of cable give less than half; half of all lines hardly less.
  expect(Math.min(...parts)).toBeGreaterThan(0.39);
  expect(Math.min(...parts)).toBeLessThan(0.7);
  expect(parts.sort((a, b) => a - b)[Math.floor(parts.length / 2)]).toBeCloseTo(0.99, 1);
});

/** One site whose line gives half in the evening, from 19 h on. */
function halved(): World {
  const world = drawWorld(readScenario(scenario), 1);
  const sites = world.sites.map((site) => ({ ...site, peakBps: site.downBps / 2 }));
  return { ...world, sites, evenings: new Evenings(19 * hourMs) };
}

test('the network has new rates at once, and the scheduler some minutes later', () => {
  const world = halved();
  const transfers = new Transfers(world);
  const calls: number[] = [];
  const changes = new LineChanges({ world, transfers, callAt: (atMs) => calls.push(atMs) });
  expect(changes.due(0)).toEqual([]);
  const bytes = (world.sites[0]?.downBps ?? 0) / 8 / 4;
  expect(calls).toEqual([0, hourMs, toldAfterMs]);
  expect(changes.due(toldAfterMs)[0]).toMatchObject({ downBps: world.sites[0]?.downBps });
  expect(changes.due(hourMs)).toEqual([]);
  expect(transfers.mostBytes(linkOf(0, 'down'), 3 * hourMs)).toBeCloseTo(2 * 3600 * bytes, 3);
  // Two seconds at half the rate.
  transfers.start(0, { lease: 1, direction: 'down', bytes }, hourMs);
  expect(transfers.nextAt).toBeCloseTo(hourMs + 2000, 6);
  const told = changes.due(hourMs + toldAfterMs);
  expect(told).toHaveLength(world.sites.length);
  expect(told[0]).toMatchObject({
    kind: 'setSite',
    siteId: 's0',
    downBps: world.sites[0]?.peakBps,
    share: null,
  });
});

test('the bound is one, and above that of lines that are never slower', async () => {
  const { summary, world, result } = await simulate(
    { scenario, policy: 'balance', seed: 2 },
    quiet,
  );
  expect(summary.makespanSeconds).toBeGreaterThan(1800);
  expect(summary.makespanOverBound).toBeGreaterThan(1);
  expect(summary.assumed.join()).toContain('slower from 20 to 22 h');
  for (const { downBytes, downRate } of siteUses(world, result)) {
    expect(downBytes).toBeLessThanOrEqual(downRate * summary.makespanSeconds * (1 + 1e-9));
  }
  const seldom = boundOf({ ...halved(), evenings: new Evenings(0) }, solve).seconds;
  const often = boundOf({ ...halved(), evenings: new Evenings(20 * hourMs) }, solve).seconds;
  const always = halved().sites.map((site) => ({ ...site, downBps: site.peakBps }));
  const most = boundOf({ ...halved(), sites: always, evenings: null }, solve).seconds;
  expect(often).toBeGreaterThan(1.01 * seldom);
  expect(most).toBeGreaterThanOrEqual(often * (1 - 1e-9));
});

test('a policy that never gives anything is caught, although lines change for ever', () => {
  const idle = { ...defaultPolicy, choice: { asks: 'slot', pick: () => null } } as const;
  const run = new Run(drawWorld(readScenario(scenario), 1), { policy: idle, solve });
  expect(() => {
    while (!run.advance(1_000));
  }).toThrow(/progress: nothing happens any more/);
});
