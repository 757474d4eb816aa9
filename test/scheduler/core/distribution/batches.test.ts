// Which chunks are brought over an uplink, by whom, and when again.

import { expect, test } from 'vitest';
import { instant, jobId, nodeId, sha256, siteId } from '../../../../scheduler/core/index.ts';
import {
  batchGraceMs,
  batchUntried,
  closeAfterMs,
  membersPerExchange,
  unfoundAfterMs,
  unspreadAfterMs,
  wantedBlobs,
} from '../../../../scheduler/core/distribution/limits.ts';
import { heldBy, template } from '../harness.ts';
import { ExchangingSite, bits, blob, chunkBytes } from './site.ts';

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);

test('two nodes at a time bring batches that have no chunk in common', () => {
  const site = new ExchangingSite(4, 40);
  for (const node of [0, 1, 2, 3]) site.tell(node);
  const leases = site.leases();
  expect(leases.map(({ node }) => node)).toEqual([0, 1]);
  expect(leases.map(({ chunks }) => chunks)).toEqual([range(0, 8), range(8, 12)]);
  site.tell(0, { held: bits(range(0, 8), 40) });
  expect(site.leases()).toEqual([{ node: 2, chunks: range(12, 16) }]);
});

test('who has brought what others told of comes before who has not, with whole batches', () => {
  const site = new ExchangingSite(4, 64);
  for (const node of [0, 1, 2, 3]) site.tell(node);
  site.leases();
  const ofFirst = range(0, 8);
  // Nobody has told of a chunk of its: it may be that nobody gets one from there.
  site.tell(0, { held: bits(ofFirst, 64) });
  expect(site.leases()).toEqual([{ node: 2, chunks: range(12, 16) }]);
  site.harness.wait(1_000);
  site.tell(1, { held: bits([0, ...range(8, 12)], 64) });
  expect(site.leases()).toEqual([{ node: 0, chunks: range(16, 24) }]);
  site.tell(0, { held: bits([...ofFirst, 8, ...range(16, 24)], 64) });
  expect(site.leases()).toEqual([{ node: 1, chunks: range(24, 32) }]);
});

test('the only one that would bring any has whole batches, the next before the last has come', () => {
  const site = new ExchangingSite(3, 64);
  site.tell(1, { room: 0 });
  site.tell(2, { room: 0 });
  site.tell(0, { room: 16 });
  site.tell(0, { held: bits(range(0, 5), 64), room: 16 });
  expect(site.leases()).toEqual([
    { node: 0, chunks: range(0, 8) },
    { node: 0, chunks: range(8, 16) },
  ]);
});

test('those that lie bring a little once, and what they brought comes again beside the rest', () => {
  const site = new ExchangingSite(6, 200);
  const held = new Set<number>();
  const wrong = [new Set<number>(), new Set<number>()] as const;
  const unfound = (): readonly number[] =>
    wrong.flatMap((each) => [...each]).filter((at) => !held.has(at));
  for (const node of range(0, 6)) site.tell(node);
  for (let round = 0; round < 40; round += 1) {
    for (const { node, chunks } of site.leases()) {
      const own = wrong[node];
      for (const at of chunks) (own ?? held).add(at);
      site.harness.wait(1_000);
      const lacks = own === undefined ? unfound() : [];
      site.tell(node, { held: bits([...held, ...(own ?? [])], 200), unfound: bits(lacks, 200) });
    }
  }
  // The first was alone when it asked.
  expect(wrong.map(({ size }) => size)).toEqual([8, batchUntried]);
  expect(held.size).toBe(200);
});

test.each([
  ['a third of its span later', 1.01 / 3, true, true],
  ['sooner', 0.99 / 3, true, false],
  ['when nobody else was heard: the line is cut', 1.01 / 3, false, false],
])('the lease of a carrier that is silent ends %s', (_, part, isOtherHeard, hasEnded) => {
  const site = new ExchangingSite(3, 8);
  site.tell(0);
  site.leases();
  const [batch] = site.harness.state.sites[0]?.lanes.down.batches.values() ?? [];
  const spanMs = batch?.spanMs ?? 0;
  site.tell(1, { room: 0 });
  site.harness.wait(spanMs / 5);
  if (isOtherHeard) site.tell(1, { room: 0 });
  site.harness.wait(spanMs * (part - 1 / 5));
  expect(site.bringing(0)).toEqual(hasEnded ? [] : [0]);
  site.tell(0, { room: 0 });
  site.harness.wait(spanMs / 4);
  site.tell(1, { room: 0 });
  expect(site.bringing(0), 'who speaks brings').toEqual(hasEnded ? [] : [0]);
});

test('who went without a word has no other lease, until it asks for one', () => {
  const site = new ExchangingSite(2, 40);
  site.tell(0);
  site.tell(1, { room: 0 });
  site.leases();
  site.harness.wait(60_000);
  site.tell(1, { room: 0 });
  expect(site.leases()).toEqual([]);
  site.tell(0);
  expect(site.leases().map(({ node }) => node)).toEqual([0]);
});

test('a chunk of a carrier whose chunks others have is waited for longer than one of a stranger', () => {
  const site = new ExchangingSite(3, 64);
  site.tell(0, { room: 8 });
  site.tell(1, { room: 4 });
  site.leases();
  // What the first has brought another one has, too; of the second's nobody told.
  site.tell(0, { held: bits(range(0, 8), 64), room: 0 });
  site.tell(1, { held: bits([0, ...range(8, 12)], 64), room: 0 });
  const lacks = (): void => site.tell(2, { unfound: bits([1, 8], 64), held: bits([0], 64) });
  lacks();
  site.leases();
  site.harness.wait(unfoundAfterMs);
  site.tell(2, { unfound: bits([1, 8], 64), held: bits(range(12, 40), 64) });
  expect(site.bringing(8)).toEqual([2]);
  expect(site.bringing(1)).toEqual([]);
  site.tell(2, { unfound: bits([1], 64), held: bits(range(8, 60), 64), room: 0 });
  site.harness.wait(unspreadAfterMs);
  site.tell(2, { unfound: bits([1], 64), held: bits(range(8, 60), 64) });
  expect(site.bringing(1)).toEqual([2]);
});

test('but not when nothing else is to be brought', () => {
  const site = new ExchangingSite(3, 16);
  site.tell(0, { room: 8 });
  site.tell(1, { room: 4 });
  site.tell(0, { held: bits(range(0, 8), 16), room: 0 });
  site.tell(1, { held: bits([0, ...range(8, 16)], 16), room: 0 });
  site.harness.wait(1_000);
  site.tell(2, { unfound: bits([1], 16), held: bits([0], 16), room: 8 });
  site.harness.wait(unfoundAfterMs);
  expect(site.bringing(1)).toEqual([2]);
});

test('what a node found nowhere before another one brought it is not brought again', () => {
  const site = new ExchangingSite(2, 8);
  site.tell(1, { unfound: bits(range(0, 8), 8), room: 0 });
  site.harness.wait(1_000);
  site.tell(0, { isWhole: true, room: 0 });
  site.harness.wait(2 * unfoundAfterMs);
  site.tell(1, { room: 0 });
  site.tell(1);
  expect(site.leases()).toEqual([]);
});

test('a node that is alone has its next batch before the last has come', () => {
  const site = new ExchangingSite(1, 40);
  site.tell(0, { room: 16 });
  site.tell(0, { held: bits(range(0, 4), 40), room: 16 });
  site.tell(0, { held: bits(range(0, 5), 40), room: 16 });
  expect(site.leases().map(({ chunks }) => chunks)).toEqual([range(0, 8), range(8, 16)]);
});

test('of one blob a message counts once: a node must not keep the core busy', () => {
  const site = new ExchangingSite(1, 40);
  site.tell(0);
  const flips = range(0, 512).map((at) => site.part({ isWhole: at % 2 === 0 }));
  const { facts } = site.harness.speak('pi0', { blobParts: flips });
  expect(facts.filter(({ kind }) => kind === 'blobPartHeard')).toHaveLength(1);
  expect(site.exchange?.missing).toBe(40);
});

test('a node brings no more than it has room for', () => {
  const site = new ExchangingSite(1, 40);
  site.tell(0, { room: 3 });
  expect(site.leases()).toEqual([{ node: 0, chunks: [0, 1, 2] }]);
});

test('what a member holds is not brought, however often it is told', () => {
  const site = new ExchangingSite(2, 40);
  site.tell(0, { isWhole: true, room: 0 });
  for (let again = 0; again < 3; again += 1) site.tell(1);
  expect(site.leases()).toEqual([]);
});

test.each([
  ['its time is over', (site: ExchangingSite) => site.harness.wait(60_000)],
  [
    'its node went silent',
    (site: ExchangingSite) => {
      site.harness.give({ kind: 'nodeDisconnected', nodeId: nodeId('pi0') });
    },
  ],
  ['its node was revoked', (site: ExchangingSite) => site.revoke(0)],
  ['its node left', (site: ExchangingSite) => site.tell(0, { hasLeft: true })],
  [
    'its node moved',
    (site: ExchangingSite) => {
      site.harness.setSite('elsewhere', 1e6);
      const elsewhere = siteId('elsewhere');
      site.harness.give({ kind: 'setNodeSite', nodeId: nodeId('pi0'), siteId: elsewhere });
    },
  ],
  [
    'its agent started anew',
    (site: ExchangingSite) => {
      site.harness.speak('pi0', { instanceNumber: 2, instanceId: 'second' });
    },
  ],
])('a chunk is leased again when %s', (_, happens) => {
  const site = new ExchangingSite(2, 8);
  site.tell(0);
  expect(site.leases()).toEqual([{ node: 0, chunks: range(0, 8) }]);
  site.tell(1);
  expect(site.leases()).toEqual([]);
  happens(site);
  const [again = never()] = site.leases();
  expect(again).toEqual({ node: 1, chunks: range(0, again.chunks.length) });
  expect(again.chunks.length).toBeGreaterThanOrEqual(batchUntried);
  expect(site.harness.state.exchanges.againBytes).toBe(again.chunks.length * chunkBytes(8));
});

test('a lease whose chunks come slowly lasts, and one that brings nothing more does not', () => {
  const site = new ExchangingSite(2, 8);
  site.tell(0);
  site.tell(1);
  site.leases();
  const [batch] = site.harness.state.sites[0]?.lanes.down.batches.values() ?? [];
  const spanMs = batch?.spanMs ?? 0;
  expect(spanMs).toBeGreaterThanOrEqual(batchGraceMs);
  for (let come = 1; come < 8; come += 1) {
    site.harness.wait(0.9 * spanMs);
    site.tell(0, { held: bits(range(0, come), 8), room: 0 });
    site.tell(1);
    expect(site.leases()).toEqual([]);
  }
  site.harness.wait(1.1 * spanMs);
  site.tell(1);
  expect(site.leases()).toEqual([{ node: 1, chunks: [7] }]);
});

test('who let a lease lapse comes after one who brought its chunks', () => {
  const site = new ExchangingSite(3, 8);
  site.tell(0, { room: 8 });
  site.harness.wait(60_000);
  site.tell(1, { room: 4 });
  site.tell(1, { held: bits(range(0, 4), 8), room: 0 });
  site.tell(2, { room: 8 });
  site.tell(0);
  site.tell(1, { held: bits(range(0, 4), 8) });
  expect(site.leases().map(({ node }) => node)).toEqual([0, 1, 2]);
  site.harness.give({ kind: 'nodeDisconnected', nodeId: nodeId('pi2') });
  expect(site.leases()).toEqual([{ node: 1, chunks: range(4, 8) }]);
});

test('the only holder was lost: its chunks are missing again', () => {
  const site = new ExchangingSite(2, 8);
  site.tell(0, { isWhole: true, room: 0 });
  site.tell(1);
  expect(site.leases()).toEqual([]);
  site.revoke(0);
  expect(site.leases()).toEqual([{ node: 1, chunks: range(0, 8) }]);
});

test('a chunk that a member finds nowhere is brought by it, after a while', () => {
  const site = new ExchangingSite(2, 8);
  site.tell(0, { isWhole: true, room: 0 });
  const unfound = bits([2, 3], 8);
  site.tell(1, { unfound });
  expect(site.leases()).toEqual([]);
  site.harness.wait(unfoundAfterMs);
  expect(site.leases()).toEqual([{ node: 1, chunks: [2, 3] }]);
});

test.each([
  ['that slots wait for comes before', true, blob],
  ['that no slot waits for comes after', false, sha256('ef'.repeat(32))],
])('a blob %s transfers of tasks', (_, isFirst, of) => {
  const site = new ExchangingSite(2, 8, 8);
  const { harness } = site;
  const sizeBytes = site.part().sizeBytes;
  const until = instant(harness.nowMs + 1e6);
  const release = { sha256: sha256('ef'.repeat(32)), sizeBytes, chunkCount: 8, priority: 1, until };
  harness.give({ kind: 'wantBlobs', blobs: [release] });
  const leases = heldBy(harness.state.nodes[1]);
  const wanted = leases.map((leaseId) => ({ leaseId, direction: 'down', sizeBytes: 1e6 }) as const);
  harness.speak('pi1', { transfersWanted: wanted });
  const [first] = harness.take('transfer');
  site.tell(0, { sha256: of });
  expect(site.leases()).toEqual([]);
  const done = { leaseId: first?.leaseId ?? never(), direction: 'down' } as const;
  harness.speak('pi1', { transfersDone: [done] });
  expect(site.leases()).toHaveLength(isFirst ? 1 : 0);
  expect(harness.take('transfer')).toHaveLength(isFirst ? 0 : 1);
});

test('too many blobs without a job, and one without chunks, are refused', () => {
  const { harness } = new ExchangingSite(1, 8);
  const wants = (count: number, chunkCount = 1): unknown =>
    harness.give({
      kind: 'wantBlobs',
      blobs: Array.from({ length: count }, () => ({
        ...{ sha256: blob, sizeBytes: 1, chunkCount, priority: 0, until: instant(1e15) },
      })),
    }).answer;
  expect(wants(wantedBlobs)).toEqual({ kind: 'done' });
  expect(wants(wantedBlobs + 1)).toMatchObject({ code: 'exhausted' });
  expect(wants(1, 0)).toMatchObject({ code: 'invalid' });
  expect(wants(1, 65_537)).toMatchObject({ code: 'invalid' });
});

test('a bitmap of another blob, and another size, change nothing', () => {
  const site = new ExchangingSite(1, 8);
  site.tell(0, { held: new Uint8Array(2).fill(0xff) });
  site.tell(0, { sizeBytes: 7 });
  expect(site.exchange).toBeUndefined();
  expect(site.news().map(({ isClosed }) => isClosed)).toEqual([true, true]);
});

test('bits behind the last chunk do not count', () => {
  const site = new ExchangingSite(1, 12);
  site.tell(0, { held: new Uint8Array(2).fill(0xff), room: 0 });
  expect([...(site.exchange?.copies ?? [])]).toEqual(Array.from({ length: 12 }, () => 1));
  expect(site.exchange?.missing).toBe(0);
});

test('an exchange is closed when no job needs its blob for a while, and members hear of it', () => {
  const site = new ExchangingSite(2, 8);
  site.tell(0, { isWhole: true, room: 0 });
  site.tell(1);
  site.harness.give({
    kind: 'cancelJob',
    jobId: [...site.harness.state.jobById.keys()][0] ?? never(),
  });
  site.harness.wait(closeAfterMs / 2);
  expect(site.exchange).toBeDefined();
  site.news();
  site.harness.wait(closeAfterMs);
  expect(site.exchange).toBeUndefined();
  expect(site.news()).toMatchObject([
    { nodeId: 'pi0', isClosed: true },
    { nodeId: 'pi1', isClosed: true },
  ]);
  expect(site.harness.state.sites[0]?.lanes.down.batches.size).toBe(0);
});

test('members of an exchange are bounded', () => {
  const site = new ExchangingSite(2, 8);
  site.tell(0);
  const { exchange } = site;
  const first = exchange?.members.get(0) ?? never();
  for (let at = 2; at <= membersPerExchange; at += 1) {
    exchange?.members.set(-at, { ...first, nodeNumber: -at });
  }
  expect(exchange?.members.size).toBe(membersPerExchange);
  site.news();
  expect(() => site.tell(1)).not.toThrow();
  expect(exchange?.members.has(1)).toBe(false);
  expect(blob).toHaveLength(64);
});

function never(): never {
  throw new Error('the test has nothing to work with');
}

test('of a service that is being changed, what it shared before is exchanged too', () => {
  const site = new ExchangingSite(2, 8);
  const { harness } = site;
  const older = sha256('ee'.repeat(32));
  const shared = { path: 'data', sha256: older, sizeBytes: site.part().sizeBytes };
  const rates = { cpuGhz: 0.5, downBps: 1_000, upBps: 1_000 };
  const service = { name: 'web', outputs: [], taskCount: 2, service: { rates } };
  harness.submit('web', { ...service, sharedInputs: [shared] });
  harness.give({
    ...{ kind: 'updateJob', jobId: jobId('web'), requestId: 'r' },
    template: template(service),
  });
  site.tell(0, { sha256: older });
  const exchange = harness.state.exchanges.of(0, older);
  expect(exchange).toMatchObject({ chunkCount: 8, isForeign: false });
});
