// Jobs whose plan can't be followed: it counts on nodes by their CPUs and lines, and those may refuse a
// job now, as their owner's hours end or they rest.

import type { Instant } from '../../model/ids.ts';
import type { JobRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import { refuseNode } from '../filter.ts';
import { cellOf, leastShare } from './plan.ts';
import type { Plan } from './plan.ts';
import { plannedJobs } from './tail.ts';

/** Numbers of the jobs that each node refuses at all sites where the plan has a share left for them. */
export function refusedJobs(state: State, plan: Plan | null, now: Instant): ReadonlySet<number> {
  const refused = new Set<number>();
  if (plan === null) return refused;
  for (const job of plannedJobs(state)) {
    if (isRefused(state, job, { plan, now })) refused.add(job.number);
  }
  return refused;
}

function isRefused(
  state: State,
  job: JobRecord,
  { plan, now }: { readonly plan: Plan; readonly now: Instant },
): boolean {
  let isWanted = false;
  for (const { number, nodeNumbers } of state.sites) {
    const cell = cellOf(plan, job.number, number);
    if (cell === null || (plan.shares[cell] ?? 0) - (plan.given[cell] ?? 0) < leastShare) continue;
    isWanted = true;
    for (const nodeNumber of nodeNumbers) {
      const node = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
      if (refuseNode(job, node, now) === null) return false;
    }
  }
  return isWanted;
}
