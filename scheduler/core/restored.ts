// What a state that was restored from a backup must forget before it goes on: what has happened since
// the backup is out there, and nobody remembers it here.

import type { DurableFact } from './facts.ts';
import { leasesSkipped } from './limits.ts';
import { voidLeases } from './liveness/void-leases.ts';
import type { State } from './state.ts';

/**
 * New leases get numbers that were never granted: a node's old result must not count for another
 * task. Those in force at the backup may have ended and been forgotten since: their tasks wait again,
 * and a node that still holds one says so and goes on with it.
 */
export function restoredFacts(state: State): readonly DurableFact[] {
  const at = state.latest;
  return [
    { kind: 'leaseIdsSkipped', at, nextLeaseId: state.nextLeaseId + leasesSkipped },
    ...voidLeases(state, state.leases.values(), { at, why: 'node_lost' }),
  ];
}
