// How jobs, tasks and explanations look.
import { JobState, TaskState, type Job, type Task } from '../../proto/gen/punnet/v1/job.ts';
import type { ExplainJobResponse } from '../../proto/gen/punnet/v1/job_service.ts';
import type { CliIo } from './io.ts';
import { enumText, facts, paintFor, safeText, spanText, table, timeText } from './print.ts';
import { progressText } from './watch.ts';

/** A line a job. */
export function jobsText(io: CliIo, jobs: readonly Job[]): string {
  if (jobs.length === 0) return 'no jobs: "punnet submit job.yaml"\n';
  const rows = jobs.map((job) => [
    job.jobId,
    safeText(job.spec?.name ?? ''),
    stateText(io, enumText(JobState, job.state)),
    doneText(job),
    String(job.counts?.failed ?? 0),
    safeText(job.researcher),
    timeText(job.submittedUnixMs),
  ]);
  return table(io, ['job', 'name', 'state', 'done', 'failed', 'researcher', 'submitted'], rows);
}

/** One job in full. */
export function jobText(io: CliIo, job: Job): string {
  const endMs = job.endedUnixMs;
  const work = job.measured;
  return facts(io, [
    ['job', job.jobId],
    ['name', safeText(job.spec?.name ?? '')],
    ['state', stateText(io, enumText(JobState, job.state))],
    ['researcher', safeText(job.researcher)],
    ['tasks', job.counts === undefined ? '' : progressText(job.counts, undefined)],
    ['submitted', timeText(job.submittedUnixMs)],
    ['ended', timeText(endMs)],
    ['took', endMs === 0 ? '' : spanText(endMs - job.submittedUnixMs)],
    ['a task costs', work === undefined ? '' : `${work.workGhzS.toFixed(2)} GHz*s (measured)`],
  ]);
}

/** A line a task. */
export function tasksText(io: CliIo, tasks: readonly Task[]): string {
  if (tasks.length === 0) return 'no such tasks\n';
  const rows = tasks.map((task) => [
    String(task.index),
    stateText(io, enumText(TaskState, task.state)),
    safeText(task.nodeName === '' ? task.nodeId : task.nodeName),
    task.siteId,
    task.cpuSeconds === 0 ? '' : `${task.cpuSeconds.toFixed(2)} s`,
    endText(task),
    `${task.failures}/${task.losses}`,
    safeText(task.placement),
  ]);
  const head = ['task', 'state', 'node', 'site', 'cpu', 'end', 'failed/lost', 'why there'];
  return table(io, head, rows);
}

/** What holds the waiting tasks, or why a task is where it is. */
export function explanationText(io: CliIo, answer: ExplainJobResponse): string {
  const parts = [`${safeText(answer.summary)}\n`];
  if (answer.task !== undefined) parts.push(tasksText(io, [answer.task]));
  if (answer.refusals.length > 0) {
    const rows = answer.refusals.map((refusal) => [
      String(refusal.count),
      refusal.code,
      safeText(refusal.reason),
      safeText(refusal.remedy),
    ]);
    parts.push(table(io, ['count', 'refusal', 'reason', 'what would free it'], rows));
  }
  if (answer.sites.length > 0) {
    const rows = answer.sites.map((site) => [
      site.siteId,
      String(site.nodes),
      String(site.freeSlots),
      spanText(site.cpuSeconds * 1000),
      spanText(site.downSeconds * 1000),
      spanText(site.upSeconds * 1000),
      site.binding,
    ]);
    parts.push(table(io, ['site', 'nodes', 'free', 'cpu', 'down', 'up', 'bound by'], rows));
  }
  return parts.join('\n');
}

/** A state in its colour. */
export function stateText(io: CliIo, state: string): string {
  const paint = paintFor(io);
  if (/^(succeeded|healthy)$/.test(state)) return paint.green(state);
  if (/^(failed|lost|quarantined|revoked)$/.test(state)) return paint.red(state);
  if (/^(cancelled|suspect)$/.test(state)) return paint.yellow(state);
  return state;
}

function doneText(job: Job): string {
  return `${job.counts?.succeeded ?? 0}/${job.counts?.total ?? 0}`;
}

function endText(task: Task): string {
  return task.exitCode === 0 ? task.endCode : `${task.endCode} (${task.exitCode})`;
}
