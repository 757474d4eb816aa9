// Which bytes go next on each uplink: few at a time, in the policy's order. The sites' budgets are
// the core's to spend; an adapter only paces the bytes.

import type { Direction } from '../commands.ts';
import type { NextBatch } from '../distribution/batches.ts';
import { batchUntil, siteBatches } from '../distribution/batches.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { homeOf } from '../leases.ts';
import { transferGraceMs, transferPatience, transfersAtATime } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { instant } from '../model/ids.ts';
import type { Policy } from '../placement/policy.ts';
import type { Lane, QueuedTransfer, SiteRecord, State } from '../state.ts';
import { mustHave, transfersUnderWay } from '../state.ts';
import { slotAwaits } from './order.ts';

interface Granting {
  readonly now: Instant;
  readonly policy: Policy;
  readonly facts: Fact[];
  readonly effects: Effect[];
  /** Places of lanes up that this round has given away, by number of the site. */
  readonly up: Map<number, number>;
}

/** Fills the free places in the lanes of sites where something changed. */
export function grantTransfers(
  state: State,
  { now, policy }: { readonly now: Instant; readonly policy: Policy },
): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
  const granting: Granting = { now, policy, facts: [], effects: [], up: new Map() };
  for (const siteNumber of state.sitesToGrant) {
    if (isMeasured(state, siteNumber)) continue;
    const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
    const { down } = site.lanes;
    // Most sites exchange nothing.
    if (state.exchanges.bySite.has(siteNumber)) fillDown(state, site, granting);
    else fill(state, { site, direction: 'down', places: placesIn(down) }, granting);
    fill(state, { site, direction: 'up', places: placesUp(state, site, granting) }, granting);
  }
  return granting;
}

function placesIn(lane: Lane): number {
  return transfersAtATime - transfersUnderWay(lane);
}

/** Its line is being measured, or about to be: nothing of ours may begin on it. */
function isMeasured({ heldSite, probe }: State, siteNumber: number): boolean {
  return siteNumber === heldSite || siteNumber === probe?.siteNumber;
}

function placesUp(state: State, { number, lanes }: SiteRecord, { up }: Granting): number {
  if (isMeasured(state, number)) return 0;
  return placesIn(lanes.up) - (up.get(number) ?? 0);
}

/** Chunks that slots wait for at many nodes come first, those that nobody waits for last. */
function fillDown(state: State, site: SiteRecord, granting: Granting): void {
  let places = placesIn(site.lanes.down);
  if (places <= 0) return;
  const { awaited, others } = siteBatches(state, site, { now: granting.now, places });
  const lease = (batches: readonly NextBatch[]): void => {
    const next = batches.slice(0, places);
    for (const batch of next) leaseChunks(state, site, { granting, batch });
    places -= next.length;
  };
  lease(awaited);
  places -= fill(state, { site, direction: 'down', places }, granting);
  lease(others);
}

/** Grants transfers of leases; how many. */
function fill(
  state: State,
  lane: { readonly site: SiteRecord; readonly direction: Direction; readonly places: number },
  granting: Granting,
): number {
  const { now, policy, facts, effects } = granting;
  const { site, direction, places } = lane;
  const { queue } = site.lanes[direction];
  if (places <= 0 || queue.size === 0) return 0;
  // A task that sends has left its slot.
  const isAwaited = (transfer: QueuedTransfer): boolean =>
    direction === 'down' && slotAwaits(state, transfer);
  const waiting = direction === 'up' ? queue.values() : movable(state, queue, granting);
  let count = 0;
  for (const { leaseId, sizeBytes } of policy.nextTransfers(waiting, places, isAwaited)) {
    const lease = mustHave(state.leases.get(leaseId), 'lease', leaseId);
    const home = direction === 'up' ? site : homeOf(state, lease);
    if (home !== null && !takePlaceUp(state, home, granting)) continue;
    count += 1;
    const node = mustHave(state.nodes[lease.nodeNumber], 'node', lease.nodeNumber);
    const deadline = transferDeadline(site, { direction, sizeBytes, now, home });
    facts.push({ kind: 'transferGranted', leaseId, direction, deadline });
    effects.push({ kind: 'transfer', nodeId: node.nodeId, leaseId, direction });
  }
  return count;
}

/** Without those that come over the line of another site, when that has no place. */
function* movable(
  state: State,
  queue: Lane['queue'],
  granting: Granting,
): Generator<QueuedTransfer> {
  for (const transfer of queue.values()) {
    const home = homeOf(state, mustHave(state.leases.get(transfer.leaseId), 'lease'));
    if (home === null || placesUp(state, home, granting) > 0) yield transfer;
  }
}

function takePlaceUp(state: State, site: SiteRecord, granting: Granting): boolean {
  if (placesUp(state, site, granting) <= 0) return false;
  granting.up.set(site.number, (granting.up.get(site.number) ?? 0) + 1);
  return true;
}

function leaseChunks(
  state: State,
  site: SiteRecord,
  { granting, batch }: { readonly granting: Granting; readonly batch: NextBatch },
): void {
  const { now, facts, effects } = granting;
  const { nodeNumber, runs, exchange } = batch;
  const { sha256, isForeign } = exchange;
  const { nodeId } = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
  const until = batchUntil(site, batch, now);
  facts.push({
    ...{ kind: 'chunksLeased', at: now, siteNumber: site.number },
    ...{ sha256, nodeNumber, runs, until },
  });
  const spanMs = until - now;
  effects.push({ kind: 'leaseChunks', nodeId, sha256, runs, spanMs, isForeign });
}

/** Whoever has not moved its bytes by then, if it begins now, has lost its place. */
export function transferDeadline(
  site: SiteRecord,
  transfer: {
    readonly direction: Direction;
    readonly sizeBytes: number;
    readonly now: Instant;
    /** Whose line up it crosses as well. */
    readonly home?: SiteRecord | null;
  },
): Instant {
  const { direction, sizeBytes, now, home = null } = transfer;
  const own = site.share * (direction === 'down' ? site.downBps : site.upBps);
  const bps = Math.min(own, home === null ? own : home.share * home.upBps);
  const fairMs = (1000 * 8 * sizeBytes * transfersAtATime) / bps;
  return instant(now + Math.ceil(transferPatience * fairMs + transferGraceMs));
}
