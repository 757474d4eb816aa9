// A service is changed while it runs: another number of replicas at once, another program one replica
// after the other (see `rollout.ts`).

import { refuseArchitecture, refuseQuota } from './admission.ts';
import { attemptsOf } from './attempts.ts';
import type { CommandRefusal, UpdateJob } from './commands.ts';
import type { Decision } from './decision.ts';
import { nothing, refusal } from './decision.ts';
import { cancelsOf } from './liveness/void-leases.ts';
import type { Instant } from './model/ids.ts';
import type { JobTemplate } from './model/job.ts';
import type { JobRecord, LeaseRecord, State } from './state.ts';
import { mustHave } from './state.ts';

type WantedUpdate = Pick<UpdateJob, 'jobId' | 'template'>;

export function updateJob(state: State, command: UpdateJob, now: Instant): Decision {
  const no = refuseUpdate(state, command);
  if (no !== null) return { ...nothing, answer: no };
  const { jobId, template, requestId } = command;
  const job = mustHave(state.jobById.get(jobId), 'job', jobId);
  const answer = { kind: 'job', jobId, isNew: false } as const;
  const isKnown = job.revisions?.requests.includes(requestId) ?? false;
  const isSame = template.taskCount === job.template.taskCount && !isOther(job.template, template);
  if (isKnown || isSame) return { ...nothing, answer };
  const surplus: LeaseRecord[] = [];
  for (let index = template.taskCount; index < job.template.taskCount; index += 1) {
    surplus.push(...attemptsOf(state, job, index));
  }
  return {
    facts: [{ kind: 'serviceUpdated', at: now, jobNumber: job.number, requestId, template }],
    effects: [...cancelsOf(state, surplus), { kind: 'jobChanged', jobId }],
    answer,
  };
}

/** Why the job cannot become this, or null. */
export function refuseUpdate(
  state: State,
  { jobId, template }: WantedUpdate,
): CommandRefusal | null {
  const job = state.jobById.get(jobId);
  if (job === undefined) return refusal('not_found', `There is no job ${jobId}.`, 'job_id');
  const more = Math.max(0, template.taskCount - job.template.taskCount);
  const added = { researcher: job.researcher, template: { ...template, taskCount: more } };
  return (
    refuseKind(job, template) ??
    refuseArchitecture(state, template) ??
    (more > 0 ? refuseQuota(state, added) : null)
  );
}

function refuseKind(job: JobRecord, template: JobTemplate): CommandRefusal | null {
  const { jobId } = job;
  if (job.replicas === null) {
    const reason = `Job ${jobId} is no service, and what its tasks run stays as it is: submit another job.`;
    return refusal('failed_precondition', reason, 'job_id');
  }
  if (job.state !== 'active') {
    const reason = `Service ${jobId} is ${job.state}: start it again first (punnet retry ${jobId}), or submit another.`;
    return refusal('failed_precondition', reason, 'job_id');
  }
  if (template.service === null) {
    const reason = `job ${jobId} is a service: wanted a service, found a job with tasks`;
    return refusal('invalid', reason, 'service');
  }
  if (template.name === job.template.name) return null;
  const reason = `wanted "${job.template.name}", the name of the service, found "${template.name}"`;
  return refusal('invalid', reason, 'name');
}

/** Whether replicas must be started anew for it. */
export function isOther(before: JobTemplate, after: JobTemplate): boolean {
  return (
    JSON.stringify(inOrder({ ...before, taskCount: 0 })) !==
    JSON.stringify(inOrder({ ...after, taskCount: 0 }))
  );
}

/** The order of the fields is that of whoever wrote them. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([name, inner]) => [name, inOrder(inner)]);
}
