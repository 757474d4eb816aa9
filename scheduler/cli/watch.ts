// Follows a job to its end: a bar on a terminal, a line now and then elsewhere.
import { status } from '@grpc/grpc-js';
import { Presets, SingleBar } from 'cli-progress';
import { JobState, Job, type TaskCounts } from '../../proto/gen/punnet/v1/job.ts';
import type { Connection } from './connection.ts';
import { messageToJson } from './descriptors.ts';
import { CliError, exitCodes, isServiceError } from './errors.ts';
import type { CliIo } from './io.ts';
import { enumText, spanText } from './print.ts';

// A pipe gets a line at most so often.
const lineIntervalMs = 2000;
const reconnectDelayMs = 2000;
// Ten minutes of a silent scheduler.
const reconnectsMax = 300;

/** Shows a job until it has ended; returns its last state. Ctrl-C stops only the watching. */
export async function watchJob(
  connection: Connection,
  jobId: string,
  how: { readonly io: CliIo; readonly isJson: boolean },
): Promise<Job> {
  const view = how.isJson ? jsonView(how.io) : how.io.isTty ? barView(how.io) : lineView(how.io);
  let last: Job | undefined;
  let failures = 0;
  try {
    while (last === undefined || last.state === JobState.ACTIVE) {
      try {
        for await (const job of updates(connection, jobId, how.io.signal)) {
          last = job;
          failures = 0;
          view.show(job);
        }
      } catch (error) {
        if (how.io.signal.aborted) throw stoppedWatching(jobId);
        const isAway = isServiceError(error) && error.code === status.UNAVAILABLE;
        failures += 1;
        if (!isAway || last === undefined || failures > reconnectsMax) {
          throw connection.explain(error);
        }
        if (failures === 1) how.io.err('the scheduler went away, waiting for it\n');
      }
      if (last === undefined || last.state === JobState.ACTIVE) {
        await pause(reconnectDelayMs, how.io.signal);
      }
    }
  } finally {
    view.stop();
  }
  return last;
}

/** The exit code that tells a script how the job ended. */
export function exitCodeOfJob(job: Job): number {
  const isBad = job.state === JobState.FAILED || job.state === JobState.CANCELLED;
  return isBad ? exitCodes.failed : exitCodes.ok;
}

/** "12/100 done, 3 running, 1 failed, 2.5 tasks/s, 35 s left". */
export function progressText(counts: TaskCounts, rate: Rate | undefined): string {
  const parts = [`${ended(counts)}/${counts.total} done`];
  const onNodes = counts.staging + counts.running + counts.sending;
  if (onNodes > 0) parts.push(`${onNodes} on nodes`);
  if (counts.waiting > 0) parts.push(`${counts.waiting} waiting`);
  if (counts.failed > 0) parts.push(`${counts.failed} failed`);
  if (counts.cancelled > 0) parts.push(`${counts.cancelled} cancelled`);
  if (rate !== undefined) {
    parts.push(`${rate.tasksPerSecond.toFixed(rate.tasksPerSecond < 10 ? 2 : 0)} tasks/s`);
    if (rate.leftMs > 0) parts.push(`${spanText(rate.leftMs)} left`);
  }
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
    first ??= { ended: ended(counts), ms: nowMs };
    const seconds = (nowMs - first.ms) / 1000;
    const tasksPerSecond = (ended(counts) - first.ended) / seconds;
    if (seconds < 0.5 || tasksPerSecond <= 0) return undefined;
    return { tasksPerSecond, leftMs: ((counts.total - ended(counts)) / tasksPerSecond) * 1000 };
  };
}

interface View {
  show(job: Job): void;
  stop(): void;
}

function jsonView(io: CliIo): View {
  return {
    show: (job) => io.out(JSON.stringify(messageToJson('Job', Job, job)) + '\n'),
    stop: () => undefined,
  };
}

function lineView(io: CliIo): View {
  const meter = rateMeter();
  let shownMs = Number.NEGATIVE_INFINITY;
  let shown = '';
  return {
    show: (job) => {
      if (job.counts === undefined) return;
      const nowMs = io.now();
      const rate = meter(job.counts, nowMs);
      const isEnd = job.state !== JobState.ACTIVE;
      const counts = progressText(job.counts, undefined);
      if (!isEnd && (counts === shown || nowMs - shownMs < lineIntervalMs)) return;
      shown = counts;
      shownMs = nowMs;
      const state = isEnd ? enumText(JobState, job.state) : 'active';
      io.out(`${job.jobId} ${state}: ${progressText(job.counts, rate)}\n`);
    },
    stop: () => undefined,
  };
}

function barView(io: CliIo): View {
  const meter = rateMeter();
  const format = '{bar} {percentage}% | {text}';
  const bar = new SingleBar({ format, clearOnComplete: false }, Presets.shades_classic);
  let isStarted = false;
  let end = '';
  return {
    show: (job) => {
      if (job.counts === undefined) return;
      const text = progressText(job.counts, meter(job.counts, io.now()));
      if (!isStarted) bar.start(job.counts.total, 0, { text });
      isStarted = true;
      bar.update(ended(job.counts), { text });
      if (job.state !== JobState.ACTIVE) end = `${job.jobId} ${enumText(JobState, job.state)}\n`;
    },
    stop: () => {
      if (isStarted) bar.stop();
      io.out(end);
    },
  };
}

async function* updates(
  connection: Connection,
  jobId: string,
  signal: AbortSignal,
): AsyncGenerator<Job> {
  const stream = connection.jobs.watchJob({ jobId }, connection.metadata);
  const stop = (): void => stream.cancel();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const source: AsyncIterable<{ readonly job: Job | undefined }> = stream;
    for await (const { job } of source) if (job !== undefined) yield job;
  } finally {
    signal.removeEventListener('abort', stop);
    stream.cancel();
  }
}

function ended(counts: TaskCounts): number {
  return counts.succeeded + counts.failed + counts.cancelled;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}

function stoppedWatching(jobId: string): CliError {
  return new CliError(
    `stopped watching; the job goes on: "punnet job ${jobId} --watch"`,
    exitCodes.interrupted,
  );
}
