// What nodes tell of blobs is told again after a restart: none of it is kept, least of all addresses in homes.

import { expect, test } from 'vitest';
import { instant, toJournal } from '../../../../scheduler/core/index.ts';
import { isExchangeFact } from '../../../../scheduler/core/distribution/apply-exchanges.ts';
import { closeAfterMs } from '../../../../scheduler/core/distribution/limits.ts';
import { ExchangingSite, blob } from './site.ts';

test('nothing of an exchange is journalled', () => {
  const site = new ExchangingSite(2, 40);
  const { harness } = site;
  const wanted = { sha256: blob, sizeBytes: 1, chunkCount: 1, priority: 1 };
  harness.give({ kind: 'wantBlobs', blobs: [{ ...wanted, until: instant(1) }] });
  site.tell(0);
  site.tell(1, { isWhole: true, room: 0 });
  harness.wait(60_000);
  for (const node of [0, 1]) site.tell(node, { hasLeft: true });
  for (let waited = 0; waited <= closeAfterMs; waited += 10_000) harness.wait(10_000);
  expect(site.exchange).toBeUndefined();
  expect(harness.facts.filter(isExchangeFact).length).toBeGreaterThan(10);
  expect(toJournal(harness.facts).filter((fact) => isExchangeFact(fact))).toEqual([]);
});
