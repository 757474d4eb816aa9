// Leases that their nodes never confirm, never start, or do not end long after their task's timeout:
// such an agent does not work, and the tasks go elsewhere.

import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { overdueAfterMs, resendsOfLease, stagedAtMostMs } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { LeaseRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { cancelsOf, jobsOf, voidLeases } from './void-leases.ts';

/** Takes overdue leases back and tells their nodes. */
export function endOverdue(
  state: State,
  now: Instant,
): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
  const overdue: LeaseRecord[] = [];
  for (const lease of state.leases.values()) if (isOverdue(state, lease, now)) overdue.push(lease);
  return {
    facts: voidLeases(state, overdue, { at: now, why: 'overdue' }),
    effects: [...cancelsOf(state, overdue), ...jobsOf(state, overdue)],
  };
}

function isOverdue(state: State, lease: LeaseRecord, now: Instant): boolean {
  const { phase } = lease;
  if (lease.isVoid || phase === 'sending') return false;
  const patienceMs = phase === 'running' ? overdueAfterMs : stagedAtMostMs;
  // Of nearly all leases: whatever its job's timeout, there is time.
  if (phase !== 'granted' && now - lease.phaseSince <= patienceMs) return false;
  // The tasks of a silent node are taken for its silence.
  if (state.nodes[lease.nodeNumber]?.health !== 'healthy') return false;
  if (phase === 'granted') return lease.resends >= resendsOfLease;
  const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
  if (job.replicas !== null && phase === 'running') return false;
  return now - lease.phaseSince > job.template.timeoutMs + patienceMs;
}
