// What a node is told of an exchange: the right to fetch chunks, and what peers show each other.

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { CapabilitySigner } from '../../../scheduler/adapters/blobs/capability.ts';
import { ExchangeComposer } from '../../../scheduler/adapters/blobs/exchange-composer.ts';
import type { Effect } from '../../../scheduler/core/index.ts';
import { nodeId, sha256 } from '../../../scheduler/core/index.ts';

const blob = sha256('ab'.repeat(32));
const index = { sha256: 'cd'.repeat(32), sizeBytes: 144, chunks: 1 };
const signer = new CapabilitySigner(randomBytes(32));
const news: Extract<Effect, { kind: 'exchange' }> = {
  kind: 'exchange',
  ...{ nodeId: nodeId('pi'), siteNumber: 3, sha256: blob, sizeBytes: 1e6 },
  ...{ isOneChunk: false, peers: [{ address: '10.0.0.2', port: 9 }] },
  ...{ isPinned: true, isClosed: false },
};

function composer(): ExchangeComposer {
  const indexes = { indexOf: () => Promise.resolve(index) };
  return new ExchangeComposer({ indexes, signer, now: () => 5 });
}

test('a lease for chunks comes with the right to get that blob on that node', () => {
  const effect = { kind: 'leaseChunks', nodeId: nodeId('pi'), sha256: blob } as const;
  const about = { runs: [0, 8, 9, 10], spanMs: 700 };
  const lease = composer().lease({ ...effect, ...about, isForeign: false });
  expect(lease).toMatchObject({ sha256: Buffer.from(blob, 'hex'), ...about });
  const scope = { kind: 'get', nodeId: 'pi', sha256: blob };
  expect(signer.verify(lease.capability, 5)).toMatchObject(scope);
  expect(composer().lease({ ...effect, ...about, isForeign: true }).capability).toBe('');
});

test('news name the index of the blob, and a proof of this blob at this site', async () => {
  const told = await composer().news(news);
  expect(told).toMatchObject({
    ...{ sha256: Buffer.from(blob, 'hex'), sizeBytes: 1e6, isPinned: true, isClosed: false },
    ...{ indexSha256: Buffer.from(index.sha256, 'hex'), peers: news.peers },
  });
  expect(told?.proof).toHaveLength(32);
  expect((await composer().news({ ...news, nodeId: nodeId('other') }))?.proof).toEqual(told?.proof);
  expect((await composer().news({ ...news, siteNumber: 4 }))?.proof).not.toEqual(told?.proof);
  const other = { ...news, sha256: sha256('00'.repeat(32)) };
  expect((await composer().news(other))?.proof).not.toEqual(told?.proof);
});

test('one chunk has no index and a proof of its own, and what is closed no proof', async () => {
  const ofBlob = await composer().news(news);
  const ofPackage = await composer().news({ ...news, isOneChunk: true });
  expect(ofPackage?.proof).toHaveLength(32);
  expect(ofPackage?.proof).not.toEqual(ofBlob?.proof);
  expect(composer().news({ ...news, isOneChunk: true })).toMatchObject({
    indexSha256: Buffer.alloc(0),
  });
  expect(composer().news({ ...news, isClosed: true })).toMatchObject({
    ...{ isClosed: true, proof: Buffer.alloc(0) },
  });
});

test('nothing is told of a blob that is not in the store', async () => {
  const none = new ExchangeComposer({
    ...{ indexes: { indexOf: () => Promise.resolve(undefined) }, signer, now: () => 5 },
  });
  expect(await none.news(news)).toBeUndefined();
});
