// A scheduler that has started anew in the middle of an exchange: nodes tell what they bring, and it is not leased again.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256, transfersAtATime } from '../../../../scheduler/core/index.ts';
import {
  batchLeast,
  batchesOfNode,
  resumesWithinMs,
} from '../../../../scheduler/core/distribution/limits.ts';
import { ExchangingSite, bits } from './site.ts';

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);

test('what nodes bring already is theirs, though others ask before they are heard', () => {
  const site = new ExchangingSite(4, 64);
  const held = bits(range(0, 8), 64);
  site.tell(3, { held });
  expect(site.leases(), 'others may be bringing some').toEqual([]);
  site.tell(0, { held, bringing: bits(range(8, 16), 64), room: 0 });
  site.tell(1, { held, bringing: bits([16, 17, 20], 64), room: 0 });
  expect([8, 15, 17, 20].map((at) => site.bringing(at))).toEqual([[0], [0], [1], [1]]);
  site.harness.wait(resumesWithinMs);
  site.tell(0, { held: bits(range(0, 16), 64), room: 16 });
  const leased = site.leases().flatMap(({ chunks }) => chunks);
  expect(leased.length).toBeGreaterThan(0);
  expect(leased.filter((at) => at < 18 || at === 20)).toEqual([]);
});

test('an exchange that begins is not taken for one that goes on', () => {
  const site = new ExchangingSite(3, 64);
  site.tell(0, { room: 8 });
  const [first] = site.leases();
  site.harness.wait(1_000);
  site.tell(0, { held: bits([0], 64), bringing: bits(first?.chunks.slice(1) ?? [], 64), room: 0 });
  site.tell(1);
  expect(site.leases().map(({ node }) => node)).toEqual([1]);
});

test.each([
  ['after the first seconds', resumesWithinMs + 1_000, 8],
  ['more than the line has places', 0, 24],
])('what a node says that it brings %s is no lease', (_, laterMs, from) => {
  const site = new ExchangingSite(4, 64);
  site.tell(0, { held: bits([63], 64), bringing: bits(range(8, 16), 64), room: 0 });
  site.tell(1, { held: bits([63], 64), bringing: bits(range(16, 24), 64), room: 0 });
  if (laterMs > 0) {
    site.tell(0, { hasLeft: true });
    site.harness.wait(laterMs);
  }
  site.tell(2, { held: bits([63], 64), bringing: bits(range(from, from + 8), 64), room: 0 });
  expect(site.bringing(from)).toEqual([]);
});

test('who says that it brings and does not keeps nothing for longer than a lease', () => {
  const site = new ExchangingSite(2, 8);
  const bringing = bits(range(0, 8), 8);
  site.tell(0, { bringing, room: 0 });
  for (let at = 0; at < 60; at += 1) {
    site.harness.wait(1_000);
    site.tell(0, { bringing, room: 0 });
    site.tell(1);
  }
  expect(site.leases().map(({ node }) => node)).toContain(1);
});

test('packages that a node says it brings are no leases: it holds a place of the line with one at most', () => {
  const site = new ExchangingSite(4, 40);
  const packages = ['aa', 'bb'].map((pair) => {
    const about = { sizeBytes: 256 << 20, isForeign: true, bringing: bits([0], 1) };
    return site.part({ sha256: sha256(pair.repeat(32)), room: 1, ...about });
  });
  site.harness.speak('pi3', { blobParts: packages });
  expect(site.harness.state.sites[0]?.lanes.down.batches.size).toBe(1);
  for (const node of [0, 1, 2]) site.tell(node);
  expect(site.leases()).toContainEqual({ node: 0, chunks: expect.any(Array) });
});

test('who says that it brings much and shows none of it gives way to others within seconds', () => {
  const site = new ExchangingSite(4, 200);
  for (const node of [2, 3]) {
    const bringing = bits(range(64 * node, 64 * node + 64), 200);
    site.tell(node, { room: 0, bringing });
  }
  const [batch] = site.harness.state.sites[0]?.lanes.down.batches.values() ?? [];
  expect(batch?.left).toBe(batchesOfNode * batchLeast);
  let seconds = 0;
  for (; seconds < 60 && site.leases().length === 0; seconds += 1) {
    site.harness.wait(1_000);
    for (const node of [2, 3]) site.tell(node, { room: 0 });
    for (const node of [0, 1]) site.tell(node);
  }
  expect(seconds).toBeLessThan(15);
});

test('whatever nodes say that they bring, no chunk has two leases and no line more than its places', () => {
  const part = fc.record({
    node: fc.nat(3),
    held: fc.array(fc.nat(39)),
    bringing: fc.array(fc.nat(60)),
    room: fc.nat(32),
    waitMs: fc.nat(4_000),
  });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      const site = new ExchangingSite(4, 40);
      for (const { node, held, bringing, room, waitMs } of parts) {
        site.tell(node, { held: bits(held, 40), bringing: bits(bringing, 64), room });
        site.harness.wait(waitMs);
        const batches = [...(site.harness.state.sites[0]?.lanes.down.batches.values() ?? [])];
        expect(batches.length).toBeLessThanOrEqual(transfersAtATime);
        const batchOf = [...(site.exchange?.batchOf ?? [])];
        // One that were leased twice would be one batch's, and left of two.
        for (const { number, left } of batches) {
          expect(batchOf.filter((of) => of === number)).toHaveLength(left);
        }
        for (let at = 0; at < 40; at += 1) {
          const number = site.exchange?.batchOf[at] ?? 0;
          if (number !== 0) expect(batches.map((each) => each.number)).toContain(number);
        }
      }
    }),
    { numRuns: 30 },
  );
});
