// Which bytes go next on each uplink: few at a time, in the policy's order. The sites' budgets are
// the core's to spend; an adapter only paces the bytes.

import type { Direction } from '../commands.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { transferGraceMs, transferPatience, transfersAtATime } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { instant } from '../model/ids.ts';
import type { Policy } from '../placement/policy.ts';
import type { QueuedTransfer, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { slotAwaits } from './order.ts';

/** Fills the free places in the lanes of sites where something changed. */
export function grantTransfers(
  state: State,
  { now, policy }: { readonly now: Instant; readonly policy: Policy },
): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
  const facts: Fact[] = [];
  const effects: Effect[] = [];
  const isAwaited = {
    down: (transfer: QueuedTransfer): boolean => slotAwaits(state, transfer),
    // A task that sends has left its slot.
    up: (): boolean => false,
  };
  for (const siteNumber of state.sitesToGrant) {
    // Its line is being measured, or about to be.
    if (siteNumber === state.heldSite || siteNumber === state.probe?.siteNumber) continue;
    const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
    for (const direction of ['down', 'up'] as const) {
      const lane = site.lanes[direction];
      const places = transfersAtATime - lane.active.size;
      if (places <= 0 || lane.queue.size === 0) continue;
      const waiting = lane.queue.values();
      for (const next of policy.nextTransfers(waiting, places, isAwaited[direction])) {
        const lease = mustHave(state.leases.get(next.leaseId), 'lease', next.leaseId);
        const node = mustHave(state.nodes[lease.nodeNumber], 'node', lease.nodeNumber);
        const { leaseId } = next;
        const deadline = transferDeadline(site, { direction, sizeBytes: next.sizeBytes, now });
        facts.push({ kind: 'transferGranted', leaseId, direction, deadline });
        effects.push({ kind: 'transfer', nodeId: node.nodeId, leaseId, direction });
      }
    }
  }
  return { facts, effects };
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
