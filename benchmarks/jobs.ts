// Submits the jobs that benchmarks run, through the same client as the command line's.

import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobRef } from '../proto/gen/punnet/v1/common.ts';
import type { Job } from '../proto/gen/punnet/v1/job.ts';
import { JobSpec } from '../proto/gen/punnet/v1/job.ts';
import type { Connection } from '../scheduler/cli/connection.ts';
import { uploadMissing } from '../scheduler/cli/upload.ts';

/** Two blocks of zeros: a tar without files. Tasks of benchmarks use what the node has. */
const emptyTar = Buffer.alloc(1024);

/** Uploads bytes as a blob of the caller's. */
export async function upload(connection: Connection, bytes: Uint8Array): Promise<BlobRef> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const blob = { sha256, sizeBytes: bytes.length };
  await uploadMissing(connection, [{ blob, source: bytes }], () => undefined);
  return blob;
}

/** A specification of so many tasks; the fields of `changes` replace its own. */
export async function specOf(
  connection: Connection,
  count: number,
  changes: Partial<JobSpec> = {},
): Promise<JobSpec> {
  const blob = await upload(connection, emptyTar);
  const bundle = { source: { $case: 'blob' as const, value: blob }, rootFileSystem: false };
  return {
    ...JobSpec.create(),
    name: 'bench',
    bundles: { x86_64: bundle, aarch64: bundle },
    command: ['/bin/true'],
    tasks: { count, inputs: [], manifest: undefined, rows: '', columns: [], outputsOf: '' },
    profile: { work: '1 GHz*s', output: '', internet: '' },
    ...changes,
  };
}

/** One call; returns when it was acknowledged. */
export async function submit(connection: Connection, spec: JobSpec): Promise<Job> {
  const request = { spec, requestId: randomUUID(), validateOnly: false };
  const { job } = await connection.call(connection.jobs.submitJob.bind(connection.jobs), request);
  if (job === undefined) throw new Error('a submit was answered without a job');
  return job;
}

export async function jobNow(connection: Connection, jobId: string): Promise<Job> {
  const { job } = await connection.call(connection.jobs.getJob.bind(connection.jobs), { jobId });
  if (job === undefined) throw new Error(`job ${jobId} is not there`);
  return job;
}

/** Asks until the job is as it should be. Throws when it has ended otherwise, or time is over. */
export async function untilJob(
  connection: Connection,
  jobId: string,
  options: { readonly withinMs: number; readonly isThere: (job: Job) => boolean },
): Promise<Job> {
  const deadlineMs = performance.now() + options.withinMs;
  for (;;) {
    const job = await jobNow(connection, jobId);
    if (options.isThere(job)) return job;
    if (performance.now() > deadlineMs) {
      const found = JSON.stringify(job.counts);
      throw new Error(`job ${jobId} is not there after ${options.withinMs} ms: ${found}`);
    }
    await sleep(50);
  }
}

/** The counts that a finished job of so many tasks must have; throws for any other. */
export function mustHaveSucceeded(job: Job, tasks: number): string {
  const found = JSON.stringify(job.counts);
  const isRight = job.counts?.succeeded === tasks && job.counts.total === tasks;
  if (!isRight) throw new Error(`wanted ${tasks} tasks succeeded, found ${found}`);
  return createHash('sha256').update(found).digest('hex').slice(0, 16);
}
