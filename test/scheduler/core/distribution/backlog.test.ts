// What an exchange costs its site's line, as placement sees it: each missing chunk once, and the next node nothing.

import { expect, test } from 'vitest';
import { costOf, loadOf } from '../../../../scheduler/core/placement/estimate.ts';
import { ratio, ratioRules } from '../../../../scheduler/core/placement/policies/ratio.ts';
import { Round } from '../../../../scheduler/core/placement/round.ts';
import { instant } from '../../../../scheduler/core/index.ts';
import { ExchangingSite, bits, chunkBytes } from './site.ts';

const chunks = 16;
const blobBytes = chunks * chunkBytes(chunks);

/** Bits that a task of the job would bring over the line of each node's site. */
function downBits(site: ExchangingSite): readonly number[] {
  const { state } = site.harness;
  const job = [...state.jobs.values()][0];
  if (job === undefined) throw new Error('the test has no job');
  return state.nodes.map((node) => costOf(state, { job, taskIndex: 0 }, node).downBits);
}

/** What the site counts: of leases, and of exchanges. */
function backlog(site: ExchangingSite): readonly number[] {
  const { pendingDownBytes = 0, exchangeBytes = 0 } = site.harness.state.sites[0] ?? {};
  return [pendingDownBytes, exchangeBytes];
}

test('a node that holds a lease has its blob counted once, before it exchanges and after', () => {
  const site = new ExchangingSite(2, chunks);
  const [alone = 0] = backlog(site);
  expect(alone).toBeGreaterThanOrEqual(blobBytes);
  const leasing = site.harness.state.nodes.findIndex(({ leases }) => leases.length > 0);
  site.tell(leasing);
  const [rest = 0, exchanged] = backlog(site);
  expect([rest, exchanged]).toEqual([alone - blobBytes, blobBytes]);
  site.tell(1 - leasing);
  expect(backlog(site)).toEqual([rest, blobBytes]);
  site.tell(leasing, { held: bits([0, 1, 2, 3], chunks) });
  expect(backlog(site)[1]).toBe(blobBytes - 4 * chunkBytes(chunks));
  site.tell(leasing, { hasLeft: true });
  expect(backlog(site)[1]).toBe(blobBytes);
  site.tell(1 - leasing, { hasLeft: true });
  expect(backlog(site)).toEqual([rest, 0]);
});

test('what the site has or brings costs its line nothing more for another node', () => {
  const site = new ExchangingSite(3, chunks);
  const leased = site.harness.state.nodes.findIndex(({ leases }) => leases.length > 0);
  for (const node of [0, 1, 2]) if (node !== leased) site.take(node);
  const before = downBits(site);
  const leasing = before.findIndex((each) => each === 0);
  const others = (all: readonly number[]): readonly number[] =>
    all.filter((_, at) => at !== leasing);
  expect(others(before).every((each) => each >= 8 * blobBytes)).toBe(true);
  site.tell(leasing);
  // The bundle of 1,000 bytes is too small to be exchanged.
  expect(others(downBits(site))).toEqual([8_000, 8_000]);
  site.tell(leasing, { hasLeft: true });
  expect(others(downBits(site))).toEqual(others(before));
});

test('a line that is full of a blob takes another node of the site, and one elsewhere waits', () => {
  const site = new ExchangingSite(3, chunks);
  const isHeld = (): boolean => {
    const { state } = site.harness;
    const [job] = state.jobs.values();
    const [at] = state.sites;
    if (job === undefined || at === undefined) throw new Error('the test has no job or site');
    const load = { ...loadOf(at), downBits: 1e12, incoming: 9, workGhzSeconds: 0 };
    const round = new Round(state, { now: instant(0), policy: ratio });
    const fetcher = { job, site: at, load, isStaged: false, isBeside: false };
    return ratioRules.line.holdsFetch?.(fetcher, round) === true;
  };
  expect(isHeld()).toBe(true);
  site.tell(0);
  expect(isHeld()).toBe(false);
});
