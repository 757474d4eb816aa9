// How facts about where nodes are change the state.

import { leaveExchanges } from '../distribution/apply-exchanges.ts';
import type { Fact } from '../facts.ts';
import { instant } from '../model/ids.ts';
import { addRates } from '../services.ts';
import { isIncoming, lookAtNode, placeFreed, remaining, siteOf } from '../leases.ts';
import type { LeaseRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave, transfersUnderWay } from '../state.ts';
import { sumCpu } from './capacity.ts';
import type { Sight } from './siting.ts';

type SiteFact = Extract<Fact, { readonly kind: 'nodeSited' | 'tunnelsHeard' | 'lanAsked' }>;

export function applySiteFact(state: State, fact: SiteFact): void {
  if (fact.kind === 'tunnelsHeard') {
    for (const { nodeNumber, sight } of fact.heard) {
      hear(state, mustHave(state.nodes[nodeNumber], 'node', nodeNumber), sight);
    }
    return;
  }
  if (fact.kind === 'lanAsked') {
    for (const number of fact.nodeNumbers) {
      const asked = mustHave(state.nodes[number], 'node', number);
      asked.lanAskedAt = fact.at;
      asked.lanTries += 1;
    }
    return;
  }
  const node = mustHave(state.nodes[fact.nodeNumber], 'node', fact.nodeNumber);
  node.sitedBy = fact.sitedBy;
  node.lan = fact.lan;
  if (fact.lan !== null) state.nextLan = Math.max(state.nextLan, fact.lan + 1);
  if (fact.natGroup !== node.natGroup) {
    leaveGroup(state, node);
    node.natGroup = fact.natGroup;
    node.natGroupSince = fact.at;
    node.lanAskedAt = instant(0);
    node.lanTries = 0;
    joinGroup(state, node);
  }
  if (fact.siteNumber === node.siteNumber) return;
  leaveExchanges(state, node);
  const from = siteOf(state, node);
  const to = mustHave(state.sites[fact.siteNumber], 'site', fact.siteNumber);
  moveNode(state, node, { from, to });
  sumCpu(state, from);
  sumCpu(state, to);
  lookAtNode(state, node);
}

/** Its site's line has carried what its tunnel has since it was seen last. */
function hear(state: State, node: NodeRecord, sight: Sight): void {
  const before = node.sight;
  node.sight = sight;
  // What came through before the scheduler looked is not counted: nobody knows when.
  if (before === null) return;
  const isSame = before.connection === sight.connection;
  const site = siteOf(state, node);
  site.tunnelUpBytes += Math.max(0, sight.upBytes - (isSame ? before.upBytes : 0));
  site.tunnelDownBytes += Math.max(0, sight.downBytes - (isSame ? before.downBytes : 0));
}

/** Puts a node, placed or from a snapshot, into the index of groups. */
export function joinGroup(state: State, { number, natGroup, lan }: NodeRecord): void {
  if (lan !== null) state.nextLan = Math.max(state.nextLan, lan + 1);
  if (natGroup === '') return;
  const members = state.natGroups.get(natGroup) ?? new Set();
  state.natGroups.set(natGroup, members.add(number));
}

function leaveGroup(state: State, { number, natGroup }: NodeRecord): void {
  const members = state.natGroups.get(natGroup);
  members?.delete(number);
  if (members?.size === 0) state.natGroups.delete(natGroup);
}

interface Move {
  readonly from: SiteRecord;
  readonly to: SiteRecord;
}

/** What its leases in force still add goes along: they go on, and their bytes over the other line. */
function moveNode(state: State, node: NodeRecord, { from, to }: Move): void {
  for (const lease of node.leases) {
    addBacklog(state, { site: from, lease }, -1);
    addBacklog(state, { site: to, lease }, 1);
  }
  moveTransfers(state, node, { from, to });
  from.nodeNumbers.splice(from.nodeNumbers.indexOf(node.number), 1);
  // In the order of numbers, as they are after a restart.
  const after = to.nodeNumbers.findIndex((number) => number > node.number);
  to.nodeNumbers.splice(after < 0 ? to.nodeNumbers.length : after, 0, node.number);
  node.siteNumber = to.number;
}

function addBacklog(
  state: State,
  { site, lease }: { readonly site: SiteRecord; readonly lease: LeaseRecord },
  sign: 1 | -1,
): void {
  const add = (total: number, part: number): number =>
    sign > 0 ? total + part : remaining(total, part);
  site.serving = addRates(site.serving, lease.rates, sign);
  site.pendingWorkGhzSeconds = add(site.pendingWorkGhzSeconds, lease.workGhzSeconds);
  site.pendingDownBytes = add(site.pendingDownBytes, lease.downBytes);
  site.pendingUpBytes = add(site.pendingUpBytes, lease.upBytes);
  if (isIncoming(state, lease)) site.incoming += sign;
  if (lease.upBytes > 0) site.outgoing += sign;
}

/** Those of void leases, too. One under way counts at the new line until its deadline. */
function moveTransfers(state: State, node: NodeRecord, { from, to }: Move): void {
  const isOfNode = (leaseId: LeaseRecord['leaseId']): boolean =>
    state.leases.get(leaseId)?.nodeNumber === node.number;
  for (const direction of ['down', 'up'] as const) {
    const { queue, active } = from.lanes[direction];
    for (const [leaseId, transfer] of queue) {
      if (!isOfNode(leaseId)) continue;
      queue.delete(leaseId);
      to.lanes[direction].queue.set(leaseId, transfer);
    }
    for (const [leaseId, deadline] of active) {
      if (!isOfNode(leaseId)) continue;
      active.delete(leaseId);
      to.lanes[direction].active.set(leaseId, deadline);
    }
  }
  placeFreed(state, from);
  state.sitesToGrant.add(to.number);
  if (transfersUnderWay(to.lanes.down) + transfersUnderWay(to.lanes.up) > 0)
    state.sitesMoving.add(to.number);
}
