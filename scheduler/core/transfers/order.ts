// The order in which transfers of one site go over its uplink.

import type { QueuedTransfer } from '../state.ts';

/** Those that an idle slot waits for first, then first come, first served. */
export function idleSlotsFirst(
  waiting: Iterable<QueuedTransfer>,
  places: number,
): readonly QueuedTransfer[] {
  const urgent: QueuedTransfer[] = [];
  const others: QueuedTransfer[] = [];
  for (const transfer of waiting) (transfer.isSlotIdle ? urgent : others).push(transfer);
  return [...urgent, ...others].slice(0, places);
}
