// When slots will be free, as far as what they have is known.

import { isOfService, nodeOf, slotsOf } from '../../leases.ts';
import type { Instant } from '../../model/ids.ts';
import type { LeaseRecord, NodeRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';

/** A task that runs longer than it should is thought to need this part of its time more. */
const overrun = 0.1;

/** Seconds until each slot of the node is free, sorted; `more` tasks of so many GHz·s are added. */
export function freeIn(
  state: State,
  node: NodeRecord,
  { now, more }: { readonly now: Instant; readonly more: readonly number[] },
): number[] {
  const { speedGhz } = node.inventory;
  const ends: number[] = [];
  const staged: number[] = [];
  for (const id of node.leases) {
    const lease = mustHave(state.leases.get(id), 'lease', id);
    // A replica of a service holds its slot for good.
    if (lease.phase === 'sending' || isOfService(state, lease)) continue;
    const seconds = lease.workGhzSeconds / speedGhz;
    if (lease.phase === 'running') ends.push(leftOf(lease, seconds, now));
    else staged.push(seconds);
  }
  const slots = Array.from(
    { length: Math.max(0, slotsOf(node) - node.serving) },
    (_, slot) => ends[slot] ?? 0,
  );
  for (const work of more) staged.push(work / speedGhz);
  for (const seconds of staged) {
    slots.sort((a, b) => a - b);
    slots[0] = (slots[0] ?? 0) + seconds;
  }
  return slots.sort((a, b) => a - b);
}

function leftOf(lease: LeaseRecord, seconds: number, now: Instant): number {
  const elapsed = Math.max(0, now - lease.phaseSince) / 1000;
  return Math.max(seconds - elapsed, overrun * seconds);
}

/** GHz·s that running tasks have behind them, by number of the site. */
export function doneOf(state: State, now: Instant): ReadonlyMap<number, number> {
  const done = new Map<number, number>();
  for (const lease of state.leases.values()) {
    if (lease.isVoid || lease.phase !== 'running') continue;
    const { siteNumber, inventory } = nodeOf(state, lease);
    const elapsed = Math.max(0, now - lease.phaseSince) / 1000;
    const work = Math.min((1 - overrun) * lease.workGhzSeconds, elapsed * inventory.speedGhz);
    done.set(siteNumber, (done.get(siteNumber) ?? 0) + work);
  }
  return done;
}
