// Takes leases away from nodes that are gone: their tasks wait again.

import { stateCode } from '../columns.ts';
import type { Effect } from '../effects.ts';
import type { DurableFact } from '../facts.ts';
import { lossesPerTask } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { LeaseRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';

type Voided = Extract<DurableFact, { kind: 'leasesVoided' }>;

/** One fact for all the leases, or none. */
export function voidLeases(
  state: State,
  leases: Iterable<LeaseRecord>,
  options: { readonly at: Instant; readonly why: Voided['why'] },
): readonly DurableFact[] {
  const rows: number[] = [];
  for (const lease of leases) {
    if (lease.isVoid) continue;
    const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
    const losses = (job.tasks.losses[lease.taskIndex] ?? 0) + 1;
    const isOver = job.replicas === null && losses > lossesPerTask;
    rows.push(lease.leaseId, stateCode(isOver ? 'failed' : 'waiting'));
  }
  if (rows.length === 0) return [];
  return [{ kind: 'leasesVoided', at: options.at, why: options.why, rows }];
}

/** Tells their nodes to end them. */
export function cancelsOf(state: State, leases: readonly LeaseRecord[]): readonly Effect[] {
  return leases.map(({ nodeNumber, leaseId }) => {
    const { nodeId } = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
    return { kind: 'cancel', nodeId, leaseId };
  });
}

/** For watchers of the jobs that these leases belong to. */
export function jobsOf(state: State, leases: Iterable<LeaseRecord>): readonly Effect[] {
  const numbers = new Set<number>();
  for (const lease of leases) numbers.add(lease.jobNumber);
  const effects: Effect[] = [];
  for (const number of numbers) {
    const job = state.jobs.get(number);
    if (job !== undefined) effects.push({ kind: 'jobChanged', jobId: job.jobId });
  }
  return effects;
}
