// Packages, which no job shares and only nodes know: each is brought once, and who names some that are none gets little by it.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BlobPart } from '../../../../scheduler/core/distribution/exchange.ts';
import {
  closeAfterMs,
  closeForeignAfterMs,
  foreignBesideBytes,
  foreignBytes,
  foreignHolders,
  foreignPerNode,
  foreignPerSite,
  foreignRestMs,
  unfoundAfterMs,
} from '../../../../scheduler/core/distribution/limits.ts';
import { jobId, sha256 } from '../../../../scheduler/core/index.ts';
import { template } from '../harness.ts';
import { ExchangingSite, bits, blob, chunkBytes } from './site.ts';

const large = foreignBesideBytes + 1;

/** What a node tells of the package of that number. */
function of(number: number, changes: Partial<BlobPart> = {}): Partial<BlobPart> {
  const hash = sha256(number.toString(16).padStart(64, '0'));
  return { sha256: hash, isForeign: true, sizeBytes: large, room: 1, ...changes };
}
const whole = { isWhole: true, room: 0 };

/** Packages that are brought now, and by whom. */
function brought(site: ExchangingSite): readonly string[] {
  const leases = site.harness.take('leaseChunks').filter(({ isForeign }) => isForeign);
  return leases.map(({ nodeId, sha256: hash }) => `${nodeId} ${Number.parseInt(hash, 16)}`);
}

function open(site: ExchangingSite): number {
  return site.harness.state.exchanges.bySite.get(0)?.size ?? 0;
}

function refused(site: ExchangingSite): readonly string[] {
  const closed = site.news().filter(({ isClosed }) => isClosed);
  return closed.map(({ nodeId, sha256: hash }) => `${nodeId} ${Number.parseInt(hash, 16)}`);
}

describe('a package', () => {
  test('is brought by one node, and the others hear of that one', () => {
    const site = new ExchangingSite(3, 8);
    for (const node of [0, 1, 2]) site.tell(node, of(1));
    expect(brought(site)).toEqual(['pi0 1']);
    expect(site.news().filter(({ isOneChunk }) => isOneChunk)).toHaveLength(3);
    site.tell(0, of(1, whole));
    site.harness.wait(60_000);
    for (const node of [1, 2]) site.tell(node, of(1));
    expect(brought(site)).toEqual([]);
    expect(site.news().map(({ nodeId, peers }) => [nodeId, peers.length])).toContainEqual([
      'pi1',
      2,
    ]);
  });

  test('is brought once more for a node that finds it nowhere', () => {
    const site = new ExchangingSite(2, 8);
    site.tell(0, of(1, whole));
    site.tell(1, of(1));
    site.harness.wait(unfoundAfterMs);
    site.tell(1, of(1, { unfound: bits([0], 1) }));
    expect(brought(site)).toEqual(['pi1 1']);
  });

  test('comes from the next node when the first does not bring it', () => {
    const site = new ExchangingSite(2, 8);
    for (const node of [0, 1]) site.tell(node, of(1));
    site.harness.wait(60 * 60_000);
    expect(brought(site)).toEqual(['pi0 1', 'pi1 1']);
  });

  test('goes over the line before what nobody waits for, and takes one of its places', () => {
    const site = new ExchangingSite(2, 40);
    site.tell(0, of(1));
    site.tell(0, of(2));
    site.tell(1);
    const leases = site.harness.take('leaseChunks');
    expect(leases.map(({ isForeign }) => isForeign)).toEqual([true, false]);
  });

  test('is kept by a few nodes once nobody wants it, and by none after days', () => {
    const nodes = foreignHolders + 2;
    const site = new ExchangingSite(nodes, 8);
    for (let node = 0; node < nodes; node += 1) site.tell(node, of(1, whole));
    site.harness.wait(3_000);
    site.news();
    site.harness.wait(closeAfterMs);
    expect(refused(site)).toEqual([`pi${nodes - 2} 1`, `pi${nodes - 1} 1`]);
    site.harness.wait(closeForeignAfterMs);
    site.harness.wait(3_000);
    expect(open(site)).toBe(0);
    expect(site.harness.state.exchanges.foreignOpen).toBe(0);
  });

  test('keeps no place of a line from placement: nobody but nodes says that it is wanted', () => {
    const site = new ExchangingSite(1, 8);
    site.tell(0, of(1, { sizeBytes: foreignBytes }));
    expect(site.harness.state.sites[0]?.exchangeBytes).toBe(0);
  });
});

test.each([
  ['a mirror that is slower than the line', 10e6, 30_000_000, 370_000],
  ['a line that is slower than most mirrors', 1e6, 3_000_000, 154_000],
])('a package is leased for as long as it may take from %s', (_what, bps, sizeBytes, spanMs) => {
  const site = new ExchangingSite(1, 8);
  site.harness.setSite('school', bps);
  site.tell(0, of(1, { sizeBytes }));
  expect(site.harness.take('leaseChunks')).toMatchObject([{ spanMs }]);
});

test.each([
  [9_000, ['pi0 1']],
  [11_000, ['pi0 1', 'pi1 1']],
])("a package is still its carrier's after %i ms without the bus, or not", (ms, wanted) => {
  const site = new ExchangingSite(2, 8);
  site.tell(0, of(1));
  site.harness.wait(ms);
  site.tell(1, of(1));
  site.harness.wait(0);
  expect(brought(site)).toEqual(wanted);
});

describe('who names packages that are none', () => {
  test('holds one place of the line, and after that none for a while', () => {
    const site = new ExchangingSite(1, 8);
    for (const number of [1, 2, 3]) site.tell(0, of(number));
    expect(brought(site)).toEqual(['pi0 1']);
    site.harness.wait(10 * 60_000);
    site.tell(0, of(2));
    expect(brought(site)).toEqual([]);
    site.harness.wait(foreignRestMs);
    site.tell(0, of(2));
    expect(brought(site)).toEqual(['pi0 2']);
  });

  test('holds the second place with a small one only', () => {
    const site = new ExchangingSite(1, 8);
    site.tell(0, of(1));
    site.tell(0, of(2));
    site.tell(0, of(3, { sizeBytes: foreignBesideBytes }));
    expect(brought(site)).toEqual(['pi0 1', 'pi0 3']);
  });

  test("is given no more than a node's part of the places, in one message or many", () => {
    const site = new ExchangingSite(2, 8);
    const all = Array.from({ length: foreignPerNode + 2 }, (_, at) => site.part(of(at)));
    site.harness.speak('pi0', { blobParts: all });
    expect(open(site)).toBe(foreignPerNode);
    expect(refused(site)).toEqual([`pi0 ${foreignPerNode}`, `pi0 ${foreignPerNode + 1}`]);
    site.tell(0, of(999));
    expect(refused(site)).toEqual(['pi0 999']);
    site.tell(1, of(999));
    site.tell(0, of(999));
    expect(refused(site)).toEqual(['pi0 999']);
  });

  test.each([
    ['too large', { sizeBytes: foreignBytes + 1 }],
    ['empty', { sizeBytes: 0 }],
    ['of two chunks', { held: new Uint8Array(2) }],
    ['a blob that no job shares any more', { isForeign: false }],
  ])('is refused what is %s', (_what, changes) => {
    const site = new ExchangingSite(1, 8);
    site.tell(0, of(1, changes));
    expect(open(site)).toBe(0);
    expect(refused(site)).toEqual(['pi0 1']);
  });

  test('learns nothing of a blob that a job shares', () => {
    const site = new ExchangingSite(1, 8);
    site.tell(0, { isForeign: true });
    expect(site.news()).toMatchObject([{ sha256: blob, isClosed: true }]);
  });
});

test('a site that is full of packages closes the one that nobody has wanted for the longest time', () => {
  const site = new ExchangingSite(3, 8);
  for (let at = 0; at < foreignPerSite; at += 1) {
    const node = at < foreignPerNode ? 0 : 1;
    site.tell(node, of(at, at === 7 || at === 9 ? whole : {}));
    if (at === 7) site.harness.wait(3_000);
  }
  site.harness.wait(3_000);
  site.news();
  site.tell(2, of(1_000));
  expect(refused(site)).toEqual(['pi0 7']);
  const two = [1_001, 1_002].map((at) => site.part(of(at)));
  site.harness.speak('pi2', { blobParts: two });
  expect(refused(site)).toEqual(['pi0 9', 'pi2 1002']);
  expect(open(site)).toBe(foreignPerSite);
});

test('a package that a job begins to share is exchanged in its chunks', () => {
  const site = new ExchangingSite(2, 40);
  const { harness } = site;
  harness.give({ kind: 'cancelJob', jobId: jobId('job') });
  site.tell(0, { ...whole, isForeign: true });
  expect(site.exchange).toMatchObject({ isForeign: true, chunkCount: 1 });
  const shared = { path: 'data', sha256: blob, sizeBytes: 40 * chunkBytes(40) };
  harness.submit('again', { ...template(), sharedInputs: [shared] });
  site.news();
  site.tell(1);
  expect(site.exchange).toMatchObject({ isForeign: false, chunkCount: 40 });
  expect(site.news()).toMatchObject([
    { nodeId: 'pi0', isClosed: true },
    { nodeId: 'pi1', isOneChunk: false },
  ]);
  expect(site.leases()).toMatchObject([{ node: 1 }]);
});

test('whatever nodes say of packages, none takes more than its part of places and line', () => {
  const step = fc.record({
    node: fc.nat(3),
    numbers: fc.array(fc.nat(400), { minLength: 1, maxLength: 60 }),
    sizeBytes: fc.constantFrom(foreignBesideBytes, large),
    isWhole: fc.boolean(),
    hasLeft: fc.integer({ min: 0, max: 9 }).map((chance) => chance === 0),
    waitMs: fc.constantFrom(0, 0, 3_000, 60_000, closeAfterMs),
  });
  const holds = (site: ExchangingSite): void => {
    const { exchanges, sites } = site.harness.state;
    const all = [...(exchanges.bySite.get(0)?.values() ?? [])];
    expect(exchanges.foreignOpen).toBe(all.length);
    expect(all.length).toBeLessThanOrEqual(foreignPerSite);
    for (const node of [0, 1, 2, 3]) {
      const own = all.filter(({ members }) => members.has(node)).length;
      expect(own).toBeLessThanOrEqual(foreignPerNode);
    }
    const brings = [...(sites[0]?.lanes.down.batches.values() ?? [])];
    const sizes = brings.map(({ sha256: hash }) => exchanges.of(0, hash)?.sizeBytes ?? 0);
    expect(sizes.filter((bytes) => bytes > foreignBesideBytes).length).toBeLessThanOrEqual(1);
  };
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), (steps) => {
      const site = new ExchangingSite(4, 8);
      for (const { node, numbers, waitMs, isWhole, ...about } of steps) {
        const parts = numbers.map((number) =>
          site.part(of(number, { ...about, isWhole, room: isWhole ? 0 : 1 })),
        );
        site.harness.speak(`pi${node}`, { blobParts: parts });
        holds(site);
        if (waitMs > 0) site.harness.wait(waitMs);
      }
    }),
    { numRuns: 15 },
  );
});
