// One round of the demo: the jobs are submitted, watched until they end, and their results checked.

import { join } from 'node:path';
import type { Federation } from './federation.ts';
import type { DemoJob } from './jobs.ts';
import { say } from './say.ts';

/** What came of a round, for whoever compares. */
export interface Round {
  readonly policy: string;
  /** From the first submission to the last end, by the scheduler's clock. */
  readonly seconds: number;
  readonly jobs: readonly Submitted[];
}

export interface Submitted {
  readonly name: string;
  readonly jobId: string;
}

export interface RoundOptions {
  readonly policy: string;
  /** Fetched results go into folders of this one. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

export async function runRound(
  federation: Federation,
  jobs: readonly DemoJob[],
  { policy, folder, signal }: RoundOptions,
): Promise<Round> {
  const submitted = await submit(federation, jobs);
  const watched = Promise.all(submitted.map((job) => watch(federation, job)));
  const over = watched.then(
    () => true,
    () => true,
  );
  // Of the peers none makes a plan.
  if (policy === 'ratio') await showPlans(federation, submitted, over);
  await watched;
  for (const [index, job] of jobs.entries()) {
    const fetched = join(folder, `fetched-${policy}-${job.name}`);
    await federation.punnet('fetch', submitted[index]?.jobId ?? '', '--to', fetched);
    say(`${job.name}: ${await job.check(fetched, signal)}`);
  }
  return { policy, seconds: await secondsOf(federation, submitted), jobs: submitted };
}

async function submit(
  federation: Federation,
  jobs: readonly DemoJob[],
): Promise<readonly Submitted[]> {
  const submitted: Submitted[] = [];
  for (const { name, title, file } of jobs) {
    say(`punnet submit ${name}.yaml   (${title})`);
    const printed = await federation.punnet('submit', file);
    submitted.push({ name, jobId: printed.trim() });
  }
  return submitted;
}

/** Shows a job until it has ended; throws, with the words of its tasks, when it did not succeed. */
async function watch(federation: Federation, { name, jobId }: Submitted): Promise<void> {
  const code = await federation.follow(['job', jobId, '--watch'], (line) =>
    say(`  ${name.padEnd(8)} ${line}`),
  );
  if (code === 0) return;
  say(await federation.punnet('tasks', jobId, '--state', 'failed'));
  throw new Error(`job ${name} did not succeed (punnet job ended with ${code ?? 'a signal'})`);
}

const lookEveryMs = 1_000;

/** The plan, each time that it knows a job that it did not know before: it is made anew as jobs come. */
async function showPlans(
  federation: Federation,
  jobs: readonly Submitted[],
  over: Promise<boolean>,
): Promise<void> {
  const news = new Set(jobs.map(({ jobId }) => jobId));
  let isOver = false;
  while (news.size > 0 && !isOver) {
    const pause = new Promise<boolean>((resolve) => setTimeout(resolve, lookEveryMs, false));
    isOver = await Promise.race([over, pause]);
    const known = (await plannedJobs(federation)).filter((jobId) => news.has(jobId));
    // One who looks now and then may miss a plan; the last one stays, and what it says is told.
    const isLast = isOver && news.size === jobs.length;
    if (known.length === 0 && !isLast) continue;
    for (const jobId of known) news.delete(jobId);
    say(`punnet plan\n${await federation.punnet('plan')}`);
  }
}

async function plannedJobs(federation: Federation): Promise<readonly string[]> {
  const { plan } = JSON.parse(await federation.punnet('plan', '--output', 'json')) as {
    plan?: { jobs: readonly { jobIds: readonly string[] }[] };
  };
  return (plan?.jobs ?? []).flatMap(({ jobIds }) => jobIds);
}

async function secondsOf(federation: Federation, submitted: readonly Submitted[]): Promise<number> {
  // int64 is text in JSON.
  const { jobs } = JSON.parse(await federation.punnet('jobs', '--output', 'json')) as {
    jobs: readonly { jobId: string; submittedUnixMs: string; endedUnixMs: string }[];
  };
  const ours = jobs.filter(({ jobId }) => submitted.some((job) => job.jobId === jobId));
  const first = Math.min(...ours.map(({ submittedUnixMs }) => Number(submittedUnixMs)));
  return (Math.max(...ours.map(({ endedUnixMs }) => Number(endedUnixMs))) - first) / 1000;
}
