// The order in which transfers of one site go over its uplink.

import { isToRun, nodeOf, slotsOf } from '../leases.ts';
import { mustHave } from '../state.ts';
import type { QueuedTransfer, State } from '../state.ts';

/** Whether a slot has nothing to do until this one is done. */
export type IsAwaited = (transfer: QueuedTransfer) => boolean;

/** Those that an idle slot waits for first, then first come, first served. */
export function idleSlotsFirst(
  waiting: Iterable<QueuedTransfer>,
  places: number,
  isAwaited: IsAwaited,
): readonly QueuedTransfer[] {
  const urgent: QueuedTransfer[] = [];
  const others: QueuedTransfer[] = [];
  // Hundreds may wait behind a thin line, for one or two places.
  for (const transfer of waiting) {
    if (urgent.length === places) break;
    if (isAwaited(transfer)) urgent.push(transfer);
    else if (others.length < places) others.push(transfer);
  }
  return [...urgent, ...others].slice(0, places);
}

/**
 * Whether the task will run as soon as it is there: the node has a slot for it beside those that run,
 * and those that were leased before. A node can't tell: while it waits, another task may end.
 */
export function slotAwaits(state: State, { leaseId }: QueuedTransfer): boolean {
  const lease = mustHave(state.leases.get(leaseId), 'lease', leaseId);
  const node = nodeOf(state, lease);
  let idle = slotsOf(node);
  for (const each of node.leases) if (each.phase === 'running') idle -= 1;
  if (idle <= 0) return false;
  for (const each of node.leases) {
    if (each === lease) return idle > 0;
    if (isToRun(each)) idle -= 1;
  }
  return false;
}
