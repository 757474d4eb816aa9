// Submitting a job of 100,000 tasks by one call over TLS, and starting again with it.

import { createHash } from 'node:crypto';
import { closeSync, fdatasyncSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TaskManifest } from '../proto/gen/punnet/v1/job.ts';
import type { JobSpec } from '../proto/gen/punnet/v1/job.ts';
import type { BlobRef } from '../proto/gen/punnet/v1/common.ts';
import { BlobStore } from '../scheduler/adapters/blobs/blob-store.ts';
import type { Benchmark, Outcome, Size } from './figure.ts';
import { jobNow, specOf, submit as submitJob, upload } from './jobs.ts';
import { SchedulerProcess } from './scheduler-process.ts';

interface Scale {
  readonly tasks: number;
  readonly runs: number;
}

const scales: Readonly<Record<Size, Scale>> = {
  full: { tasks: 100_000, runs: 9 },
  tiny: { tasks: 1_000, runs: 1 },
};

export const submit: Benchmark = {
  name: 'submit',
  about: 'a job of 100,000 tasks by one gRPC call, journalled before it is acknowledged; restart',
  async run(size: Size): Promise<Outcome> {
    const scale = scales[size];
    let scheduler = await SchedulerProcess.start();
    const { folder } = scheduler;
    try {
      const plain = await specOf(scheduler.connection, scale.tasks);
      const counted = await timeSubmits(scheduler, plain, scale);
      const withInputs = await inputsSpec(scheduler, plain, scale);
      const listed = await timeSubmits(scheduler, withInputs, scale);
      const bareCall = await timeCalls(scheduler, scale.runs);
      const bareAppend = timeAppends(folder, Math.max(...listed.journalBytes), scale.runs);
      const restarts: number[] = [];
      for (let run = 0; run < scale.runs; run += 1) {
        await scheduler.end('SIGKILL');
        scheduler = await SchedulerProcess.start(folder);
        restarts.push(scheduler.servingMs);
      }
      await mustBeThere(scheduler, [...counted.jobIds, ...listed.jobIds], scale.tasks);
      const empty = await timeEmptyStarts(scale.runs);
      const append = { what: 'bare append and fdatasync', values: bareAppend };
      const call = { what: 'bare unary call', values: bareCall };
      const wanted = { atMost: 1_000 };
      const count = scale.tasks.toLocaleString('en-US');
      return {
        digest: `${counted.jobIds.length + listed.jobIds.length} jobs of ${scale.tasks}`,
        figures: [
          {
            what: `submit of ${count} tasks`,
            unit: 'ms',
            values: counted.ms,
            wanted,
            baseline: call,
          },
          {
            what: `submit of ${count} tasks, each with an input of its own`,
            ...{ unit: 'ms', values: listed.ms, wanted, baseline: append },
          },
          {
            what: `restart with ${2 * scale.runs} such jobs, after kill -9`,
            ...{ unit: 'ms', values: restarts, wanted: { atMost: 5_000 } },
            baseline: { what: 'start with an empty journal', values: empty },
          },
        ],
      };
    } finally {
      await scheduler.remove();
    }
  },
};

interface Submits {
  readonly ms: readonly number[];
  readonly jobIds: readonly string[];
  readonly journalBytes: readonly number[];
}

/** The journal must have grown when a submit is acknowledged. */
async function timeSubmits(
  scheduler: SchedulerProcess,
  spec: JobSpec,
  scale: Scale,
): Promise<Submits> {
  const ms: number[] = [];
  const jobIds: string[] = [];
  const journalBytes: number[] = [];
  for (let run = 0; run < scale.runs; run += 1) {
    const before = scheduler.journalBytes;
    const startMs = performance.now();
    const job = await submitJob(scheduler.connection, spec);
    ms.push(performance.now() - startMs);
    const grown = scheduler.journalBytes - before;
    if (grown <= 0) throw new Error('a submit was acknowledged and is not in the journal');
    jobIds.push(job.jobId);
    journalBytes.push(grown);
  }
  return { ms, jobIds, journalBytes };
}

/** The same with an input for each task, all different, as `punnet submit` makes it of a glob. */
async function inputsSpec(
  { connection, folder }: SchedulerProcess,
  plain: JobSpec,
  scale: Scale,
): Promise<JobSpec> {
  const blobs = await placeInputs(join(folder, 'scheduler'), scale.tasks);
  const tasks = blobs.map((blob, index) => ({ path: `in/${index}.txt`, blob }));
  const manifest = await upload(
    connection,
    TaskManifest.encode(TaskManifest.fromPartial({ tasks })).finish(),
  );
  return {
    ...plain,
    tasks: { count: 0, inputs: [], manifest, rows: '', columns: [], outputsOf: '' },
  };
}

/** Puts inputs where uploads would have put them: to sync each of 100,000 takes minutes. */
async function placeInputs(dataFolder: string, count: number): Promise<readonly BlobRef[]> {
  const store = await BlobStore.open(dataFolder, (error) => {
    throw error;
  });
  const blobs: BlobRef[] = [];
  for (let index = 0; index < count; index += 1) {
    const text = `input ${index}`;
    const sha256 = createHash('sha256').update(text).digest('hex');
    const place = join(dataFolder, 'blobs', sha256.slice(0, 2));
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, sha256), text);
    await store.markOwned('operator', sha256);
    blobs.push({ sha256, sizeBytes: text.length });
  }
  return blobs;
}

async function timeCalls(scheduler: SchedulerProcess, runs: number): Promise<readonly number[]> {
  const { connection } = scheduler;
  const ms: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const startMs = performance.now();
    const request = { siteId: '', pageSize: 1, pageToken: '' };
    await connection.call(connection.nodes.listNodes.bind(connection.nodes), request);
    ms.push(performance.now() - startMs);
  }
  return ms;
}

/** So many bytes at the end of a file, and on disk. */
function timeAppends(folder: string, bytes: number, runs: number): readonly number[] {
  const file = join(folder, 'bare-append');
  const data = Buffer.alloc(bytes, 1);
  const handle = openSync(file, 'a');
  const ms: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const startMs = performance.now();
    writeSync(handle, data);
    fdatasyncSync(handle);
    ms.push(performance.now() - startMs);
  }
  closeSync(handle);
  rmSync(file);
  return ms;
}

async function timeEmptyStarts(runs: number): Promise<readonly number[]> {
  let scheduler = await SchedulerProcess.start();
  const ms: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await scheduler.end('SIGKILL');
    scheduler = await SchedulerProcess.start(scheduler.folder);
    ms.push(scheduler.servingMs);
  }
  await scheduler.remove();
  return ms;
}

async function mustBeThere(
  scheduler: SchedulerProcess,
  jobIds: readonly string[],
  tasks: number,
): Promise<void> {
  for (const jobId of jobIds) {
    const { counts } = await jobNow(scheduler.connection, jobId);
    if (counts?.waiting === tasks) continue;
    throw new Error(`job ${jobId} has ${JSON.stringify(counts)} after a restart`);
  }
}
