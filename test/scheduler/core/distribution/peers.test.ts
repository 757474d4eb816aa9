// Whom members of an exchange are told of.

import { expect, test } from 'vitest';
import { peersTold, retellMs } from '../../../../scheduler/core/distribution/limits.ts';
import { ExchangingSite, bits } from './site.ts';

/** All that follows from one being told of another, from the first member. */
function reached(site: ExchangingSite): number {
  const { exchange } = site;
  const seen = new Set([0]);
  for (const number of seen) {
    for (const peer of exchange?.members.get(number)?.told ?? []) seen.add(peer);
    for (const { nodeNumber, told } of exchange?.members.values() ?? []) {
      if (told?.includes(number) === true) seen.add(nodeNumber);
    }
  }
  return seen.size;
}

test.each([1, 2, 3, 9, 40])('%i members hear of at most eight, and hang together', (nodes) => {
  const site = new ExchangingSite(nodes, 8);
  for (let at = 0; at < nodes; at += 1) site.tell(at);
  site.harness.wait(10_000);
  expect(reached(site)).toBe(nodes);
  for (const { told, nodeNumber } of site.exchange?.members.values() ?? []) {
    expect(told?.length).toBe(Math.min(nodes - 1, told?.length ?? 0, peersTold));
    expect(told?.length).toBeGreaterThanOrEqual(Math.min(nodes - 1, 2));
    expect(told).not.toContain(nodeNumber);
  }
});

test('a newcomer is told at once, others once for all that came', () => {
  const site = new ExchangingSite(3, 8);
  site.tell(0);
  expect(site.news()).toMatchObject([{ nodeId: 'pi0', peers: [], isClosed: false }]);
  site.tell(1, { port: 9_001 });
  site.tell(2);
  expect(site.news().map(({ nodeId, peers }) => [nodeId, peers.length])).toEqual([
    ['pi1', 1],
    ['pi2', 2],
  ]);
  site.harness.wait(10_000);
  expect(site.news().map(({ nodeId, peers }) => [nodeId, peers.length])).toEqual([
    ['pi0', 2],
    ['pi1', 2],
  ]);
  site.harness.wait(10_000);
  expect(site.news()).toEqual([]);
});

test('of many that come together each is told once, within a second or two', () => {
  const site = new ExchangingSite(40, 64);
  for (let at = 0; at < 40; at += 1) site.tell(at, { port: 9_000 + at });
  const early = site.news().length;
  expect(early).toBeLessThanOrEqual(peersTold);
  site.harness.wait(2_000);
  const told = site.news();
  expect(new Set(told.map(({ nodeId }) => nodeId)).size).toBe(40);
  expect(told).toHaveLength(40);
  site.harness.wait(10_000);
  expect(site.news()).toEqual([]);
});

test('nobody is told of a member that nobody reaches', () => {
  const site = new ExchangingSite(2, 8);
  site.tell(0, { address: '', port: 0 });
  site.tell(1);
  site.harness.wait(10_000);
  expect(site.news().map(({ nodeId, peers }) => [nodeId, peers.length])).toEqual([
    ['pi0', 0],
    ['pi1', 0],
    ['pi0', 1],
  ]);
});

test('two whole copies are pinned, and others when one of them has gone', () => {
  const site = new ExchangingSite(4, 8);
  const pinned = (): readonly string[] => {
    site.harness.wait(10_000);
    return site.news().flatMap(({ nodeId, isPinned }) => (isPinned ? [nodeId] : []));
  };
  for (const node of [0, 1, 2]) site.tell(node, { isWhole: true, room: 0 });
  site.tell(3, { held: bits([0], 8) });
  expect(pinned()).toEqual(['pi0', 'pi1']);
  expect(pinned()).toEqual([]);
  site.tell(0, { hasLeft: true });
  expect(pinned()).toEqual(['pi2']);
});

test('who asks again and has got nothing is told again', () => {
  const site = new ExchangingSite(2, 8);
  site.tell(0);
  site.tell(1);
  site.harness.wait(10_000);
  site.news();
  site.tell(0);
  expect(site.news()).toEqual([]);
  site.harness.wait(retellMs);
  site.tell(0);
  expect(site.news()).toMatchObject([{ nodeId: 'pi0', peers: [{ port: 9_000 }] }]);
});

test('members of two LANs hear first of their own, and hang together', () => {
  const site = new ExchangingSite(20, 8);
  const { nodes } = site.harness.state;
  for (const node of nodes) node.lan = node.number % 2;
  for (let at = 0; at < 20; at += 1) site.tell(at);
  site.harness.wait(10_000);
  expect(reached(site)).toBe(20);
  for (const { told, nodeNumber } of site.exchange?.members.values() ?? []) {
    const own = told?.filter((peer) => peer % 2 === nodeNumber % 2) ?? [];
    expect([told?.length, own.length]).toEqual([peersTold, peersTold - 2]);
  }
});
