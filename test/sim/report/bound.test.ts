// The bound of a world that is looked at by its best lines only is that of all of them.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { availableBoundOf, boundOf } from '../../../sim/report/bound.ts';
import { firstProgramSeconds } from '../../../sim/report/first-programs.ts';
import { Availability } from '../../../sim/run/availability.ts';
import { readScenario } from '../../../sim/scenario/read.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';
import type { World } from '../../../sim/world/draw-world.ts';

const solve = await openHighs();
const drawn = drawWorld(readScenario('test/fixtures/scenarios/tiny.yaml'), 1);
const [anyNode] = drawn.nodes;
const [anyJob] = drawn.jobs;

const few = fc.constantFrom(1, 2, 3, 5, 8);
const site = fc.record({ downBps: few, upBps: few, speedGhz: few });
const task = fc.record({ work: few, down: few, up: few });

/** One node a site, and one task that comes so late that nothing else counts. */
function worldOf(sites: readonly { downBps: number; upBps: number; speedGhz: number }[]): World {
  if (anyNode === undefined) throw new Error('the tiny world has no node');
  return {
    ...drawn,
    sites: sites.map(({ downBps, upBps }) => ({
      downBps: 1e6 * downBps,
      upBps: 1e6 * upBps,
      peakBps: 1e6 * downBps,
      share: 0.5,
      nodes: 1,
    })),
    nodes: sites.map(({ speedGhz }, place) => ({ ...anyNode, site: place, speedGhz })),
    jobs: [],
  };
}

test('one late task takes as long as at its best site', () => {
  fc.assert(
    fc.property(fc.array(site, { minLength: 1, maxLength: 12 }), task, (sites, need) => {
      if (anyJob === undefined) throw new Error('the tiny world has no job');
      const { work, down, up } = need;
      const bytes = { inputBytes: 1e5 * down, outputBytes: 1e5 * up, bundleBytes: 0 };
      const late = { ...anyJob, tasks: 1, submitMs: 1e6, workGhzSeconds: work, ...bytes };
      const bound = boundOf({ ...worldOf(sites), jobs: [late] }, solve);
      const times = sites.map(
        ({ downBps, upBps, speedGhz }) =>
          (0.8 * down) / (0.5 * downBps) + work / speedGhz + (0.8 * up) / (0.5 * upBps),
      );
      expect(bound.seconds).toBeCloseTo(1000 + Math.min(...times), 6);
    }),
  );
});

test.each([
  ['once for all of a site', [[1, 3]], 1e6, (14 + 4 * 1) / 4],
  ['each site by its own line', [[1], [3]], 1e6, (14 + 1 * 1 + 3 * 1) / 4],
  ['nothing without programs', [[1, 3]], 0, 0],
] as const)('nodes start when they have a program: %s', (_, sites, bundleBytes, seconds) => {
  if (anyJob === undefined || anyNode === undefined) throw new Error('the tiny world is empty');
  const [home] = worldOf([{ downBps: 16, upBps: 1, speedGhz: 1 }]).sites;
  if (home === undefined) throw new Error('there is no site');
  const model = { ...anyNode.model, slots: 1 };
  const nodes = sites.flatMap((speeds, site) =>
    speeds.map((speedGhz) => ({ ...anyNode, site, model, speedGhz })),
  );
  const jobs = [{ ...anyJob, tasks: 7, workGhzSeconds: 2, bundleBytes }];
  const world = { ...drawn, sites: sites.map(() => home), nodes, jobs };
  expect(firstProgramSeconds(world, (site) => site.downBps)).toBeCloseTo(seconds, 9);
});

test.each([
  ['100 tasks, whose program comes in parts', 100, 0, (80 + 64) / 16],
  ['one late task, which waits for all of it', 1, 1000, 1 + (64 + 0.8) / 8],
] as const)('lines carry a program once: %s', (_, tasks, submitMs, seconds) => {
  if (anyJob === undefined) throw new Error('the tiny world has no job');
  const line = { downBps: 16, upBps: 16, speedGhz: 1 };
  const bytes = { inputBytes: 1e5, outputBytes: 0, bundleBytes: 8e6 };
  const jobs = [{ ...anyJob, tasks, submitMs, workGhzSeconds: 1e-6, ...bytes }];
  const bound = boundOf({ ...worldOf([line, line]), jobs }, solve);
  expect(bound.seconds).toBeCloseTo(seconds, 5);
});

test.each([3, 600])(
  'inputs that were born at a site cross no line there: %i jobs of different work',
  (count) => {
    if (anyJob === undefined) throw new Error('the tiny world has no job');
    const one = {
      ...anyJob,
      submitMs: 0,
      inputBytes: 1e6,
      outputBytes: 0,
      bundleBytes: 0,
      home: 0,
    };
    const jobs = Array.from({ length: count }, (_, at) => ({
      ...one,
      tasks: 1,
      workGhzSeconds: 0.001 * (1 + at / count),
    }));
    const bound = boundOf({ ...worldOf([{ downBps: 1, upBps: 1, speedGhz: 1 }]), jobs }, solve);
    // One alone would need 16 s to come.
    expect(bound.seconds).toBeLessThan(1);
  },
);

// Two sites of one slot of 1 GHz each, and 100 tasks of 2 GHz·s: 100 s when both are on all the time.
test.each([
  ['one is never on', [], 200],
  ['one is switched on later', [[60, true]], 130],
  [
    'one is off in between',
    [
      [0, true],
      [50, false],
      [90, true],
    ],
    120,
  ],
  [
    'one is off after the end',
    [
      [0, true],
      [500, false],
    ],
    100,
  ],
] as const)('what is off does nothing: %s', (_, changes, seconds) => {
  if (anyJob === undefined) throw new Error('the tiny world has no job');
  const line = { downBps: 16, upBps: 16, speedGhz: 1 };
  const { nodes, ...rest } = worldOf([line, line]);
  const one = { slots: 1 };
  const slots = nodes.map((node) => ({ ...node, model: { ...node.model, ...one } }));
  const bytes = { inputBytes: 0, outputBytes: 0, bundleBytes: 0 };
  const jobs = [{ ...anyJob, tasks: 100, submitMs: 0, workGhzSeconds: 2, ...bytes }];
  const world = { ...rest, nodes: slots, jobs };
  const availability = new Availability(world);
  availability.changed(0, true, 0);
  for (const [at, isUp] of changes) availability.changed(1, isUp, 1000 * at);
  const run = { availability, makespanMs: 1e6, bound: boundOf(world, solve) };
  const found = availableBoundOf(world, run, solve) ?? Number.NaN;
  expect(found).toBeGreaterThan(0.999 * seconds);
  expect(found).toBeLessThanOrEqual(seconds * (1 + 1e-6));
});
