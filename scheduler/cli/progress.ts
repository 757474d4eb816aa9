// How far a job is: counts, the rate at which tasks end, and the time that is left.
import { type Job, JobState, type TaskCounts } from '../../proto/gen/punnet/v1/job.ts';
import { countText, enumText, safeText, spanText } from './print.ts';

/** "12/100 done, 35 s left, 2.5 tasks/s, 3 on nodes, 84 waiting, 1 failed"; what may be cut is last. */
export function progressText(job: Job, rate?: Rate): string {
  const { counts } = job;
  if (counts === undefined) return '';
  if (isService(job)) return serviceText(job, counts);
  const parts = [`${counts.succeeded}/${counts.total} done`];
  if (rate !== undefined) {
    if (rate.leftMs > 0) parts.push(`${spanText(rate.leftMs)} left`);
    const { tasksPerSecond: each } = rate;
    if (each > 0) parts.push(`${each.toFixed(each < 10 ? 2 : 0)} tasks/s`);
  }
  const onNodes = counts.staging + counts.running + counts.sending;
  if (onNodes > 0) parts.push(`${onNodes} on nodes`);
  if (counts.waiting > 0) parts.push(`${counts.waiting} waiting`);
  if (counts.failed > 0) parts.push(`${counts.failed} failed`);
  if (counts.cancelled > 0) parts.push(`${counts.cancelled} cancelled`);
  return parts.join(', ');
}

/** Whether its tasks are replicas that do not end. */
export function isService({ spec }: Job): boolean {
  return spec?.service !== undefined;
}

/** "2/3 run, 1 waiting, 7 restarts". */
function serviceText({ restarts }: Job, counts: TaskCounts): string {
  const parts = [`${counts.running}/${counts.total} run`];
  const coming = counts.staging + counts.sending;
  if (coming > 0) parts.push(`${coming} on the way`);
  if (counts.waiting > 0) parts.push(`${counts.waiting} waiting`);
  if (counts.cancelled > 0) parts.push(`${counts.cancelled} cancelled`);
  if (restarts > 0) parts.push(countText(restarts, 'restart'));
  return parts.join(', ');
}

/** How fast tasks end, and for how long they still will at that rate. */
export interface Rate {
  readonly tasksPerSecond: number;
  readonly leftMs: number;
}

/** Takes the counts of each moment and tells the mean rate since the first. */
export function rateMeter(): (counts: TaskCounts, nowMs: number) => Rate | undefined {
  let first: { readonly ended: number; readonly ms: number } | undefined;
  return (counts, nowMs) => {
    const ended = endedTasks(counts);
    first ??= { ended, ms: nowMs };
    const seconds = (nowMs - first.ms) / 1000;
    const tasksPerSecond = (ended - first.ended) / seconds;
    if (seconds < 0.5 || tasksPerSecond <= 0) return undefined;
    return { tasksPerSecond, leftMs: ((counts.total - ended) / tasksPerSecond) * 1000 };
  };
}

/** The measured rate; before there is one, the time that the scheduler expects. */
export function rateOf(job: Job, measured: Rate | undefined, nowMs: number): Rate | undefined {
  if (measured !== undefined || job.etaUnixMs === 0) return measured;
  return { tasksPerSecond: 0, leftMs: Math.max(0, job.etaUnixMs - nowMs) };
}

/** Tasks that will not run again. */
export function endedTasks(counts: TaskCounts): number {
  return counts.succeeded + counts.failed + counts.cancelled;
}

/** How a job ended: "j1 failed: 2/3 done, 1 failed in 4 s (punnet tasks j1 --state failed)". */
export function endText(job: Job): string {
  const counts = job.counts === undefined ? '' : `: ${progressText(job)}`;
  const took = spanText(job.endedUnixMs - job.submittedUnixMs);
  const isFailed = job.state === JobState.FAILED;
  const hint = isFailed ? ` (punnet tasks ${job.jobId} --state failed)` : '';
  const why = job.endReason === '' ? '' : `: ${safeText(job.endReason)}`;
  return `${job.jobId} ${enumText(JobState, job.state)}${counts} in ${took}${why}${hint}\n`;
}
