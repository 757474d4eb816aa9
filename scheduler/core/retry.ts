// What becomes of jobs after their end: failed tasks run again, or the job is deleted.

import { refuseQuota } from './admission.ts';
import { taskState } from './columns.ts';
import type { DeleteJob, RetryTasks } from './commands.ts';
import type { Decision } from './decision.ts';
import { nothing, refuse } from './decision.ts';
import { endedText, hopelessWait } from './dependencies.ts';
import type { Instant } from './model/ids.ts';
import { takerOf } from './kept.ts';
import type { JobRecord, State } from './state.ts';

/** Failed ones, and those of a job that was cancelled: its researcher may think again. */
export function canRetry(job: JobRecord, index: number): boolean {
  const state = taskState(job.tasks, index);
  return state === 'failed' || state === 'cancelled';
}

export function retryTasks(state: State, command: RetryTasks, now: Instant): Decision {
  const job = state.jobById.get(command.jobId);
  if (job === undefined) return refuse('not_found', `There is no job ${command.jobId}.`, 'job_id');
  if (job.retryRequests.includes(command.requestId)) {
    return { ...nothing, answer: { kind: 'retried', tasks: 0 } };
  }
  const { requestId } = command;
  const indexes = command.indexes ?? allOf(job);
  const wrong = indexes.find((index) => index < 0 || index >= job.template.taskCount);
  if (wrong !== undefined) {
    const reason = `There is no task ${wrong} in job ${job.jobId}: it has ${job.template.taskCount}, numbered from 0.`;
    return refuse('invalid', reason, 'indexes');
  }
  const hindrance = refuseRetry(state, job, indexes);
  if (hindrance !== null) return hindrance;
  const { ranges, tasks } = rangesOf(indexes);
  return {
    facts: [{ kind: 'tasksRetried', at: now, jobNumber: job.number, requestId, ranges }],
    effects: [{ kind: 'jobChanged', jobId: job.jobId }],
    answer: { kind: 'retried', tasks },
  };
}

function refuseRetry(state: State, job: JobRecord, indexes: readonly number[]): Decision | null {
  const { jobId, researcher, template } = job;
  const other = indexes.find((index) => !canRetry(job, index));
  if (other !== undefined) {
    const reason = `Task ${other} of job ${jobId} is ${taskState(job.tasks, other)}: wanted tasks that failed or were cancelled (punnet tasks ${jobId}).`;
    return refuse('failed_precondition', reason, 'indexes');
  }
  if (indexes.length === 0) {
    const reason = `No task of job ${jobId} failed or was cancelled: there is nothing to retry.`;
    return refuse('failed_precondition', reason);
  }
  const first = hopelessWait(state, job);
  if (first !== undefined) {
    const reason = `Job ${jobId} waits for job ${first.template.name} (${first.jobId}), which ${endedText(first.state)}: retry that one first (punnet retry ${first.jobId}).`;
    return refuse('failed_precondition', reason);
  }
  if (job.waitsFor.some((number) => !state.jobs.has(number))) {
    const reason = `Job ${jobId} waited for a job that never succeeded and was deleted: submit it again without that one.`;
    return refuse('failed_precondition', reason);
  }
  const { outputsOf, home } = template;
  if (outputsOf !== undefined && home !== undefined && !state.jobById.has(outputsOf.jobId)) {
    const reason = `Job ${jobId} takes outputs of job ${outputsOf.jobId}, which stayed on nodes and were let go when that was deleted: run that one again, and submit this one again.`;
    return refuse('failed_precondition', reason);
  }
  const no = refuseQuota(state, {
    researcher,
    template: { ...template, taskCount: indexes.length },
  });
  return no === null ? null : { ...nothing, answer: no };
}

function allOf(job: JobRecord): readonly number[] {
  const found: number[] = [];
  if (job.failed + job.cancelled === 0) return found;
  for (let index = 0; index < job.template.taskCount; index += 1) {
    if (canRetry(job, index)) found.push(index);
  }
  return found;
}

/** Neighbours share a range: a million cancelled tasks are two numbers in the journal. */
function rangesOf(indexes: readonly number[]): {
  readonly ranges: readonly number[];
  readonly tasks: number;
} {
  const ranges: number[] = [];
  let tasks = 0;
  for (const index of [...new Set(indexes)].sort((a, b) => a - b)) {
    tasks += 1;
    if (ranges.length > 0 && ranges.at(-1) === index) ranges[ranges.length - 1] = index + 1;
    else ranges.push(index, index + 1);
  }
  return { ranges, tasks };
}

/** Only a job that has ended: whoever deletes an active one may have meant another. */
export function deleteJob(state: State, command: DeleteJob, now: Instant): Decision {
  const job = state.jobById.get(command.jobId);
  if (job === undefined) return refuse('not_found', `There is no job ${command.jobId}.`, 'job_id');
  if (job.state === 'active') {
    const reason = `Job ${job.jobId} is active: cancel it first (punnet cancel ${job.jobId}).`;
    return refuse('failed_precondition', reason, 'job_id');
  }
  const taker = takerOf(state, job);
  if (taker !== undefined) {
    const reason = `Job ${taker.jobId} takes outputs that stay where job ${job.jobId} made them: let it end, or cancel it first (punnet cancel ${taker.jobId}).`;
    return refuse('failed_precondition', reason, 'job_id');
  }
  return {
    facts: [{ kind: 'jobForgotten', at: now, jobNumber: job.number }],
    effects: [{ kind: 'jobChanged', jobId: job.jobId }],
    answer: { kind: 'done' },
  };
}
