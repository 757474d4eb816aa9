// Which bytes go next on each uplink: few at a time, in the policy's order. The sites' budgets are
// the core's to spend; an adapter only paces the bytes.

import type { Direction } from '../commands.ts';
import type { NextBatch } from '../distribution/batches.ts';
import { batchUntil, siteBatches } from '../distribution/batches.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
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
}

/** Fills the free places in the lanes of sites where something changed. */
export function grantTransfers(
  state: State,
  { now, policy }: { readonly now: Instant; readonly policy: Policy },
): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
  const granting: Granting = { now, policy, facts: [], effects: [] };
  for (const siteNumber of state.sitesToGrant) {
    // Its line is being measured, or about to be.
    if (siteNumber === state.heldSite || siteNumber === state.probe?.siteNumber) continue;
    const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
    const { down, up } = site.lanes;
    // Most sites exchange nothing.
    if (state.exchanges.bySite.has(siteNumber)) fillDown(state, site, granting);
    else fill(state, { site, direction: 'down', places: placesIn(down) }, granting);
    fill(state, { site, direction: 'up', places: placesIn(up) }, granting);
  }
  return granting;
}

function placesIn(lane: Lane): number {
  return transfersAtATime - transfersUnderWay(lane);
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
  { now, policy, facts, effects }: Granting,
): number {
  const { site, direction, places } = lane;
  const { queue } = site.lanes[direction];
  if (places <= 0 || queue.size === 0) return 0;
  // A task that sends has left its slot.
  const isAwaited = (transfer: QueuedTransfer): boolean =>
    direction === 'down' && slotAwaits(state, transfer);
  const chosen = policy.nextTransfers(queue.values(), places, isAwaited);
  for (const { leaseId, sizeBytes } of chosen) {
    const lease = mustHave(state.leases.get(leaseId), 'lease', leaseId);
    const node = mustHave(state.nodes[lease.nodeNumber], 'node', lease.nodeNumber);
    const deadline = transferDeadline(site, { direction, sizeBytes, now });
    facts.push({ kind: 'transferGranted', leaseId, direction, deadline });
    effects.push({ kind: 'transfer', nodeId: node.nodeId, leaseId, direction });
  }
  return chosen.length;
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
  transfer: { readonly direction: Direction; readonly sizeBytes: number; readonly now: Instant },
): Instant {
  const { direction, sizeBytes, now } = transfer;
  const bps = site.share * (direction === 'down' ? site.downBps : site.upBps);
  const fairMs = (1000 * 8 * sizeBytes * transfersAtATime) / bps;
  return instant(now + Math.ceil(transferPatience * fairMs + transferGraceMs));
}
