// What a caller may see: researchers their own jobs, operators all. Another's job is not there.

import { status } from '@grpc/grpc-js';
import { AttemptResult } from '../../proto/gen/punnet/v1/job.ts';
import type { JobSummary, TaskSummary } from '../core/index.ts';
import { jobId } from '../core/index.ts';
import type { Principal } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { ApiError, notFound } from './errors.ts';

const maxResultBytes = 1_000_000;

/** Throws NOT_FOUND when the job is not the caller's. */
export function ownJob(deps: ApiDeps, id: string, caller: Principal): JobSummary {
  const job = deps.view().job(jobId(id));
  if (job === undefined || (caller.role !== 'operator' && job.researcher !== caller.name)) {
    throw notFound('job', id);
  }
  return job;
}

/** Throws NOT_FOUND when the job is not the caller's, or has no such task. */
export function ownTask(
  deps: ApiDeps,
  request: { readonly jobId: string; readonly index: number },
  caller: Principal,
): TaskSummary {
  const job = ownJob(deps, request.jobId, caller);
  const task = deps.view().task(job.jobId, request.index);
  if (task === undefined) {
    const hint = ` in job ${job.jobId}: it has ${job.counts.total}, numbered from 0`;
    throw notFound('task', String(request.index), hint);
  }
  return task;
}

/** The result of a task's last ended attempt; undefined when it left nothing. */
export async function readResult(
  deps: ApiDeps,
  task: TaskSummary,
): Promise<AttemptResult | undefined> {
  if (task.result === null) return undefined;
  const bytes = await deps.blobs.readBytes(task.result, maxResultBytes);
  try {
    return AttemptResult.decode(bytes);
  } catch {
    const message = `Task ${task.index} ended at ${task.nodeName} with a result that is no result.`;
    throw new ApiError(status.DATA_LOSS, message, { reason: 'BAD_RESULT' });
  }
}
