// What operators are told of a site's exchanges.

import { expect, test } from 'vitest';
import { sha256, siteId } from '../../../../scheduler/core/index.ts';
import { unfoundAfterMs } from '../../../../scheduler/core/distribution/limits.ts';
import { ExchangingSite, bits, blob, chunkBytes } from './site.ts';

const chunks = 16;
const bytes = chunkBytes(chunks);

function shown(site: ExchangingSite): unknown {
  return site.harness.view.exchanges(siteId('school'));
}

test('a blob is told with what is at the site, who has all of it and who brings it', () => {
  const site = new ExchangingSite(3, chunks);
  expect(shown(site)).toEqual([]);
  site.tell(0);
  site.tell(1, { room: 4 });
  site.tell(2, { room: 0 });
  const blobIs = { sha256: blob, sizeBytes: chunks * bytes, chunks, members: 3, unfoundChunks: 0 };
  const begun = { heldChunks: 0, wholeMembers: 0, carriers: 2, leasedBytes: 12 * bytes };
  expect(shown(site)).toEqual([{ ...blobIs, ...begun }]);
  site.tell(0, { held: bits([0, 1, 2, 3, 4, 5, 6, 7], chunks), room: 0 });
  site.tell(2, { held: bits([0, 1], chunks), room: 0 });
  const half = { heldChunks: 8, wholeMembers: 0, carriers: 1, leasedBytes: 12 * bytes };
  expect(shown(site)).toEqual([{ ...blobIs, ...half }]);
  site.tell(1, { isWhole: true });
  const whole = { heldChunks: 16, wholeMembers: 1, carriers: 0, leasedBytes: 12 * bytes };
  expect(shown(site)).toEqual([{ ...blobIs, ...whole }]);
});

test('chunks that are leased again count again, also at their own site', () => {
  const site = new ExchangingSite(1, chunks);
  site.tell(0, { room: 8 });
  site.harness.wait(60_000);
  site.tell(0, { room: 8 });
  expect(shown(site)).toMatchObject([{ heldChunks: 0, leasedBytes: 16 * bytes }]);
  expect(site.harness.view.census().unfoundChunks).toBe(0);
});

test('chunks are unfound when another one holds them; they are counted when they are leased for it', () => {
  const site = new ExchangingSite(2, chunks);
  const unfound = bits([1, 2, 9], chunks);
  site.tell(0, { held: bits([1, 2], chunks), room: 0 });
  // The third is nowhere yet: that is no trouble.
  site.tell(1, { unfound, room: 0 });
  expect(shown(site)).toMatchObject([{ unfoundChunks: 2 }]);
  site.harness.wait(unfoundAfterMs);
  expect(site.harness.view.census().unfoundChunks).toBe(0);
  site.tell(1, { unfound });
  expect(site.harness.view.census().unfoundChunks).toBe(2);
  site.tell(1, { held: bits([1, 2], chunks) });
  expect(shown(site)).toMatchObject([{ unfoundChunks: 0 }]);
});

test('an exchange without members is not told, nor those of an unknown site', () => {
  const site = new ExchangingSite(1, chunks);
  site.tell(0);
  site.tell(0, { hasLeft: true });
  expect(shown(site)).toEqual([]);
  expect(site.harness.view.exchanges(siteId('nowhere'))).toEqual([]);
});

test('of packages those are told that somebody wants now', () => {
  const site = new ExchangingSite(2, 40);
  const of = { sha256: sha256('ef'.repeat(32)), sizeBytes: 1_000, isForeign: true };
  site.tell(0, { ...of, isWhole: true, room: 0 });
  site.tell(1, { ...of, room: 1 });
  expect(shown(site)).toHaveLength(1);
  site.tell(1, { ...of, isWhole: true, room: 0 });
  site.harness.wait(3_000);
  expect(shown(site)).toEqual([]);
});
