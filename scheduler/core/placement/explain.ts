// What holds the waiting tasks of a job, at how many nodes, and what would free them.

import { isOpen, slotLeases, slotsOf } from '../leases.ts';
import { leasesPerSlot, linkWindowSeconds } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { JobRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Explanation, RefusalCount, SiteBacklog } from '../view.ts';
import { refuseNode } from './filter.ts';
import type { Refusal } from './filter.ts';

export function explainJob(state: State, job: JobRecord, now: Instant): Explanation {
  const refusals = countRefusals(state, job, now);
  const sites = state.sites
    .filter((site) => site.nodeNumbers.length > 0)
    .map((site) => backlogOf(state, site));
  return { summary: summarize(state, job, refusals), refusals, sites };
}

function countRefusals(state: State, job: JobRecord, now: Instant): readonly RefusalCount[] {
  const counts = new Map<string, Refusal & { count: number }>();
  for (const node of state.nodes) {
    if (node.health === 'revoked') continue;
    const refusal = refuseNode(job, node, now) ?? refuseSlot(isOpen(node));
    const known = counts.get(refusal.code);
    if (known === undefined) counts.set(refusal.code, { ...refusal, count: 1 });
    else known.count += 1;
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1));
}

/** The node fits; what keeps it from another task now. */
function refuseSlot(hasPlace: boolean): Refusal {
  if (hasPlace) {
    return {
      code: 'uplink',
      reason: `it has a place, and its site's uplink has over ${linkWindowSeconds} s to carry for others`,
      remedy: 'wait, or declare a faster uplink (punnet site set)',
    };
  }
  return {
    code: 'busy',
    reason: `all its slots have ${leasesPerSlot} tasks`,
    remedy: 'wait for running tasks to end, or enrol more nodes',
  };
}

function backlogOf(state: State, site: SiteRecord): SiteBacklog {
  let freeSlots = 0;
  for (const number of site.nodeNumbers) {
    const node = mustHave(state.nodes[number], `node ${number}`);
    if (node.health === 'healthy') freeSlots += Math.max(0, slotsOf(node) - slotLeases(node));
  }
  const cpuSeconds = site.cpuGhz === 0 ? 0 : site.pendingWorkGhzSeconds / site.cpuGhz;
  const downSeconds = (8 * site.pendingDownBytes) / (site.share * site.downBps);
  const upSeconds = (8 * site.pendingUpBytes) / (site.share * site.upBps);
  const link = downSeconds >= upSeconds ? 'uplink down' : 'uplink up';
  const binding = cpuSeconds >= Math.max(downSeconds, upSeconds) ? 'cpu' : link;
  const nodes = site.nodeNumbers.length;
  return { siteId: site.siteId, nodes, freeSlots, cpuSeconds, downSeconds, upSeconds, binding };
}

function summarize(state: State, job: JobRecord, refusals: readonly RefusalCount[]): string {
  const ended = job.template.taskCount - job.waiting - job.leased;
  if (job.state !== 'active') return `The job has ended: ${job.state}.`;
  if (job.waiting === 0)
    return `Nothing waits: ${job.leased} tasks are on nodes, ${ended} have ended.`;
  const waits = `${job.waiting} of ${job.template.taskCount} tasks wait`;
  if (state.nodes.length === 0) return `${waits}: the federation has no nodes. Enrol one.`;
  const first = refusals[0];
  if (first === undefined) return `${waits}.`;
  return `${waits}: at ${first.count} of ${state.nodes.length} nodes ${first.reason}. ${capital(first.remedy)}.`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
