// Which site the nodes behind one address belong to. One address is one uplink, so one site, as long as
// nobody says otherwise: an uplink that was counted twice would be asked for twice what its owner
// gave. Behind a carrier's NAT are many homes; that is known when tokens or an operator name two sites
// behind one address, or when more nodes are there than a house has. Then each stays where it is, and
// those of one LAN are together, and those whose owners say the same word. The word joins nodes of one
// address only, and only those that all say it: it claims no other's line.

import { natGroupMost } from '../limits.ts';
import type { NodeRecord } from '../state.ts';
import type { Draft } from './draft.ts';
import { isTold, outranks } from './siting.ts';

/** Whether behind the address of these are several homes. */
export function isShared(draft: Draft, members: readonly NodeRecord[]): boolean {
  return members.length > natGroupMost || toldSites(draft, members).size > 1;
}

/**
 * Places all nodes of a group of which nobody said where they are. Those in `leavers` have left the site
 * that they are at.
 */
export function placeGroup(
  draft: Draft,
  natGroup: string,
  leavers: ReadonlySet<NodeRecord> = new Set(),
): void {
  const members = draft.membersOf(natGroup);
  const movable = members.filter((node) => !isTold(draft.of(node).sitedBy));
  if (movable.length === 0) return;
  if (isShared(draft, members)) {
    for (const node of movable) if (leavers.has(node)) moveOut(draft, node);
    release(draft, members);
    for (const home of homesOf(members, householdOf)) placeHome(draft, home, 'owner');
    for (const home of homesOf(members, (node) => draft.of(node).lan))
      placeHome(draft, home, 'lan');
    return;
  }
  const site = siteOfGroup(draft, members, leavers);
  if (site === null) return;
  const sitedBy = members.length > 1 ? 'nat' : 'alone';
  for (const node of movable) draft.set(node, { siteNumber: site, sitedBy });
}

/** The one that somebody named; else that of the node that has been there the longest. */
function siteOfGroup(
  draft: Draft,
  members: readonly NodeRecord[],
  leavers: ReadonlySet<NodeRecord>,
): number | null {
  const [told] = toldSites(draft, members);
  if (told !== undefined) return told;
  const settled = members.find((node) => !leavers.has(node));
  if (settled !== undefined) return draft.of(settled).siteNumber;
  const [first] = members;
  return first === undefined ? null : draft.ownSite(first);
}

/** Its members of whom nothing says more. Behind a carrier's address a LAN, or a household, is a home. */
function placeHome(draft: Draft, members: readonly NodeRecord[], by: 'owner' | 'lan'): void {
  const isSettled = (node: NodeRecord): boolean => outranks(draft.of(node).sitedBy, by);
  const sites = new Set(members.filter(isSettled).map((node) => draft.of(node).siteNumber));
  if (sites.size > 1 || members.length < 2) return;
  const [first] = members;
  const [site = first === undefined ? undefined : draft.of(first).siteNumber] = sites;
  if (site === undefined) return;
  for (const node of members)
    if (!isSettled(node)) draft.set(node, { siteNumber: site, sitedBy: by });
}

/** The members of which the same is known, by that; null: nothing is. */
function homesOf(
  members: readonly NodeRecord[],
  keyOf: (node: NodeRecord) => number | string | null,
): Iterable<readonly NodeRecord[]> {
  const homes = new Map<number | string, NodeRecord[]>();
  for (const node of members) {
    const key = keyOf(node);
    if (key === null) continue;
    const known = homes.get(key);
    if (known === undefined) homes.set(key, [node]);
    else known.push(node);
  }
  return homes.values();
}

function householdOf({ inventory }: NodeRecord): string | null {
  return inventory.household ?? null;
}

/** Those that are with nobody any more by their owner's word: of two, the one that came last leaves. */
function release(draft: Draft, members: readonly NodeRecord[]): void {
  const counts = new Map<string | null, number>();
  for (const node of members) {
    const household = householdOf(node);
    if (household !== null) counts.set(household, (counts.get(household) ?? 0) + 1);
  }
  for (const node of members.toReversed()) {
    const { sitedBy, siteNumber } = draft.of(node);
    if (sitedBy !== 'owner' || (counts.get(householdOf(node)) ?? 0) > 1) continue;
    const isAlone = members.every(
      (other) => other === node || draft.of(other).siteNumber !== siteNumber,
    );
    if (isAlone) draft.set(node, { sitedBy: 'alone' });
    else moveOut(draft, node);
  }
}

/** Whether what its owner says may change where it is. */
export function isOwnerHeard({ sitedBy, inventory }: NodeRecord): boolean {
  return sitedBy === 'owner' || (inventory.household !== undefined && outranks('owner', sitedBy));
}

/** It is given a site of its own. */
export function moveOut(draft: Draft, node: NodeRecord): void {
  const siteNumber = draft.ownSite(node);
  if (siteNumber !== null) draft.set(node, { siteNumber, sitedBy: 'alone' });
}

function toldSites(draft: Draft, members: readonly NodeRecord[]): ReadonlySet<number> {
  const sites = new Set<number>();
  for (const node of members) {
    const { sitedBy, siteNumber } = draft.of(node);
    if (isTold(sitedBy)) sites.add(siteNumber);
  }
  return sites;
}
