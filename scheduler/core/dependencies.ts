// Jobs that wait for others (`after`): refused when they never could start, released when the last
// of these has succeeded, cancelled when one fails, as Slurm does with `afterok` and
// `kill_invalid_depend`. Only jobs that exist can be named, so that there are no circles.

import type { CommandRefusal, WantedJob } from './commands.ts';
import { refusal } from './decision.ts';
import type { Effect } from './effects.ts';
import type { Fact } from './facts.ts';
import type { Instant, JobId } from './model/ids.ts';
import type { CancelCause, JobState, JobTemplate } from './model/job.ts';
import { joinQueue } from './queue/researchers.ts';
import type { JobRecord, State } from './state.ts';

/** Numbers of the jobs that a new one has to wait for. */
export function unfinished(state: State, template: JobTemplate): readonly number[] {
  const numbers: number[] = [];
  for (const id of template.after ?? []) {
    const job = state.jobById.get(id);
    if (job !== undefined && job.state !== 'succeeded') numbers.push(job.number);
  }
  return numbers;
}

/** Why the job would never start, or null. */
export function refuseAfter(
  state: State,
  { researcher, template }: WantedJob,
): CommandRefusal | null {
  for (const [at, id] of template.after.entries()) {
    const field = `after[${at}]`;
    const job = state.jobById.get(id);
    if (job === undefined || job.researcher !== researcher) {
      return refusal('invalid', `wanted a job of yours, found none with the id "${id}"`, field);
    }
    const { state: how, template: named } = job;
    if (named.service !== null) {
      const reason = `job ${named.name} (${id}) is a service and never succeeds: wanted a job that ends`;
      return refusal('invalid', reason, field);
    }
    if (how !== 'failed' && how !== 'cancelled') continue;
    const reason = `job ${named.name} (${id}) ${endedText(how)}, so that this one would never start: wanted one that can still succeed`;
    return refusal('invalid', reason, field);
  }
  return null;
}

/** Of a job that did not succeed. */
export function endedText(state: JobState): string {
  return state === 'failed' ? 'has failed' : 'was cancelled';
}

/** Why a job was cancelled without its researcher's word; empty when it was not. */
export function causeText(state: State, { cancelledBecause: cause }: JobRecord): string {
  if (cause === null) return '';
  return `it waited for job ${nameOf(state, cause.jobId)}, which ${endedText(cause.state)}`;
}

/** The first of the jobs that it waits for, and how far that one is. */
export function heldText(state: State, job: JobRecord): string {
  const [first] = job.waitsFor.flatMap((number) => state.jobs.get(number) ?? []);
  if (first === undefined) return '';
  const { template, succeeded, failed, cancelled, jobId } = first;
  const ended = succeeded + failed + cancelled;
  const more = job.waitsFor.length > 1 ? ` and ${job.waitsFor.length - 1} more` : '';
  return `waits for job ${nameOf(state, jobId)}${more}: ${ended} of its ${template.taskCount} tasks have ended`;
}

function nameOf(state: State, id: JobId): string {
  const name = state.jobById.get(id)?.template.name;
  return name === undefined ? id : `${name} (${id})`;
}

/** The first job that it waited for and that will not succeed as it is; undefined: there is none. */
export function hopelessWait(state: State, job: JobRecord): JobRecord | undefined {
  const named = job.waitsFor.flatMap((number) => state.jobs.get(number) ?? []);
  return named.find((each) => each.state !== 'active');
}

/** The job has succeeded: those that waited for it only may start. Called by apply only. */
export function release(state: State, jobNumber: number): void {
  for (const number of state.heldJobs) {
    const job = state.jobs.get(number);
    if (job === undefined || !job.waitsFor.includes(jobNumber)) continue;
    job.waitsFor = job.waitsFor.filter((each) => each !== jobNumber);
    if (job.waitsFor.length > 0) continue;
    state.heldJobs.delete(number);
    joinQueue(state, job);
  }
}

/** The jobs that waited for one that will not succeed, and those that waited for them. */
export function cancelWaiting(
  state: State,
  ended: JobRecord,
  { as, now }: { readonly as: CancelCause['state']; readonly now: Instant },
): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
  const facts: Fact[] = [];
  const effects: Effect[] = [];
  const seen = new Set<number>([ended.number]);
  const causes: { readonly number: number; readonly because: CancelCause }[] = [
    { number: ended.number, because: { jobId: ended.jobId, state: as } },
  ];
  for (const { number, because } of causes) {
    for (const job of waitingFor(state, number)) {
      if (seen.has(job.number)) continue;
      seen.add(job.number);
      facts.push({ kind: 'jobCancelled', at: now, jobNumber: job.number, because });
      effects.push({ kind: 'jobChanged', jobId: job.jobId });
      causes.push({ number: job.number, because: { jobId: job.jobId, state: 'cancelled' } });
    }
  }
  return { facts, effects };
}

function* waitingFor(state: State, jobNumber: number): Generator<JobRecord> {
  for (const number of state.heldJobs) {
    const job = state.jobs.get(number);
    if (job?.state === 'active' && job.waitsFor.includes(jobNumber)) yield job;
  }
}
