// The rolling change of a service: one replica after the other gets the newest revision, the next only
// when the ones before run well. When the new one keeps ending it stops there, and the others go on as
// they were: whoever changed it changes it again, perhaps back.

import type { Fact } from './facts.ts';
import { cancelsOf } from './liveness/void-leases.ts';
import { replicaSettledMs, rolloutAfterMs, rolloutEnds } from './limits.ts';
import { attemptsOf } from './attempts.ts';
import { taskState } from './columns.ts';
import type { Effect } from './effects.ts';
import type { Instant, LeaseId } from './model/ids.ts';
import type { Replica } from './model/service.ts';
import type { JobRecord, State } from './state.ts';

interface Part {
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
}

/** At most one replica of each service. */
export function rollServices(state: State, now: Instant): Part {
  const facts: Fact[] = [];
  const effects: Effect[] = [];
  for (const job of state.jobs.values()) {
    if (!isRolling(job)) continue;
    const taskIndex = nextToChange(state, job, now);
    if (taskIndex === null) continue;
    facts.push({ kind: 'replicaRolled', at: now, jobNumber: job.number, taskIndex });
    effects.push(...cancelsOf(state, attemptsOf(state, job, taskIndex)));
    effects.push({ kind: 'jobChanged', jobId: job.jobId });
  }
  return { facts, effects };
}

export function isRolling({ state, revisions }: JobRecord): boolean {
  return state === 'active' && revisions !== null && revisions.older.length > 0;
}

/** One that is on no node first: nothing is lost by it. Then one that runs, when enough others do. */
function nextToChange(state: State, job: JobRecord, now: Instant): number | null {
  const replicas = job.replicas ?? [];
  const newest = job.revisions?.newest ?? 0;
  const { onNodes = 0 } = job.revisions ?? {};
  let [well, waiting, placed] = [0, -1, -1];
  for (const [index, replica] of replicas.entries()) {
    const isNew = replica.revision === newest;
    if (runsWell(state, job, { index, now })) well += 1;
    else if (isNew && replica.quickEnds > 0) return null;
    if (isNew) continue;
    if (taskState(job.tasks, index) !== 'leased') waiting = waiting < 0 ? index : waiting;
    else placed = placed < 0 ? index : placed;
  }
  if (waiting >= 0) return waiting;
  const isEnough = well >= Math.min(onNodes, replicas.length);
  return isEnough && placed >= 0 ? placed : null;
}

/** For some seconds; one that kept ending must have settled. */
function runsWell(
  state: State,
  job: JobRecord,
  { index, now }: { readonly index: number; readonly now: Instant },
): boolean {
  // The column holds lease ids only.
  const lease = state.leases.get((job.tasks.lease[index] ?? 0) as LeaseId);
  if (lease?.phase !== 'running' || lease.isVoid) return false;
  if (state.nodes[lease.nodeNumber]?.health !== 'healthy') return false;
  const quickEnds = job.replicas?.[index]?.quickEnds ?? 0;
  const spanMs = quickEnds < rolloutEnds ? rolloutAfterMs : replicaSettledMs;
  return now - lease.phaseSince >= spanMs;
}

/** How far the change is, for people; empty when none is on its way. */
export function rolloutText(job: JobRecord): string {
  if (!isRolling(job)) return '';
  const replicas = job.replicas ?? [];
  const isNew = ({ revision }: Replica): boolean => revision === job.revisions?.newest;
  const changed = replicas.filter(isNew).length;
  const far = `${changed} of ${replicas.length} replicas are changed`;
  const bad = replicas.findIndex((each) => isNew(each) && each.quickEnds >= rolloutEnds);
  if (bad < 0) return far;
  const { quickEnds = 0 } = replicas[bad] ?? {};
  return `${far}, and no more will be: replica ${bad} ended ${quickEnds} times, each time soon (punnet logs ${job.jobId} ${bad}); change it again, or back`;
}
