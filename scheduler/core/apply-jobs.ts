// How facts about jobs change the state.

import { makeTaskColumns, stateCode } from './columns.ts';
import { lookForKept } from './kept.ts';
import { countTail, setTaskState } from './apply-leases.ts';
import type { Fact } from './facts.ts';
import { dropLease, forgetHolders } from './leases.ts';
import { release, unfinished } from './dependencies.ts';
import { retriesRemembered } from './limits.ts';
import { canRetry } from './retry.ts';
import { rowsOf } from './rows.ts';
import { firstRevisions, newReplicas, rested } from './services.ts';
import { joinQueue, researcherOf, stopWaiting } from './queue/researchers.ts';
import type { Instant } from './model/ids.ts';
import type { JobTemplate } from './model/job.ts';
import type { JobRecord, State } from './state.ts';
import { mustHave, requestKey } from './state.ts';

type JobFact = Extract<
  Fact,
  {
    readonly kind:
      | 'jobSubmitted'
      | 'jobCancelled'
      | 'jobEnded'
      | 'jobForgotten'
      | 'tasksRetried'
      | 'outputsSent';
  }
>;

export function applyJobFact(state: State, fact: JobFact): void {
  if (fact.kind === 'jobSubmitted') return submit(state, fact);
  const job = mustHave(state.jobs.get(fact.jobNumber), 'job', fact.jobNumber);
  switch (fact.kind) {
    case 'jobCancelled':
      researcherOf(state, job.researcher).waitingTasks -= job.waiting;
      job.cancelledBecause = fact.because ?? null;
      cancelOpenTasks(job);
      return end(state, job, { at: fact.at, state: 'cancelled' });
    case 'jobEnded':
      if (fact.state === 'succeeded') release(state, job.number);
      return end(state, job, fact);
    case 'jobForgotten':
      return forget(state, job);
    case 'tasksRetried':
      return retry(state, job, fact);
    case 'outputsSent':
      job.sentOutputs.add(fact.taskIndex);
      return lookForKept(state, job.jobId);
  }
}

type Submitted = Extract<JobFact, { kind: 'jobSubmitted' }>;

function submit(state: State, fact: Submitted): void {
  addJob(state, newJob(state, fact));
}

/** A job of which nothing has happened yet. */
export function newJob(state: State, fact: Omit<Submitted, 'kind'>): JobRecord {
  const template = completed(fact.template);
  const count = template.taskCount;
  return {
    number: fact.jobNumber,
    jobId: fact.jobId,
    researcher: fact.researcher,
    requestId: fact.requestId,
    template,
    submittedAt: fact.at,
    state: 'active',
    endedAt: null,
    cancelledBecause: null,
    waitsFor: unfinished(state, fact.template),
    retryRequests: [],
    tasks: makeTaskColumns(count),
    waiting: count,
    leased: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    running: 0,
    sending: 0,
    cursor: 0,
    workSumGhzSeconds: 0,
    workCount: 0,
    resultBytes: 0,
    resultCount: 0,
    leasesKept: 0,
    holders: new Set(),
    holderGhz: 0,
    sentOutputs: new Set(),
    chargedSites: new Set(),
    replicas: newReplicas(template),
    revisions: firstRevisions(template),
    backups: new Map(),
  };
}

/** What the first journals did not have in a job. */
export function completed(template: JobTemplate): JobTemplate {
  return {
    ...template,
    priority: template.priority ?? 0,
    after: template.after ?? [],
    deadlineAt: template.deadlineAt ?? null,
    service: template.service ?? null,
  };
}

/** Puts a job, new or from a snapshot, into the state's indexes. */
export function addJob(state: State, job: JobRecord): void {
  state.jobs.set(job.number, job);
  state.jobById.set(job.jobId, job);
  state.jobByRequest.set(requestKey(job.researcher, job.requestId), job);
  state.nextJobNumber = Math.max(state.nextJobNumber, job.number + 1);
  state.taskCount += job.template.taskCount;
  researcherOf(state, job.researcher).waitingTasks += job.waiting;
  if (job.waitsFor.length > 0) state.heldJobs.add(job.number);
  joinQueue(state, job);
  if (job.state !== 'active') state.endedJobs.add(job.number);
  countTail(state, job);
}

function cancelOpenTasks(job: JobRecord): void {
  const waiting = stateCode('waiting');
  const leased = stateCode('leased');
  const cancelled = stateCode('cancelled');
  for (let index = 0; index < job.template.taskCount; index += 1) {
    const code = job.tasks.state[index];
    if (code === waiting || code === leased) job.tasks.state[index] = cancelled;
  }
  job.cancelled += job.waiting + job.leased;
  job.waiting = 0;
  job.leased = 0;
}

/** Results that come later find no lease, and are acknowledged as superseded. */
function end(
  state: State,
  job: JobRecord,
  fact: { readonly at: Instant; readonly state: 'succeeded' | 'failed' | 'cancelled' },
): void {
  job.state = fact.state;
  job.endedAt = fact.at;
  state.waitingJobs.delete(job.number);
  stopWaiting(state, job);
  state.tails.delete(job.number);
  state.endedJobs.add(job.number);
  for (const lease of state.leases.values()) {
    if (job.leasesKept === 0) return;
    if (lease.jobNumber === job.number) dropLease(state, lease);
  }
}

function retry(
  state: State,
  job: JobRecord,
  { requestId, ranges }: Extract<JobFact, { kind: 'tasksRetried' }>,
): void {
  // Nodes forget a job that has ended as they come to another.
  if (job.state !== 'active') forgetHolders(job);
  job.state = 'active';
  job.endedAt = null;
  job.cancelledBecause = null;
  job.retryRequests = [...job.retryRequests, requestId].slice(-retriesRemembered);
  state.endedJobs.delete(job.number);
  for (const [first = 0, end = 0] of rowsOf(ranges, 2)) {
    for (let index = first; index < end; index += 1) {
      if (!canRetry(job, index)) continue;
      job.tasks.failures[index] = 0;
      job.tasks.losses[index] = 0;
      const replica = job.replicas?.[index];
      if (replica !== undefined) job.replicas?.splice(index, 1, rested(replica));
      setTaskState(state, job, { index, next: 'waiting' });
    }
  }
}

function forget(state: State, job: JobRecord): void {
  state.jobs.delete(job.number);
  state.jobById.delete(job.jobId);
  state.jobByRequest.delete(requestKey(job.researcher, job.requestId));
  state.endedJobs.delete(job.number);
  state.heldJobs.delete(job.number);
  state.taskCount -= job.template.taskCount;
}
