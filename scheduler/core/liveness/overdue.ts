// Leases that ran on long after their task's timeout: the agent that should have ended them does not
// work, and their tasks go elsewhere.

import { taskState } from '../columns.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { overdueAfterMs } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { LeaseRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { jobsOf, voidLeases } from './void-leases.ts';

/** Takes overdue leases back and tells their nodes. */
export function endOverdue(
  state: State,
  now: Instant,
): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
  const overdue: LeaseRecord[] = [];
  for (const lease of state.leases.values()) if (isOverdue(state, lease, now)) overdue.push(lease);
  const cancels = overdue.map((lease): Effect => {
    const node = mustHave(state.nodes[lease.nodeNumber], `node ${lease.nodeNumber}`);
    return { kind: 'cancel', nodeId: node.nodeId, leaseId: lease.leaseId };
  });
  return {
    facts: voidLeases(state, overdue, { at: now, why: 'overdue' }),
    effects: [...cancels, ...jobsOf(state, overdue)],
  };
}

function isOverdue(state: State, lease: LeaseRecord, now: Instant): boolean {
  if (lease.isVoid || lease.phase !== 'running') return false;
  // The tasks of a silent node are taken for its silence.
  if (state.nodes[lease.nodeNumber]?.health !== 'healthy') return false;
  const job = mustHave(state.jobs.get(lease.jobNumber), `job ${lease.jobNumber}`);
  if (taskState(job.tasks, lease.taskIndex) !== 'leased') return false;
  return now - lease.runningSince > job.template.timeoutMs + overdueAfterMs;
}
