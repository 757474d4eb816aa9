// A release at one site by each way: bounds that are solved on paper, and what no way may do.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kindsOf, siteBound } from '../../../sim/distribution/bounds.ts';
import type { SiteShape } from '../../../sim/distribution/bounds.ts';
import { runRelease } from '../../../sim/distribution/run-release.ts';
import { Site } from '../../../sim/distribution/site.ts';
import { Traffic } from '../../../sim/distribution/traffic.ts';
import { ways } from '../../../sim/distribution/ways.ts';
import type { Way } from '../../../sim/distribution/ways.ts';

/** 16 chunks of 64 KiB. */
const shape: SiteShape = {
  ...{ kinds: kindsOf(8, 0), sizeBytes: 1024 * 1024, downBps: 1e6 },
  ...{ lanBps: 90e6, slowLanBps: 9e6, requestMs: 10 },
};
const bits = 8 * shape.sizeBytes;

function way(name: string): Way {
  const found = ways.get(name);
  if (found === undefined) throw new Error(`there is no way ${name}`);
  return found;
}

test.each([
  ['the uplink, and three doublings', {}, bits / 1e6 + 3 * (524_288 / 90e6 + 0.01)],
  ['a slow port', { kinds: kindsOf(8, 1), slowLanBps: 0.5e6 }, bits / 0.5e6],
  [
    'all ports together',
    { downBps: 1e9, lanBps: 1e6, requestMs: 0, kinds: kindsOf(2, 0) },
    bits / 1e6,
  ],
  ['the uplink alone', { kinds: kindsOf(1, 0) }, bits / 1e6],
])('the bound is that of %s', (_, changes, seconds) => {
  expect(siteBound({ ...shape, ...changes })).toBeCloseTo(seconds, 9);
});

describe('ways', () => {
  test('each for itself takes as many copies as there are nodes', () => {
    const { lastOverBound, uplinkOverSize } = runRelease(shape, way('each-for-itself'), 1);
    expect(uplinkOverSize).toBe(8);
    expect(lastOverBound * siteBound(shape)).toBeCloseTo((8 * bits) / 1e6 + 0.01, 6);
  });

  test('a cache takes the uplink once, then gives all others a part of its port', () => {
    const { lastOverBound, uplinkOverSize } = runRelease(shape, way('cache'), 1);
    expect(uplinkOverSize).toBe(1);
    const seconds = bits / 1e6 + 0.01 + (7 * bits) / 90e6 + 0.01;
    expect(lastOverBound * siteBound(shape)).toBeCloseTo(seconds, 6);
  });

  test('a chain ends as many steps after the uplink as it is long', () => {
    const { lastOverBound } = runRelease(shape, way('chain'), 1);
    const seconds = bits / 1e6 + 0.01 + 7 * (524_288 / 90e6 + 0.01);
    expect(lastOverBound * siteBound(shape)).toBeCloseTo(seconds, 6);
  });

  test('as we arrange it, each chunk takes the uplink once, with few messages', () => {
    const { lastOverBound, uplinkOverSize, controlOverSize, wastedOverSize } = runRelease(
      { ...shape, sizeBytes: 20e6, downBps: 10e6 },
      way('arranged'),
      1,
    );
    expect(uplinkOverSize).toBe(1);
    expect(wastedOverSize).toBe(0);
    expect(lastOverBound).toBeLessThan(1.1);
    expect(controlOverSize).toBeLessThan(0.005);
  });

  test('the same seed gives the same figures, another one another mesh', () => {
    const of = (seed: number) => runRelease({ ...shape, kinds: kindsOf(20, 0) }, way('mesh'), seed);
    expect(of(3)).toEqual(of(3));
    expect(of(4)).not.toEqual(of(3));
  });

  test('none is faster than the bound, takes less than one copy, or loses a byte', () => {
    const shapes = fc.record({
      kinds: fc.integer({ min: 1, max: 12 }).map((nodes) => kindsOf(nodes, 0)),
      sizeBytes: fc.integer({ min: 1, max: 600_000 }),
      downBps: fc.integer({ min: 100_000, max: 50_000_000 }),
      lanBps: fc.integer({ min: 1_000_000, max: 90_000_000 }),
      requestMs: fc.integer({ min: 0, max: 50 }),
    });
    const runs = fc.record({
      shape: shapes,
      name: fc.constantFrom(...ways.keys()),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(runs, ({ shape: drawn, name, seed }) => {
        const whole = { ...drawn, slowLanBps: 1e6 };
        // The run itself fails when a node lacks a chunk, or gives one that it has not.
        const figures = runRelease(whole, way(name), seed);
        const bound = siteBound(whole);
        const least = (8 * whole.sizeBytes) / whole.downBps;
        expect(figures.lastOverBound * bound).toBeGreaterThanOrEqual(least * (1 - 1e-9));
        expect(figures.uplinkOverSize).toBeGreaterThanOrEqual(1);
        if (name === 'arranged') expect(figures.uplinkOverSize).toBe(1);
      }),
      { numRuns: 60 },
    );
  });
});

test('who gives what it does not have, and a node that ends without a chunk, stop the run', () => {
  const traffic = new Traffic();
  new Site(traffic, shape).move({ from: 0, to: 1, first: 0, end: 1 });
  expect(() => traffic.run()).toThrow('node 0 gave chunk 0, which it does not have');
  const other = new Traffic();
  const short = new Site(other, shape);
  short.move({ from: null, to: 0, first: 0, end: 16 });
  other.run();
  expect(() => short.check()).toThrow('node 1 has 0 of 16 chunks at the end');
});
