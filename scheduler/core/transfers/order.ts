// The order in which transfers of one site go over its uplink.

import type { QueuedTransfer } from '../state.ts';

/** Those that an idle slot waits for first, then first come, first served. */
export function idleSlotsFirst(
  waiting: Iterable<QueuedTransfer>,
  places: number,
): readonly QueuedTransfer[] {
  const urgent: QueuedTransfer[] = [];
  const others: QueuedTransfer[] = [];
  // Hundreds may wait behind a thin line, for one or two places.
  for (const transfer of waiting) {
    if (urgent.length === places) break;
    if (transfer.isSlotIdle) urgent.push(transfer);
    else if (others.length < places) others.push(transfer);
  }
  return [...urgent, ...others].slice(0, places);
}
