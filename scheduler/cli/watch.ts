// Follows a job to its end: a bar on a terminal, a line now and then elsewhere. When the scheduler
// goes away it waits, and goes on with the job when the scheduler is back.
import { status } from '@grpc/grpc-js';
import { Presets, SingleBar } from 'cli-progress';
import { Job, JobState } from '../../proto/gen/punnet/v1/job.ts';
import type { Connection } from './connection.ts';
import { messageToJson } from './descriptors.ts';
import { CliError, exitCodes, isServiceError } from './errors.ts';
import type { CliIo } from './io.ts';
import { endedTasks, endText, isService, progressText, rateMeter, rateOf } from './progress.ts';

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
  const view = viewFor(how);
  const stopped = `stopped watching; the job goes on: "punnet job ${jobId} --watch"`;
  try {
    return await followJob(connection, jobId, { ...view, signal: how.io.signal, stopped });
  } finally {
    view.stop();
  }
}

/** Who hears of a job; `stopped` is told when `signal` ends it. */
export interface Follower extends Pick<View, 'show' | 'note'> {
  readonly signal: AbortSignal;
  readonly stopped: string;
}

/** Shows each state of a job until it has ended, over restarts of the scheduler; returns the last. */
export async function followJob(
  connection: Connection,
  jobId: string,
  { signal, stopped, show, note }: Follower,
): Promise<Job> {
  let last: Job | undefined;
  let failures = 0;
  const hear = (job: Job): void => {
    if (failures > 0) note('the scheduler is back');
    failures = 0;
    last = job;
    show(job);
  };
  for (;;) {
    const error = await follow(connection, jobId, { signal, hear });
    if (signal.aborted) throw new CliError(stopped, exitCodes.interrupted);
    if (last !== undefined && last.state !== JobState.ACTIVE) return last;
    if (last === undefined || !isAway(error) || failures >= reconnectsMax) {
      throw connection.explain(error);
    }
    failures += 1;
    if (failures === 1) note('the scheduler went away, waiting for it');
    await pause(reconnectDelayMs, signal);
  }
}

/** The exit code that tells a script how the job ended. */
export function exitCodeOfJob(job: Job): number {
  const isBad = job.state === JobState.FAILED || job.state === JobState.CANCELLED;
  return isBad ? exitCodes.failed : exitCodes.ok;
}

/** Hears of the job until the stream ends; returns what ended it. */
async function follow(
  connection: Connection,
  jobId: string,
  how: { readonly signal: AbortSignal; readonly hear: (job: Job) => void },
): Promise<unknown> {
  const stream = connection.jobs.watchJob({ jobId }, connection.metadata);
  const stop = (): void => stream.cancel();
  how.signal.addEventListener('abort', stop, { once: true });
  try {
    const source: AsyncIterable<{ readonly job: Job | undefined }> = stream;
    for await (const { job } of source) if (job !== undefined) how.hear(job);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    how.signal.removeEventListener('abort', stop);
    stream.cancel();
  }
}

/** A stream that just ends while the job is active, and one that its server cut, count as away. */
function isAway(error: unknown): boolean {
  if (error === undefined) return true;
  return isServiceError(error) && awayCodes.includes(error.code);
}

const awayCodes: readonly status[] = [status.UNAVAILABLE, status.CANCELLED];

interface View {
  show(job: Job): void;
  /** A word to the user between two states. */
  note(text: string): void;
  stop(): void;
}

function viewFor({ io, isJson }: { readonly io: CliIo; readonly isJson: boolean }): View {
  if (isJson) return jsonView(io);
  return io.isTty ? barView(io) : lineView(io);
}

function jsonView(io: CliIo): View {
  return {
    show: (job) => io.out(JSON.stringify(messageToJson('Job', Job, job)) + '\n'),
    note: (text) => io.err(`${text}\n`),
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
      const rate = rateOf(job, meter(job.counts, nowMs), nowMs);
      if (job.state !== JobState.ACTIVE) return io.out(endText(job));
      const counts = progressText(job);
      if (counts === shown || nowMs - shownMs < lineIntervalMs) return;
      shown = counts;
      shownMs = nowMs;
      io.out(`${job.jobId} active: ${progressText(job, rate)}\n`);
    },
    note: (text) => io.err(`${text}\n`),
    stop: () => undefined,
  };
}

function barView(io: CliIo): View {
  const meter = rateMeter();
  const format = '{bar} {percentage}% | {text}';
  // A line that is too long is cut: a wrapped one could not be drawn over.
  const options = { format, barsize: 20, linewrap: false, stopOnComplete: false };
  const bar = new SingleBar(options, Presets.shades_classic);
  let isStarted = false;
  let end = '';
  return {
    show: (job) => {
      if (job.counts === undefined) return;
      const rate = rateOf(job, meter(job.counts, io.now()), io.now());
      const text = `${progressText(job, rate)}${job.isLate ? ', late' : ''}`;
      if (!isStarted) bar.start(job.counts.total, 0, { text });
      isStarted = true;
      bar.update(isService(job) ? job.counts.running : endedTasks(job.counts), { text });
      if (job.state !== JobState.ACTIVE) end = endText(job);
    },
    note: (text) => io.err(`\r\u001b[K${text}\n`),
    stop: () => {
      if (isStarted) bar.stop();
      io.out(end);
    },
  };
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
