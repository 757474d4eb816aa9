// punnet.v1.JobService: what researchers do.

import type { ServerWritableStream } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { Job, Task } from '../../proto/gen/punnet/v1/job.ts';
import type {
  JobServiceServer,
  ListJobsRequest,
  ListJobsResponse,
  ListTasksRequest,
  ListTasksResponse,
  SubmitJobRequest,
  WatchJobRequest,
  WatchJobResponse,
} from '../../proto/gen/punnet/v1/job_service.ts';
import { JobState, TaskState } from '../../proto/gen/punnet/v1/job.ts';
import type { Principal } from './auth.ts';
import { streaming, unary } from './calls.ts';
import { cancelJob, deleteJob, retryTasks } from './change-job.ts';
import type { ApiDeps } from './deps.ts';
import { ApiError, invalid } from './errors.ts';
import { explain } from './explain-job.ts';
import { listFailures } from './list-failures.ts';
import { jobStateOf, taskPhaseOf, toJob } from './messages.ts';
import { keptPaths } from './kept-outputs.ts';
import { ownJob, ownTask, readResult } from './own.ts';
import { fitting, pageSize, pageToken, readPageToken } from './pages.ts';
import { submitJob } from './submit-job.ts';
import { toTasks } from './task-list.ts';
import { tryJob } from './try-job.ts';
import { updateJob } from './update-job.ts';
import type { Watchers } from './watch.ts';

export function jobService(deps: ApiDeps, watchers: Watchers): JobServiceServer {
  return {
    submitJob: unary(deps, async (request: SubmitJobRequest, caller) => ({
      job: await submitJob(deps, request, caller),
    })),
    tryJob: unary(deps, (request, caller) => tryJob(deps, request, caller)),
    getJob: unary(deps, (request, caller) => ({ job: toJob(ownJob(deps, request.jobId, caller)) })),
    listJobs: unary(deps, (request, caller) => listJobs(deps, request, caller)),
    watchJob: streaming(deps, (call, caller) => watch(deps, watchers, { call, caller })),
    cancelJob: unary(deps, (request, caller) => cancelJob(deps, request, caller)),
    updateJob: unary(deps, (request, caller) => updateJob(deps, request, caller)),
    retryTasks: unary(deps, (request, caller) => retryTasks(deps, request, caller)),
    deleteJob: unary(deps, (request, caller) => deleteJob(deps, request, caller)),
    listTasks: unary(deps, (request, caller) => listTasks(deps, request, caller)),
    listFailures: unary(deps, (request, caller) => listFailures(deps, request, caller)),
    getTaskResult: unary(deps, async (request, caller) => {
      const found = ownTask(deps, request, caller);
      const { template } = ownJob(deps, request.jobId, caller);
      const [task] = await toTasks(deps, template, [found]);
      const result = await readResult(deps, found);
      return { task, result, kept: [...(await keptPaths(deps, found, result))] };
    }),
    explainJob: unary(deps, (request, caller) => explain(deps, request, caller)),
  };
}

function listJobs(deps: ApiDeps, request: ListJobsRequest, caller: Principal): ListJobsResponse {
  const state = jobStateOf(request.state);
  if (state === null && request.state !== JobState.UNSPECIFIED) throw unknownState(request.state);
  const limit = pageSize(request.pageSize);
  const list = `jobs ${request.state} ${encodeURIComponent(request.name)}`;
  const found = deps.view().jobs({
    researcher: caller.role === 'operator' ? null : caller.name,
    name: request.name === '' ? null : request.name,
    state,
    before: readPageToken(list, request.pageToken),
    limit: limit + 1,
  });
  const jobs = fitting(found.slice(0, limit).map(toJob), Job);
  const last = found[jobs.length - 1];
  const isMore = found.length > jobs.length && last !== undefined;
  return { jobs: [...jobs], nextPageToken: isMore ? pageToken(list, last.number) : '' };
}

async function listTasks(
  deps: ApiDeps,
  request: ListTasksRequest,
  caller: Principal,
): Promise<ListTasksResponse> {
  const { jobId, template } = ownJob(deps, request.jobId, caller);
  const phase = taskPhaseOf(request.state);
  if (phase === null && request.state !== TaskState.UNSPECIFIED) throw unknownState(request.state);
  const limit = pageSize(request.pageSize);
  const list = `tasks ${request.state} ${jobId}`;
  const from = readPageToken(list, request.pageToken) ?? 0;
  const found = deps.view().tasks({ jobId, phase, from, limit: limit + 1 });
  const tasks = fitting(await toTasks(deps, template, found.slice(0, limit)), Task);
  const next = found[tasks.length];
  return {
    tasks: [...tasks],
    nextPageToken: next === undefined ? '' : pageToken(list, next.index),
  };
}

function unknownState(found: number): ApiError {
  return invalid([{ field: 'state', description: `wanted a state, found ${found}` }]);
}

async function watch(
  deps: ApiDeps,
  watchers: Watchers,
  watcher: {
    readonly call: ServerWritableStream<WatchJobRequest, WatchJobResponse>;
    readonly caller: Principal;
  },
): Promise<void> {
  const { call, caller } = watcher;
  const { jobId } = ownJob(deps, call.request.jobId, caller);
  if (watchers.isFull) {
    const message = 'Too many watch jobs at this moment: try again later.';
    throw new ApiError(status.RESOURCE_EXHAUSTED, message, { reason: 'WATCHERS' });
  }
  await new Promise<void>((resolve) => {
    // A caller that reads slowly misses states in between, and costs no memory.
    let isWaiting = false;
    const tell = (): void => {
      if (isWaiting) return;
      const job = deps.view().job(jobId);
      isWaiting = job !== undefined && !call.write({ job: toJob(job) });
      if (job?.state !== 'active') finish();
    };
    const stop = watchers.add(jobId, tell);
    const finish = (): void => {
      stop();
      resolve();
    };
    call.on('drain', () => {
      isWaiting = false;
      tell();
    });
    call.once('cancelled', finish);
    call.once('error', finish);
    tell();
  });
}
