// How facts about services change the state.

import { completed } from './apply-jobs.ts';
import { setTaskState } from './apply-leases.ts';
import { attemptsOf } from './attempts.ts';
import { resized } from './columns.ts';
import type { Fact } from './facts.ts';
import { dropLease, forgetHolders, lookForJob } from './leases.ts';
import { retriesRemembered } from './limits.ts';
import type { Instant } from './model/ids.ts';
import type { Replica, Revisions } from './model/service.ts';
import { joinQueue, researcherOf } from './queue/researchers.ts';
import { afterRest, freshReplica } from './services.ts';
import type { JobRecord, State } from './state.ts';
import { mustHave } from './state.ts';
import { isOther } from './update.ts';

type Updated = Extract<Fact, { readonly kind: 'serviceUpdated' }>;
type Rolled = Extract<Fact, { readonly kind: 'replicaRolled' }>;
type ServiceFact = Updated | Rolled | Extract<Fact, { readonly kind: 'replicasRested' }>;

export function applyServiceFact(state: State, fact: ServiceFact): void {
  const job = mustHave(state.jobs.get(fact.jobNumber), 'job', fact.jobNumber);
  const service = serviceOf(job);
  switch (fact.kind) {
    case 'serviceUpdated':
      return update(state, service, fact);
    case 'replicaRolled':
      return roll(state, service, fact);
    case 'replicasRested':
      return endRests(state, service, fact.at);
  }
}

interface Service {
  readonly job: JobRecord;
  readonly replicas: readonly Replica[];
  readonly revisions: Revisions;
}

function serviceOf(job: JobRecord): Service {
  const { replicas, revisions } = job;
  if (replicas === null || revisions === null) throw new Error(`job ${job.jobId} is no service`);
  return { job, replicas, revisions };
}

function update(state: State, { job, revisions }: Service, fact: Updated): void {
  const { template: before } = job;
  const { requestId } = fact;
  const template = completed(fact.template);
  const requests = [...revisions.requests, requestId].slice(-retriesRemembered);
  resize(state, job, template.taskCount);
  job.template = template;
  job.revisions = { ...revisions, requests };
  if (isOther(before, template)) {
    const { newest } = revisions;
    const older = [...revisions.older, { revision: newest, template: before }];
    job.revisions = { newest: newest + 1, older, onNodes: job.leased, requests };
    // Its nodes have not fetched what is new.
    forgetHolders(job);
  }
  forgetUnused(job);
  // Silent nodes may have its tasks for less long now.
  state.deadlines.forget();
  lookForJob(state, job);
}

/** Those with the highest indexes go; new ones start with what is newest. */
function resize(state: State, job: JobRecord, count: number): void {
  const before = job.template.taskCount;
  for (let index = count; index < before; index += 1) {
    for (const lease of attemptsOf(state, job, index)) dropLease(state, lease);
    setTaskState(state, job, { index, next: 'cancelled' });
    job.cancelled -= 1;
  }
  if (count === before) return;
  job.tasks = resized(job.tasks, count);
  state.taskCount += count - before;
  const { newest } = serviceOf(job).revisions;
  const added = new Array<Replica>(Math.max(0, count - before)).fill(freshReplica(newest));
  job.replicas = [...serviceOf(job).replicas.slice(0, count), ...added];
  job.waiting += added.length;
  researcherOf(state, job.researcher).waitingTasks += added.length;
  job.cursor = Math.min(job.cursor, before);
  joinQueue(state, job);
}

function roll(state: State, { job, replicas, revisions }: Service, { taskIndex }: Rolled): void {
  for (const lease of attemptsOf(state, job, taskIndex)) dropLease(state, lease);
  const { restarts = 0 } = replicas[taskIndex] ?? {};
  job.replicas = replicas.with(taskIndex, { ...freshReplica(revisions.newest), restarts });
  setTaskState(state, job, { index: taskIndex, next: 'waiting' });
  forgetUnused(job);
  lookForJob(state, job);
}

/** Templates that no replica runs any more. */
function forgetUnused(job: JobRecord): void {
  const { replicas, revisions } = serviceOf(job);
  const used = new Set(replicas.map(({ revision }) => revision));
  const older = revisions.older.filter(({ revision }) => used.has(revision));
  job.revisions = { ...revisions, older };
}

function endRests(state: State, { job, replicas }: Service, now: Instant): void {
  job.replicas = replicas.map((each) => afterRest(each, now));
  lookForJob(state, job);
}
