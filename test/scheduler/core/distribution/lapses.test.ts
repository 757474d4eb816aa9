// Who lets a lease for chunks lapse, and what that costs it.

import { expect, test } from 'vitest';
import { unfoundAfterMs, unspreadAfterMs } from '../../../../scheduler/core/distribution/limits.ts';
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

test('who has only members that nobody reaches beside it brings whole batches', () => {
  const site = new ExchangingSite(3, 64);
  site.tell(0, { room: 0 });
  site.tell(1, { port: 0 });
  site.leases();
  site.tell(2, { room: 16 });
  expect(site.leases()).toEqual([{ node: 2, chunks: range(8, 16) }]);
});

test('of what is brought again neither the first nor the second has credit', () => {
  const site = new ExchangingSite(3, 40);
  site.tell(0, { room: 8 });
  site.tell(0, { held: bits(range(0, 8), 40), room: 0 });
  site.harness.wait(unfoundAfterMs);
  site.tell(1, { unfound: bits(range(0, 4), 40), room: 4 });
  expect(site.bringing(0)).toEqual([1]);
  site.tell(2, { held: bits(range(0, 4), 40), room: 0 });
  const members = [...(site.exchange?.members.values() ?? [])];
  expect(members.map(({ passedOn }) => passedOn)).toEqual([0, 0, 0]);
});

/** The first has brought 0 to 7, of which another has one. */
function broughtByFirst(): ExchangingSite {
  const site = new ExchangingSite(4, 200);
  site.tell(0, { room: 8 });
  site.leases();
  site.tell(0, { held: bits(range(0, 8), 200), room: 0 });
  site.tell(2, { held: bits([0], 200), room: 0 });
  return site;
}

test("what others say that they find nowhere makes none of its carrier's other chunks doubtful", () => {
  const site = broughtByFirst();
  site.harness.wait(unspreadAfterMs);
  site.tell(3, { unfound: bits(range(0, 4), 200), room: 4 });
  expect(site.bringing(0)).toEqual([3]);
  const [first] = site.exchange?.members.values() ?? [];
  expect(first).toMatchObject({ lapses: 0, missed: 4 });
  site.tell(0, { held: bits(range(0, 8), 200), room: 4 });
  const more = site.leases().find(({ node }) => node === 0)?.chunks ?? [];
  site.tell(0, { held: bits([...range(0, 8), ...more], 200), room: 0 });
  site.harness.wait(unfoundAfterMs);
  site.tell(3, { held: bits(range(0, 4), 200), unfound: bits(more, 200) });
  expect(more.length).toBeGreaterThan(0);
  expect(more.flatMap((at) => site.bringing(at))).toEqual([]);
});

test('a lease that lapsed makes what its node brought doubtful until it has rested', () => {
  const site = broughtByFirst();
  site.tell(0, { held: bits(range(0, 8), 200), room: 4 });
  site.leases();
  site.harness.wait(60_000);
  const [first] = site.exchange?.members.values() ?? [];
  expect(first).toMatchObject({ lapses: 1 });
  expect(first?.restsUntil).toBeGreaterThan(site.harness.nowMs);
  site.tell(2, { held: bits([0, 1], 200), room: 0 });
  expect(first).toMatchObject({ lapses: 0 });
});
