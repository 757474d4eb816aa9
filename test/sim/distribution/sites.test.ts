// Sites that take a release from one origin, some of whose nodes die, lie or are slow.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrange } from '../../../sim/distribution/arranged-sites.ts';
import { kindsOf, originBound } from '../../../sim/distribution/bounds.ts';
import type { NodeKind, SiteShape } from '../../../sim/distribution/bounds.ts';
import { Site } from '../../../sim/distribution/site.ts';
import { Traffic } from '../../../sim/distribution/traffic.ts';
import { drawsFor } from '../../../sim/kernel/random.ts';

/** 8 chunks of 64 KiB. */
const shape: SiteShape = {
  ...{ kinds: kindsOf(5, 0), sizeBytes: 512 * 1024, downBps: 1e6 },
  ...{ lanBps: 90e6, slowLanBps: 2e6, requestMs: 10 },
};

function bring(shapes: readonly SiteShape[], originBps: number, seed = 1): readonly Site[] {
  const traffic = new Traffic();
  const origin = traffic.addLine(originBps);
  const sites = shapes.map((each) => new Site(traffic, each, origin));
  arrange({ traffic, sites, seed, originBps, draw: drawsFor('releases', seed) });
  traffic.run();
  for (const site of sites) site.check();
  return sites;
}

const lastOf = ({ wholeAt }: Site): number => Math.max(...wholeAt);

test.each([
  ['a fast origin: each site as if it were alone', 1e9, (512 * 1024 * 8) / 1e6],
  ['an origin of the rate of one site: one after another, or all beside each other', 1e6, 12.6],
])('%s', (_, originBps, seconds) => {
  const sites = bring([shape, shape, shape], originBps);
  const last = Math.max(...sites.map(lastOf));
  expect(last).toBeGreaterThan(seconds);
  expect(last).toBeLessThan(1.2 * seconds + 1);
  expect(sites.map(({ uplinkBytes }) => uplinkBytes)).toEqual([524_288, 524_288, 524_288]);
});

test('sites whose fast lines wait for a slow origin take each chunk once', () => {
  const fast = { ...shape, sizeBytes: 2 * 1024 * 1024, downBps: 20e6 };
  const sites = bring([fast, fast], 0.8e6);
  expect(sites.map(({ uplinkBytes }) => uplinkBytes)).toEqual([2_097_152, 2_097_152]);
});

test('the bound is that of the slowest site, or of the origin', () => {
  expect(originBound([shape, shape], 1e6)).toBeCloseTo((2 * 8 * 524_288) / 1e6, 6);
  expect(originBound([shape, { ...shape, downBps: 1e9 }], 1e9)).toBe(originBound([shape], 1e9));
});

test('the same seed gives the same times', () => {
  const two = [shape, { ...shape, kinds: [...kindsOf(3, 1), 'dies' as const] }];
  const times = () => bring(two, 1.5e6).map(({ wholeAt }) => wholeAt);
  expect(times()).toEqual(times());
});

test('wrong bytes are taken elsewhere, and the dead are waited for no longer than the living', () => {
  const [site] = bring([{ ...shape, kinds: [...kindsOf(4, 0), 'flips', 'dies'] }], 1e9);
  expect(site?.wastedBytes).toBeGreaterThan(0);
  expect(site?.wholeAt).toHaveLength(4);
});

test.each([
  ['wrong bytes', ['flips', 'flips', 'slow', 'slow', 'dies', 'dies'], 1.15, 1.1],
  ['nothing, of all that they claim', ['claims', 'claims', 'slow', 'slow', 'dies'], 1.35, 1.02],
] as const)('two of twenty give %s, others are slow or die: the line is not idle', (...row) => {
  const [, bad, time, bytes] = row;
  // The first that ask are the first to be given chunks.
  const kinds = [...bad, ...kindsOf(20 - bad.length, 0)];
  const school = { ...shape, kinds, sizeBytes: 50e6, downBps: 10e6, slowLanBps: 30e6 };
  const [site] = bring([school], 1e9);
  if (site === undefined) throw new Error('no site');
  expect(lastOf(site)).toBeLessThan(time * originBound([school], 1e9));
  expect(site.uplinkBytes).toBeLessThan(bytes * school.sizeBytes);
});

test('whatever some nodes are, all others end whole, and no byte is lost', () => {
  const bad = fc.constantFrom<NodeKind>('slow', 'dies', 'flips', 'claims');
  const sites = fc.record({
    kinds: fc.array(bad, { maxLength: 3 }).map((kinds) => [...kindsOf(4, 0), ...kinds]),
    downBps: fc.integer({ min: 500_000, max: 20_000_000 }),
  });
  const runs = fc.record({
    drawn: fc.array(sites, { minLength: 1, maxLength: 3 }),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(runs, ({ drawn, seed }) => {
      const shapes = drawn.map((each) => ({ ...shape, ...each }));
      const done = bring(shapes, 3e6, seed);
      const least = originBound(shapes, 3e6) * (1 - 1e-9);
      expect(Math.max(...done.map(lastOf))).toBeGreaterThanOrEqual(least);
      for (const { uplinkBytes } of done) expect(uplinkBytes).toBeGreaterThanOrEqual(524_288);
    }),
    { numRuns: 15 },
  );
});
