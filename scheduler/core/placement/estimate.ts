// What a task will cost, as far as anybody knows.

import { isInputSent } from '../kept.ts';
import { freeTransferBytes, partKept, pilotTasks, unknownWorkGhzSeconds } from '../limits.ts';
import { noRates } from '../model/service.ts';
import type { Rates } from '../model/service.ts';
import { bestBundle } from '../model/architecture.ts';
import type { Exchange } from '../distribution/exchange.ts';
import type { BlobRef } from '../model/job.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import type { SiteLoad, TaskCost } from './balance.ts';

/** GHz·s of one task as declared and as finished ones have shown it; null: nobody knows yet. */
export function knownWorkOf(job: JobRecord): number | null {
  const shown = { sum: job.workSumGhzSeconds, count: job.workCount };
  return corrected(job.template.profile.workGhzSeconds, shown);
}

/** What was declared is worth as much as that many tasks: a few odd ones don't turn it over, and what is
 * wrong comes right. Null: nothing was declared, and too few tasks have shown it. */
function corrected(
  declared: number | null,
  { sum, count }: { readonly sum: number; readonly count: number },
): number | null {
  if (declared !== null) return (pilotTasks * declared + sum) / (pilotTasks + count);
  return count < pilotTasks ? null : sum / count;
}

/** GHz·s of one task: what is known, or a first guess. A replica of a service has no end to work for:
 * it takes a part of its site instead. */
export function workOf(job: JobRecord): number {
  if (job.template.service !== null) return 0;
  return knownWorkOf(job) ?? unknownWorkGhzSeconds;
}

/** A task that has to be done. */
interface Task {
  readonly job: JobRecord;
  readonly taskIndex: number;
}

/** Bytes that must cross the uplink before the task can start on this node. */
export function downBytesOf(state: State, { job, taskIndex }: Task, node: NodeRecord): number {
  return ownBytesAt(job, taskIndex, node.siteNumber) + sharedDownBytes(state, job, node);
}

/** What a task alone takes of a site's line down: its own input, but where that was born, and what it moves over
 * the internet, of which most comes down. */
export function ownBytesAt(
  { template }: Pick<JobRecord, 'template'>,
  taskIndex: number,
  siteNumber: number,
): number {
  const input = template.home === siteNumber ? 0 : (template.taskInputBytes[taskIndex] ?? 0);
  return input + (template.internetBytes ?? 0);
}

/** What a task elsewhere fetches over the line of its input's home; null: it is born nowhere, or there, or the origin has it too. */
export function relayOf(
  state: State,
  { job, taskIndex }: Task,
  siteNumber: number,
): { readonly home: SiteRecord; readonly bytes: number } | null {
  const { home } = job.template;
  const site = home === undefined || home === siteNumber ? undefined : state.sites[home];
  if (site === undefined || isInputSent(state, job, taskIndex)) return null;
  return { home: site, bytes: underWay(job.template.taskInputBytes[taskIndex] ?? 0) };
}

/** Of what the job's tasks share: what the node has need not come again, nor what others of its site have or bring. */
export function sharedDownBytes(
  { exchanges }: State,
  job: JobRecord,
  { number, siteNumber, inventory }: NodeRecord,
): number {
  if (job.holders.has(number)) return 0;
  const bytes = sharedBytes(job);
  const ofSite = exchanges.bySite.get(siteNumber);
  if (ofSite === undefined || bytes === 0) return bytes;
  const { bundles, sharedInputs } = job.template;
  const bundle = bestBundle(inventory.architecture, bundles);
  return missingBytes(ofSite, bundle === undefined ? [] : [bundle], sharedInputs);
}

/** The same for a node of the site that has nothing of the job; of programs for different boards the largest. */
export function sharedBytesAt({ exchanges }: State, job: JobRecord, siteNumber: number): number {
  const ofSite = exchanges.bySite.get(siteNumber);
  if (ofSite === undefined) return sharedBytes(job);
  return missingBytes(ofSite, job.template.bundles, job.template.sharedInputs);
}

/** Of these that no member of an exchange has told of: the largest bundle, and all inputs. */
function missingBytes(
  ofSite: ReadonlyMap<string, Exchange>,
  bundles: readonly BlobRef[],
  inputs: readonly BlobRef[],
): number {
  const isThere = ({ sha256 }: BlobRef): boolean => (ofSite.get(sha256)?.members.size ?? 0) > 0;
  let bytes = 0;
  for (const bundle of bundles)
    if (bundle.sizeBytes > bytes && !isThere(bundle)) bytes = bundle.sizeBytes;
  for (const input of inputs) if (!isThere(input)) bytes += input.sizeBytes;
  return bytes;
}

/** Whether it has all that the job's tasks share, or fetches it for one of them. */
export function hasShared(node: NodeRecord, job: JobRecord): boolean {
  return sharedBytes(job) === 0 || job.holders.has(node.number);
}

/** What counts as on its way until the node says otherwise: of a few bytes it tells neither that it wants
 * them nor that it has them, and they would count until the task starts. */
export function underWay(bytes: number): number {
  return bytes <= freeTransferBytes ? 0 : bytes;
}

/** Bundle (the largest, when there are several) and shared inputs. */
export function sharedBytes(job: JobRecord): number {
  const { bundles, sharedInputs } = job.template;
  // Asked for each pair of a task and a node: no array is made for it.
  let bytes = 0;
  for (const { sizeBytes } of bundles) if (sizeBytes > bytes) bytes = sizeBytes;
  for (const { sizeBytes } of sharedInputs) bytes += sizeBytes;
  return bytes;
}

/** Bytes that one task sends back. */
export function upBytesOf(job: JobRecord): number {
  if (job.template.keepsOutputs === true) return 0;
  const shown = { sum: job.resultBytes, count: job.resultCount };
  return corrected(job.template.profile.outputBytes, shown) ?? 0;
}

/** What a task would add to its site's load. */
export function costOf(state: State, task: Task, node: NodeRecord): TaskCost {
  const { job } = task;
  return {
    workGhzSeconds: workOf(job),
    downBits: 8 * downBytesOf(state, task, node),
    upBits: 8 * upBytesOf(job),
  };
}

/** What is not counted in a site yet: GHz·s, bytes, and leases that have bytes to fetch or send. */
export interface More {
  readonly work: number;
  readonly down: number;
  readonly up: number;
  readonly incoming: number;
  readonly outgoing: number;
  /** Of services. */
  readonly rates: Rates;
}

export const nothingMore: More = {
  ...{ work: 0, down: 0, up: 0, incoming: 0, outgoing: 0 },
  rates: noRates,
};

/** What services leave of the site's CPUs and of the shared part of its uplink. */
export function ratesLeft(site: SiteRecord, more = noRates): Rates {
  const { serving, share } = site;
  return {
    cpuGhz: left(site.cpuGhz, serving.cpuGhz + more.cpuGhz),
    downBps: left(share * site.downBps, serving.downBps + more.downBps),
    upBps: left(share * site.upBps, serving.upBps + more.upBps),
  };
}

/** A line that was declared thinner, or nodes that went, may leave less than services use. */
function left(all: number, used: number): number {
  return Math.max(partKept * all, all - used);
}

/** What a site has in hand now, and more. */
export function loadOf(site: SiteRecord, more = nothingMore): SiteLoad {
  const { cpuGhz, downBps, upBps } = ratesLeft(site, more.rates);
  // One plain literal: looked at for each site in each round, and a spread takes ten times as long.
  return {
    workGhzSeconds: site.pendingWorkGhzSeconds + more.work,
    downBits: 8 * (site.pendingDownBytes + site.exchangeBytes + more.down),
    upBits: 8 * (site.pendingUpBytes + more.up),
    incoming: site.incoming + more.incoming,
    outgoing: site.outgoing + more.outgoing,
    cpuGhz,
    downBps,
    upBps,
  };
}
