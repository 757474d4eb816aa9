// Who lets a lease for chunks lapse, and what that costs it.

import { expect, test } from 'vitest';
import { ExchangingSite, bits } from './site.ts';

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);

test('who finds chunks nowhere and does not bring them holds the line ever more seldom', () => {
  const site = new ExchangingSite(3, 40);
  site.tell(0, { isWhole: true, room: 0 });
  let held = 0;
  for (let second = 0; second < 600; second += 1) {
    site.harness.wait(1_000);
    for (const node of [1, 2]) site.tell(node, { unfound: bits(range(0, 40), 40) });
    held += site.harness.state.sites[0]?.lanes.down.batches.size ?? 0;
  }
  expect(held).toBeGreaterThan(0);
  expect(held / (2 * 600)).toBeLessThan(0.15);
});

test('who let a lease lapse brings what nobody holds only while nobody else would', () => {
  const site = new ExchangingSite(2, 40);
  site.tell(0);
  site.harness.wait(60_000);
  site.tell(1);
  site.leases();
  site.tell(0);
  expect(site.leases()).toEqual([]);
  site.tell(1, { hasLeft: true });
  expect(site.leases().map(({ node }) => node)).toEqual([0]);
});
