// Jobs whose plan can't be followed: it counts on nodes by their CPUs and lines, and those may refuse a
// job now, as their owner's hours end or they rest.

import type { Instant } from '../../model/ids.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import { refuseNode, takesNow } from '../filter.ts';
import { cellOf, leastShare } from './plan.ts';
import type { Plan } from './plan.ts';
import { plannedJobs } from './tail.ts';

/** Numbers of the jobs that each node refuses at all sites where the plan has a share left for them. */
export function refusedJobs(state: State, plan: Plan | null, now: Instant): ReadonlySet<number> {
  const refused = new Set<number>();
  if (plan === null) return refused;
  // Whoever takes nothing now is asked once, and not for each job: at night that is most nodes.
  const taking = new Map<SiteRecord, readonly NodeRecord[]>();
  const takingAt = (site: SiteRecord): readonly NodeRecord[] => {
    const nodes = taking.get(site) ?? nodesOf(state, site).filter((node) => takesNow(node, now));
    taking.set(site, nodes);
    return nodes;
  };
  for (const job of plannedJobs(state)) {
    if (isRefused(state, job, { plan, now, takingAt })) refused.add(job.number);
  }
  return refused;
}

function nodesOf(state: State, { nodeNumbers }: SiteRecord): readonly NodeRecord[] {
  return nodeNumbers.map((number) => mustHave(state.nodes[number], 'node', number));
}

interface Look {
  readonly plan: Plan;
  readonly now: Instant;
  /** Nodes that take anything now. */
  readonly takingAt: (site: SiteRecord) => readonly NodeRecord[];
}

function isRefused(state: State, job: JobRecord, { plan, now, takingAt }: Look): boolean {
  let isWanted = false;
  for (const site of state.sites) {
    const cell = cellOf(plan, job.number, site.number);
    if (cell === null || (plan.shares[cell] ?? 0) - (plan.given[cell] ?? 0) < leastShare) continue;
    isWanted = true;
    if (takingAt(site).some((node) => refuseNode(job, node, now) === null)) return false;
  }
  return isWanted;
}
