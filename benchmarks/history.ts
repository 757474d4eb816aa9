// What people ask costs beside a long history: one job, one page of its tasks, and many who watch a
// busy job.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { TaskState } from '../proto/gen/punnet/v1/job.ts';
import type { WatchJobResponse } from '../proto/gen/punnet/v1/job_service.ts';
import type { JobId } from '../scheduler/core/index.ts';
import type { Benchmark, Figure, Outcome, Size } from './figure.ts';
import { jobNow, specOf, submit, upload } from './jobs.ts';
import { LightFederation } from './light-federation.ts';
import { cpuMsOf } from './machine.ts';
import { tasksAFailure, writePast } from './past-jobs.ts';
import { follow, tellPhase } from './progress.ts';
import { SchedulerProcess } from './scheduler-process.ts';

interface Scale {
  /** Tasks of each job that has ended. */
  readonly past: readonly number[];
  readonly calls: number;
  readonly watchers: number;
  readonly agents: number;
  readonly spanMs: number;
  readonly rounds: number;
}

const scales: Readonly<Record<Size, Scale>> = {
  full: {
    // 1,000,000 in all.
    past: [...jobsOf(50, 1_000), ...jobsOf(45, 10_000), 500_000],
    ...{ calls: 2_000, watchers: 100, agents: 100, spanMs: 10_000, rounds: 3 },
  },
  tiny: { past: [10, 200], calls: 20, watchers: 3, agents: 5, spanMs: 500, rounds: 1 },
};
const taskMs = 450;

function jobsOf(count: number, tasks: number): readonly number[] {
  return new Array<number>(count).fill(tasks);
}

export const history: Benchmark = {
  name: 'history',
  about: 'GetJob and ListTasks beside 1,000,000 finished tasks; 100 watchers of a busy job',
  async run(size: Size): Promise<Outcome> {
    const scale = scales[size];
    const total = scale.past.reduce((sum, tasks) => sum + tasks, 0);
    let scheduler = await SchedulerProcess.start();
    const { folder } = scheduler;
    try {
      await scheduler.end('SIGTERM');
      tellPhase(`writing ${total.toLocaleString('en-US')} finished tasks`);
      const jobs = await writePast({ folder, tasks: scale.past });
      scheduler = await SchedulerProcess.start(folder);
      const asked = await timeQuestions(scheduler, jobs, scale);
      const watching = await measureWatchers(scheduler, scale);
      return { digest: `${jobs.length} jobs of ${total} tasks`, figures: [...asked, ...watching] };
    } finally {
      await scheduler.remove();
    }
  },
};

/** Each kind of question in turn, so that what else the machine does meets all of them alike. */
async function timeQuestions(
  { connection }: SchedulerProcess,
  jobs: readonly JobId[],
  { past, calls }: Scale,
): Promise<readonly Figure[]> {
  const listTasks = connection.jobs.listTasks.bind(connection.jobs);
  const listSites = connection.sites.listSites.bind(connection.sites);
  const ms = {
    get: [] as number[],
    page: [] as number[],
    rare: [] as number[],
    bare: [] as number[],
  };
  const page = { pageSize: 0, pageToken: '', state: TaskState.UNSPECIFIED };
  const tokens = new Map<JobId, string>();
  for (let call = 0; call < calls; call += 1) {
    // The largest job, the last, as often as all others.
    const number = call % 2 === 0 ? jobs.length - 1 : call % jobs.length;
    const jobId = jobs[number];
    const tasks = past[number];
    if (jobId === undefined || tasks === undefined) throw new Error(`there is no job ${number}`);
    await timed(ms.bare, () => connection.call(listSites, { pageSize: 1, pageToken: '' }));
    const job = await timed(ms.get, () => jobNow(connection, jobId));
    if (job.counts?.total !== tasks) throw new Error(`job ${jobId} has lost tasks`);
    const pageToken = tokens.get(jobId) ?? '';
    const list = await timed(ms.page, () =>
      connection.call(listTasks, { ...page, jobId, pageToken }),
    );
    if (list.tasks.length === 0) throw new Error(`a page of job ${jobId} is empty`);
    tokens.set(jobId, list.nextPageToken);
    const state = TaskState.FAILED;
    const rare = await timed(ms.rare, () => connection.call(listTasks, { ...page, jobId, state }));
    const failed = Math.floor(tasks / tasksAFailure);
    if (rare.tasks.length !== failed) throw new Error(`job ${jobId}: ${rare.tasks.length} failed`);
  }
  const baseline = { what: 'ListSites', values: ms.bare };
  const shared = { unit: 'ms', quantile: 0.99, wanted: { atMost: 20 }, baseline };
  return [
    { what: 'GetJob', values: ms.get, ...shared },
    { what: 'ListTasks, the next 100', values: ms.page, ...shared },
    { what: 'ListTasks, the few that failed', values: ms.rare, ...shared },
  ];
}

async function timed<T>(into: number[], call: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const answer = await call();
  into.push(performance.now() - startMs);
  return answer;
}

/** CPU time of the scheduler while a job is busy, with and without people who watch it. */
async function measureWatchers(
  scheduler: SchedulerProcess,
  { watchers, agents, spanMs, rounds }: Scale,
): Promise<readonly Figure[]> {
  const { connection } = scheduler;
  const light = await LightFederation.start(scheduler, {
    agents,
    agentsPerProcess: agents,
  });
  try {
    await light.behave(await upload(connection, Buffer.from('done')), taskMs);
    // Enough for all rounds at the best rate that the agents have.
    const tasks = Math.ceil((agents * 4 * (spanMs + 30_000) * 2 * rounds) / taskMs);
    const { jobId } = await submit(connection, await specOf(connection, tasks));
    const look = async () => ({ count: (await jobNow(connection, jobId)).counts?.succeeded ?? 0 });
    await follow({ what: 'tasks ended', look, isOver: ({ count }) => count > agents });
    const alone: number[] = [];
    const watched: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      alone.push(await cpuPercent(scheduler, spanMs));
      const crowd = new Crowd(scheduler, jobId, watchers);
      // The first answer to each is on its way, and the streams are open.
      await sleep(Math.min(1_000, spanMs));
      watched.push(await cpuPercent(scheduler, spanMs));
      crowd.leave();
      if (crowd.heard < watchers)
        throw new Error(`${watchers} watchers heard ${crowd.heard} times`);
    }
    const what = `${watchers} watchers of a busy job, part of a core`;
    const values = watched.map((percent, round) => percent - (alone[round] ?? 0));
    const baseline = { what: 'the job alone', values: alone };
    return [{ what, unit: '%', values, wanted: { atMost: 10 }, baseline }];
  } finally {
    await light.stop();
  }
}

async function cpuPercent({ pid }: SchedulerProcess, spanMs: number): Promise<number> {
  const [cpuMs, startMs] = [cpuMsOf(pid), performance.now()];
  await sleep(spanMs);
  return (100 * (cpuMsOf(pid) - cpuMs)) / (performance.now() - startMs);
}

/** People who watch one job. */
class Crowd {
  heard = 0;
  readonly #streams: readonly ClientReadableStream<WatchJobResponse>[];

  constructor({ connection }: SchedulerProcess, jobId: string, count: number) {
    this.#streams = Array.from({ length: count }, () => {
      const stream = connection.jobs.watchJob({ jobId }, connection.metadata);
      stream.on('data', () => (this.heard += 1));
      // Cancelled when it leaves.
      stream.on('error', () => undefined);
      return stream;
    });
  }

  leave(): void {
    for (const stream of this.#streams) stream.cancel();
  }
}
