// Which site the nodes behind one address belong to. One address is one uplink, so one site, as long as
// nobody says otherwise: an uplink that was counted twice would be asked for twice what its owner
// gave. Behind a carrier's NAT are many homes; that is known when tokens or an operator name two sites
// behind one address, or when more nodes are there than a house has. Then each stays where it is, and
// those of one LAN are together.

import { natGroupMost } from '../limits.ts';
import type { NodeRecord } from '../state.ts';
import type { Draft } from './draft.ts';
import { isTold } from './siting.ts';

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
    for (const lan of lansOf(draft, members)) placeLan(draft, lan);
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

/** Its members of whom nobody said where they are. Behind a carrier's address a LAN is a home. */
function placeLan(draft: Draft, members: readonly NodeRecord[]): void {
  const told = toldSites(draft, members);
  if (told.size > 1 || members.length < 2) return;
  const [first] = members;
  const [site = first === undefined ? undefined : draft.of(first).siteNumber] = told;
  if (site === undefined) return;
  for (const node of members) {
    if (!isTold(draft.of(node).sitedBy)) draft.set(node, { siteNumber: site, sitedBy: 'lan' });
  }
}

/** The members that were proved to be on one LAN, by LAN. */
function lansOf(draft: Draft, members: readonly NodeRecord[]): Iterable<readonly NodeRecord[]> {
  const lans = new Map<number, NodeRecord[]>();
  for (const node of members) {
    const { lan } = draft.of(node);
    if (lan === null) continue;
    const known = lans.get(lan);
    if (known === undefined) lans.set(lan, [node]);
    else known.push(node);
  }
  return lans.values();
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
