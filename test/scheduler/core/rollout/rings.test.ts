// Rings: small ones first, with one of each model and one at each site, and the same every time.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RingNode } from '../../../../scheduler/core/rollout/rings.ts';
import { ringsOf, seedOf } from '../../../../scheduler/core/rollout/rings.ts';

const node = (number: number, changes: Partial<RingNode> = {}): RingNode => ({
  ...{ number, model: 'Pi 3', siteNumber: 0, isHeard: true },
  ...changes,
});

test('of 100 alike nodes at one site 1, none, 4 and 20 come before the rest', () => {
  const rings = ringsOf(
    Array.from({ length: 100 }, (_, index) => node(index)),
    7,
  );
  expect(rings.map((ring) => ring.length)).toEqual([1, 0, 4, 20]);
});

test('the first ring has one of each model that is heard, the second a node of each other site', () => {
  const nodes = [
    ...[node(0, { model: 'Pi 1', isHeard: false }), node(1, { model: 'Pi 1' })],
    ...[node(2), node(3, { siteNumber: 1 }), node(4, { siteNumber: 2 })],
  ];
  const [models = [], sites = []] = ringsOf(nodes, 1);
  expect(models).toHaveLength(2);
  expect(models).toContain(1);
  const covered = [...models, ...sites].map((number) => nodes[number]?.siteNumber);
  expect(new Set(covered)).toEqual(new Set([0, 1, 2]));
});

test('another release begins with other nodes', () => {
  const nodes = Array.from({ length: 1_000 }, (_, index) => node(index));
  const firsts = ['1.0.0', '1.0.1', '1.1.0', '2.0.0'].map(
    (version) => ringsOf(nodes, seedOf(`agent ${version}`))[0],
  );
  expect(new Set(firsts.map(String)).size).toBe(4);
});

const anyNodes = fc
  .array(
    fc.record({
      ...{ model: fc.constantFrom('a', 'b', 'c'), siteNumber: fc.nat(5), isHeard: fc.boolean() },
    }),
    { maxLength: 60 },
  )
  .map((nodes) => nodes.map((each, number) => node(number, each)));

test('no node is in two rings, each model and each site has one before the parts, and order is of no account', () => {
  fc.assert(
    fc.property(anyNodes, fc.nat(), (nodes, seed) => {
      const rings = ringsOf(nodes, seed);
      const numbers = rings.flat();
      expect(new Set(numbers).size).toBe(numbers.length);
      const [models = [], sites = []] = rings;
      const early = [...models, ...sites].map((number) => nodes[number]);
      expect(new Set(early.map((each) => each?.model))).toEqual(
        new Set(nodes.map(({ model }) => model)),
      );
      expect(new Set(early.map((each) => each?.siteNumber))).toEqual(
        new Set(nodes.map(({ siteNumber }) => siteNumber)),
      );
      expect(ringsOf([...nodes].reverse(), seed).map((ring) => ring.toSorted())).toEqual(
        rings.map((ring) => ring.toSorted()),
      );
    }),
    { numRuns: 60 },
  );
});
