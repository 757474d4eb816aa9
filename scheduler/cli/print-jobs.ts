// How jobs, tasks and explanations look.
import { JobState, TaskState, type Job, type Task } from '../../proto/gen/punnet/v1/job.ts';
import type { ExplainJobResponse } from '../../proto/gen/punnet/v1/job_service.ts';
import type { CliIo } from './io.ts';
import { deadlineText, etaText } from './print-estimate.ts';
import {
  bytesText,
  countText,
  enumText,
  facts,
  paintFor,
  safeText,
  spanText,
  table,
  timeText,
} from './print.ts';
import { isService, progressText } from './progress.ts';

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
    timeText(job.etaUnixMs),
    job.isLate ? paintFor(io).red('late') : '',
  ]);
  const head = ['job', 'name', 'state', 'done', 'failed', 'researcher', 'submitted'];
  return table(io, [...head, 'estimated end', 'deadline'], rows);
}

/** One job in full. */
export function jobText(io: CliIo, job: Job): string {
  const endMs = job.endedUnixMs;
  return facts(io, [
    ['job', job.jobId],
    ['name', safeText(job.spec?.name ?? '')],
    ['state', stateText(io, enumText(JobState, job.state))],
    ['researcher', safeText(job.researcher)],
    [isService(job) ? 'replicas' : 'tasks', progressText(job)],
    ['change', safeText(job.rollout)],
    ['submitted', timeText(job.submittedUnixMs)],
    ['waits for', endMs === 0 ? job.waitsFor.join(', ') : ''],
    ['ended', timeText(endMs)],
    ['estimated end', etaText(job)],
    ['deadline', deadlineText(io, job)],
    ['because', safeText(job.endReason)],
    ['took', endMs === 0 ? '' : spanText(endMs - job.submittedUnixMs)],
    ['a task costs', costText(io, job)],
    ['a task leaves', leavesText(io, job)],
  ]);
}

/** What tasks showed, and what was declared where that was off by more than a factor of two. */
function costText(io: CliIo, { measured }: Job): string {
  if (measured === undefined) return '';
  const { workGhzS, declaredWorkGhzS } = measured;
  const shown = `${workGhzS.toFixed(2)} GHz*s (measured)`;
  if (!isOff(workGhzS, declaredWorkGhzS)) return shown;
  return `${shown}; ${offText(io, `${declaredWorkGhzS} GHz*s`)}`;
}

/** Where each task has its place by them: told only when they are not what was declared. */
function leavesText(io: CliIo, { measured }: Job): string {
  const { resultBytes = 0, declaredOutputBytes = 0 } = measured ?? {};
  if (resultBytes === 0 || !isOff(resultBytes, declaredOutputBytes)) return '';
  const declared = bytesText(declaredOutputBytes);
  return `${bytesText(resultBytes)} (measured); ${offText(io, declared)}`;
}

/** Nothing declared is not off. */
function isOff(measured: number, declared: number): boolean {
  return declared > 0 && (measured > 2 * declared || declared > 2 * measured);
}

function offText(io: CliIo, declared: string): string {
  return paintFor(io).yellow(`${declared} were declared, off by more than a factor of two`);
}

/** A line a task. */
export function tasksText(io: CliIo, tasks: readonly Task[]): string {
  if (tasks.length === 0) return 'no such tasks\n';
  // The tasks of a job have a row each, or none.
  const columns = Object.keys(tasks[0]?.row ?? {});
  const rows = tasks.map((task) => [
    String(task.index),
    ...columns.map((column) => safeText(task.row[column] ?? '')),
    stateText(io, enumText(TaskState, task.state)) + restText(io, task),
    safeText(nodesText(task)),
    task.siteId,
    task.endCode === '' ? '' : `${task.cpuSeconds.toFixed(2)} s`,
    triesText(task),
    endText(task),
  ]);
  return table(io, ['task', ...columns, 'state', 'node', 'site', 'cpu', 'tries', 'last end'], rows);
}

/** Hindrances that go away as sites get through what they have. */
const isLoad = /^(busy|uplink_)/;

/** What holds the waiting tasks, or why a task is where it is. */
export function explanationText(io: CliIo, answer: ExplainJobResponse): string {
  const parts = [`${safeText(answer.summary)}\n`];
  // One that holds all is in the sentence already.
  if (answer.refusals.length > 1) {
    const rows = answer.refusals.map((refusal) => [
      String(refusal.count),
      String(refusal.sites),
      refusal.code,
      safeText(refusal.reason),
      safeText(refusal.remedy),
    ]);
    parts.push(table(io, ['nodes', 'sites', 'held by', 'because', 'what helps'], rows));
  }
  if (answer.sites.length > 0 && answer.refusals.some(({ code }) => isLoad.test(code))) {
    const rows = answer.sites.map((site) => [
      site.siteId,
      String(site.nodes),
      String(site.freeSlots),
      spanText(site.cpuSeconds * 1000),
      spanText(site.downSeconds * 1000),
      spanText(site.upSeconds * 1000),
      site.binding,
    ]);
    const head = ['site', 'nodes', 'free slots', 'work', 'down', 'up', 'bound by'];
    parts.push(`What each site has in hand:\n${table(io, head, rows)}`);
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
  const { running = 0, succeeded = 0, total = 0 } = job.counts ?? {};
  return isService(job) ? `${running}/${total} run` : `${succeeded}/${total}`;
}

/** Where it is, and where its backup attempt. */
function nodesText({ nodeName, nodeId, backupNodeName }: Task): string {
  const node = nodeName === '' ? nodeId : nodeName;
  return backupNodeName === '' ? node : `${node} (backup: ${backupNodeName})`;
}

/** " (rests 35 s)", for a replica that ended soon after it had been placed. */
function restText(io: CliIo, { restsUntilUnixMs }: Task): string {
  const leftMs = restsUntilUnixMs - io.now();
  return leftMs > 0 ? ` (rests ${spanText(leftMs)})` : '';
}

/** Attempts that came to nothing. */
function triesText({ failures, losses, restarts }: Task): string {
  if (restarts > 0) return countText(restarts, 'restart');
  const parts = [failures > 0 ? `${failures} failed` : '', losses > 0 ? `${losses} lost` : ''];
  return parts.filter((part) => part !== '').join(', ');
}

/** How the last attempt ended, when it did not end well. */
function endText({ endCode, exitCode }: Task): string {
  if (endCode === 'succeeded') return '';
  if (endCode === 'exited') return `exit code ${exitCode}`;
  return endCode.replaceAll('_', ' ');
}
