// Who may take part in the exchange of a blob: a hash is known to many, the bytes are for those that were given work with them.

import { expect, test } from 'vitest';
import { instant, sha256 } from '../../../../scheduler/core/index.ts';
import { imageOf, stateOf } from '../../../../scheduler/core/state-image.ts';
import { CoreHarness, template } from '../harness.ts';
import { ExchangingSite, blob } from './site.ts';

const isClosed = { isClosed: true, peers: [] };

test('a node that was given no task of the job is told of no peer and brings nothing', () => {
  const site = new ExchangingSite(3, 40, 1);
  for (const node of [1, 2]) site.take(node);
  site.tell(0);
  site.leases();
  site.news();
  site.tell(1);
  // Nor when it says that it has all: the proof that peers show is for those who do.
  site.tell(2, { isWhole: true, room: 0 });
  expect(site.news()).toMatchObject([
    { nodeId: 'pi1', ...isClosed },
    { nodeId: 'pi2', ...isClosed },
  ]);
  expect(site.leases()).toEqual([]);
  expect([...(site.exchange?.members.keys() ?? [])]).toEqual([0]);
});

test('one that was given a task takes part, and stays when it has none any more', () => {
  const site = new ExchangingSite(2, 40, 1);
  site.take(1);
  site.tell(0);
  site.give(1);
  site.tell(1);
  site.take(1);
  site.tell(1);
  expect([...(site.exchange?.members.keys() ?? [])]).toEqual([0, 1]);
});

test('a release is for all nodes', () => {
  const site = new ExchangingSite(1, 40);
  site.take(0);
  const until = instant(site.harness.nowMs + 3_600_000);
  const wanted = { sha256: blob, sizeBytes: site.part().sizeBytes, chunkCount: 40 };
  site.harness.give({ kind: 'wantBlobs', blobs: [{ ...wanted, priority: 1, until }] });
  site.tell(0);
  expect(site.exchange?.members.size).toBe(1);
});

test('who was given a task may have its blobs over a restart, and others still may not', () => {
  const harness = new CoreHarness();
  harness.setSite('school', 10e6);
  for (const name of ['pi0', 'pi1']) harness.node(name, 'school');
  harness.researcher('ada');
  const shared = { path: 'data', sha256: sha256('cd'.repeat(32)), sizeBytes: 1e6 };
  harness.submit('job', { ...template(), sharedInputs: [shared], taskCount: 5 });
  const [job] = harness.state.jobs.values();
  const before = [...(job?.holders ?? [])];
  expect(before.length).toBeGreaterThan(0);
  const [after] = stateOf(imageOf(harness.state)).jobs.values();
  expect([...(after?.holders ?? [])].sort()).toEqual(before.sort());
  expect(after?.holderGhz).toBe(job?.holderGhz);
});
