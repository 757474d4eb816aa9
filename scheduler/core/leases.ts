// The bookkeeping of leases that `apply` shares between its parts: backlogs of sites, places in the
// transfer lanes, slots of nodes. Called by apply only.

import { leasesPerSlot } from './limits.ts';
import type { NewLease } from './lease-numbers.ts';
import type { LeaseId } from './model/ids.ts';
import {
  downBytesOf,
  ownBytesAt,
  relayOf,
  underWay,
  upBytesOf,
  workOf,
} from './placement/estimate.ts';
import { noRates } from './model/service.ts';
import type { Counts } from './placement/open/node-places.ts';
import type { Openness } from './placement/open/open-nodes.ts';
import { behind, closed, idle } from './placement/open/open-nodes.ts';
import { chargeShared, countLease } from './queue/researchers.ts';
import { addRates, asOf, claimOf, ratesOf } from './services.ts';
import type { JobRecord, LeaseRecord, NodeRecord, SiteRecord, State } from './state.ts';
import { mustHave, noLeases, transfersUnderWay } from './state.ts';

export function siteOf(state: State, node: NodeRecord): SiteRecord {
  return mustHave(state.sites[node.siteNumber], 'site', node.siteNumber);
}

export function nodeOf(state: State, lease: LeaseRecord): NodeRecord {
  return mustHave(state.nodes[lease.nodeNumber], 'node', lease.nodeNumber);
}

/** Slots that the node's owner leaves now. */
export function slotsOf(node: NodeRecord): number {
  return Math.min(node.inventory.slots, node.status?.slots ?? node.inventory.slots);
}

/** Whether it waits on its node for bytes or a slot. */
export function isToRun({ phase }: LeaseRecord): boolean {
  return phase !== 'running' && phase !== 'sending';
}

/** Leases that hold or will need a slot. */
export function slotLeases(node: NodeRecord): number {
  return node.leases.length - node.sending;
}

/** Whether it can be given anything. One that was healthy before a restart must be heard first: it may
 * have died with the scheduler's machine, and would keep what it is given. */
function isHere(node: NodeRecord): boolean {
  return node.health === 'healthy' && node.lastHeardAt !== 0 && !node.isDraining;
}

/** Whether nothing of `refuseSuited` can refuse it. */
function isWilling(node: NodeRecord): boolean {
  const { status, restsUntil, closesAt } = node;
  if (!isHere(node) || restsUntil !== 0 || closesAt !== null) return false;
  if (status === null) return true;
  // Of few nodes: how much of its month is left is asked for each job.
  if (status.allowsInternet === true && status.month !== null) return false;
  return status.isAccepting && status.refuses.length === 0;
}

/** Whether the node may be given another lease at all. */
export function isOpen(state: State, nodeNumber: number): boolean {
  return state.places.isOpen(nodeNumber, leasesPerSlot);
}

/** Something of the node has changed: the indexes hear of it, and it is looked at if it has a place. */
export function lookAtNode(state: State, node: NodeRecord): void {
  nodeChanged(state, node);
  if (isOpen(state, node.number)) state.nodesToPlace.add(node.number);
}

/** Something of the node has changed by which it fits nothing that it did not fit before. */
export function nodeChanged(state: State, node: NodeRecord): void {
  willChanged(state, node);
  state.openNodes.changed(node, opennessOf(state, node));
}

/** What it may be given has changed, and not what it could run. */
export function willChanged(state: State, node: NodeRecord): void {
  const { number, siteNumber } = node;
  const may = { isHere: isHere(node), isWilling: isWilling(node) };
  state.places.changed(number, { siteNumber, ghz: ghzOf(node), ...may, ...countsOf(node) });
}

/** The node's leases have changed, and nothing else. */
function leasesChanged(state: State, node: NodeRecord): void {
  state.nodeTasks.changed(node.number);
  state.places.counted(node.number, countsOf(node));
  state.openNodes.counted(node.number, opennessOf(state, node));
}

function countsOf(node: NodeRecord): Counts {
  return { slots: slotsOf(node) - node.serving, leases: slotLeases(node) - node.serving };
}

function opennessOf(state: State, { number, status }: NodeRecord): Openness {
  if (!isOpen(state, number) || status?.isAccepting === false) return closed;
  return state.places.placesOf(number, 1) > 0 ? idle : behind;
}

/** A slot of the node has become free. */
export function slotFreed(state: State, node: NodeRecord): void {
  leasesChanged(state, node);
  state.nodesToPlace.add(node.number);
}

/** Something changed for all its nodes: its line has less in hand. */
export function lookAtSite(state: State, site: SiteRecord): void {
  state.sitesToPlace.add(site.number);
}

/** The job has waiting tasks that no node was asked for: it is new, or what held them has changed. */
export function lookForJob(state: State, job: JobRecord): void {
  state.jobsToPlace.add(job.number);
}

/** Something changed for every job. */
export function lookForAll(state: State): void {
  for (const jobNumber of state.waitingJobs) state.jobsToPlace.add(jobNumber);
}

/** Makes a lease that there was not before. */
export function grantLease(
  state: State,
  job: JobRecord,
  granted: Omit<NewLease, 'jobNumber'>,
): LeaseRecord {
  const lease = addLease(state, job, granted);
  const { siteNumber } = nodeOf(state, lease);
  chargeShared(state, job, { at: granted.at, siteNumber });
  return lease;
}

/** Makes a lease in force: node, site and job count it. */
export function addLease(
  state: State,
  job: JobRecord,
  { leaseId, taskIndex, nodeNumber, at }: Omit<NewLease, 'jobNumber'>,
): LeaseRecord {
  const { leaseNumbers } = state;
  const lease = leaseNumbers.begin({ leaseId, jobNumber: job.number, taskIndex, nodeNumber, at });
  state.leases.set(lease.leaseId, lease);
  job.leasesKept += 1;
  enterForce(state, job, lease);
  return lease;
}

/** What all its slots compute in a second. */
export function ghzOf(node: NodeRecord): number {
  return slotsOf(node) * node.inventory.speedGhz;
}

/** Adds the lease's backlog to its site and its place to its node. */
export function enterForce(state: State, job: JobRecord, lease: LeaseRecord): void {
  const node = nodeOf(state, lease);
  const site = siteOf(state, node);
  lease.isVoid = false;
  const own = asOf(job, lease.taskIndex);
  lease.workGhzSeconds = workOf(job);
  const downBytes = downBytesOf(state, { job: own, taskIndex: lease.taskIndex }, node);
  lease.downBytes = underWay(downBytes);
  lease.upBytes = upBytesOf(job);
  beginRelay(state, job, lease);
  // What its tasks share was charged with the first grant at the site.
  const bits = 8 * (ownBytesAt(own, lease.taskIndex, site.number) + lease.upBytes);
  const isService = job.template.service !== null;
  lease.rates = ratesOf(own.template, node);
  const claim = isService ? claimOf(lease.rates) : { workGhzSeconds: lease.workGhzSeconds, bits };
  lease.claimedGhzSeconds = claim.workGhzSeconds;
  lease.claimedBits = claim.bits;
  countLease(state, lease, 1);
  site.serving = addRates(site.serving, lease.rates, 1);
  if (isService) node.serving += 1;
  site.pendingWorkGhzSeconds += lease.workGhzSeconds;
  node.pendingWorkGhzSeconds += lease.workGhzSeconds;
  site.pendingDownBytes += lease.downBytes;
  if (isIncoming(state, lease)) site.incoming += 1;
  site.pendingUpBytes += lease.upBytes;
  if (lease.upBytes > 0) site.outgoing += 1;
  node.leases = [...node.leases, lease];
  addHolder(state, job, node);
  leasesChanged(state, node);
}

/** The node has the job's shared blobs, or fetches them. */
export function addHolder(state: State, job: JobRecord, node: NodeRecord): void {
  if (job.holders.has(node.number)) return;
  job.holderGhz += ghzOf(node);
  job.holders.add(node.number);
  const others = node.programs.filter(
    (number) => number !== job.number && isHolder(state, node, number),
  );
  node.programs = [...others, job.number];
}

/** No node counts as having its shared blobs any more, and no site: they would come again. */
export function forgetHolders(job: JobRecord): void {
  job.holders.clear();
  job.holderGhz = 0;
  job.chargedSites.clear();
}

/** Of a job that goes on. */
function isHolder(state: State, node: NodeRecord, jobNumber: number): boolean {
  const job = state.jobs.get(jobNumber);
  return job?.state === 'active' && job.holders.has(node.number);
}

/** The lease is not in force any more: its backlog, transfers and slot are free. */
export function leaveForce(state: State, lease: LeaseRecord): void {
  const node = nodeOf(state, lease);
  const site = siteOf(state, node);
  enterPhaseCounts(state, lease, -1);
  if (lease.phase === 'sending') node.sending -= 1;
  else if (isOfService(state, lease)) node.serving -= 1;
  countLease(state, lease, -1);
  site.serving = addRates(site.serving, lease.rates, -1);
  site.pendingWorkGhzSeconds = remaining(site.pendingWorkGhzSeconds, lease.workGhzSeconds);
  node.pendingWorkGhzSeconds = remaining(node.pendingWorkGhzSeconds, lease.workGhzSeconds);
  if (lease.upBytes > 0 || lease.rates !== noRates) lookAtSite(state, site);
  noneToCome(state, lease);
  site.pendingUpBytes = remaining(site.pendingUpBytes, lease.upBytes);
  if (lease.upBytes > 0) site.outgoing -= 1;
  lease.workGhzSeconds = 0;
  lease.upBytes = 0;
  node.leases =
    node.leases.length === 1 ? noLeases : node.leases.filter((other) => other !== lease);
  freeLanes(state, site, lease.leaseId);
  lease.isVoid = true;
  const backups = state.jobs.get(lease.jobNumber)?.backups;
  if (backups?.get(lease.taskIndex) === lease.leaseId) backups.delete(lease.taskIndex);
  slotFreed(state, node);
}

export function isOfService(state: State, lease: LeaseRecord): boolean {
  const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
  return job.template.service !== null;
}

/** What the lease had to fetch is there. */
export function bytesArrived(state: State, lease: LeaseRecord): void {
  const { internetBytes = 0 } = state.jobs.get(lease.jobNumber)?.template ?? {};
  leaveToCome(state, lease, internetBytes);
}

/** Nothing comes for the lease any more. */
export function noneToCome(state: State, lease: LeaseRecord): void {
  leaveToCome(state, lease, 0);
}

/** So many bytes of the lease at most are still to come: what it moves over the internet it moves while it runs. */
function leaveToCome(state: State, lease: LeaseRecord, mostBytes: number): void {
  endRelay(state, lease);
  if (lease.downBytes <= mostBytes) return;
  lookAtSite(state, siteOf(state, nodeOf(state, lease)));
  leaveDownBytes(state, lease, mostBytes);
}

/** @param bytes at most those that it had. */
export function leaveDownBytes(state: State, lease: LeaseRecord, bytes: number): void {
  const site = siteOf(state, nodeOf(state, lease));
  const wasIncoming = isIncoming(state, lease);
  site.pendingDownBytes = remaining(site.pendingDownBytes, lease.downBytes - bytes);
  lease.downBytes = bytes;
  if (wasIncoming && !isIncoming(state, lease)) site.incoming -= 1;
}

/** Whether something comes that it can't start without: what it moves over the internet holds no place of a transfer. */
export function isIncoming({ jobs }: State, { jobNumber, downBytes }: LeaseRecord): boolean {
  return downBytes > (jobs.get(jobNumber)?.template.internetBytes ?? 0);
}

/** Its input has to come over the line of another site, where it was born. */
function beginRelay(state: State, job: JobRecord, lease: LeaseRecord): void {
  const { taskIndex } = lease;
  const relay = relayOf(state, { job, taskIndex }, nodeOf(state, lease).siteNumber);
  lease.relayedBytes = relay?.bytes ?? 0;
  if (relay !== null) relay.home.pendingUpBytes += relay.bytes;
}

/** The site where the lease's input was born, if its line has to carry it. */
export function homeOf({ jobs, sites }: State, lease: LeaseRecord): SiteRecord | null {
  if (lease.relayedBytes === 0) return null;
  return sites[jobs.get(lease.jobNumber)?.template.home ?? -1] ?? null;
}

function endRelay(state: State, lease: LeaseRecord): void {
  const job = state.jobs.get(lease.jobNumber);
  const home = homeOf(state, lease);
  if (job === undefined || home === null) return;
  home.pendingUpBytes = remaining(home.pendingUpBytes, lease.relayedBytes);
  lease.relayedBytes = 0;
  if (home.lanes.up.active.delete(lease.leaseId)) placeFreed(state, home);
  // Slots anywhere were kept from its tasks while the line was busy.
  lookAtSite(state, home);
  if (job.waiting > 0) lookForJob(state, job);
}

/** Removes the lease altogether: a result of it is superseded from now on. */
export function dropLease(state: State, lease: LeaseRecord): void {
  if (!lease.isVoid) leaveForce(state, lease);
  else freeLanes(state, siteOf(state, nodeOf(state, lease)), lease.leaseId);
  if (!state.leases.delete(lease.leaseId)) return;
  state.leaseNumbers.end(lease);
  const job = state.jobs.get(lease.jobNumber);
  if (job !== undefined) job.leasesKept -= 1;
}

function freeLanes(state: State, site: SiteRecord, leaseId: LeaseId): void {
  for (const lane of [site.lanes.down, site.lanes.up]) {
    // Most lanes are empty: nothing is looked for there.
    if (lane.queue.size > 0) lane.queue.delete(leaseId);
    if (lane.active.size > 0 && lane.active.delete(leaseId)) placeFreed(state, site);
  }
}

/** Of a lane: another transfer may begin. */
export function placeFreed(state: State, site: SiteRecord): void {
  state.sitesToGrant.add(site.number);
  for (const number of site.relaysTo) state.sitesToGrant.add(number);
  const { down, up } = site.lanes;
  if (transfersUnderWay(down) + transfersUnderWay(up) === 0) state.sitesMoving.delete(site.number);
}

/** Counts the lease in its job's soft phase counts, or out of them. They are of tasks: a backup
 * attempt does not count beside the one that the task's columns name. */
export function enterPhaseCounts(state: State, lease: LeaseRecord, sign: 1 | -1): void {
  if (lease.isVoid) return;
  const job = state.jobs.get(lease.jobNumber);
  if (job === undefined || job.tasks.lease[lease.taskIndex] !== lease.leaseId) return;
  if (lease.phase === 'running') job.running += sign;
  if (lease.phase === 'sending') job.sending += sign;
}

/** Floating point sums leave crumbs: never below nothing. */
export function remaining(total: number, part: number): number {
  return total - part < 1e-6 ? 0 : total - part;
}
