// punnet.v1.JobService: what researchers do.

import { randomBytes } from 'node:crypto';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import { AttemptResult, TaskManifest } from '../../proto/gen/punnet/v1/job.ts';
import type {
  JobServiceServer,
  SubmitJobRequest,
  SubmitJobResponse,
  WatchJobRequest,
  WatchJobResponse,
} from '../../proto/gen/punnet/v1/job_service.ts';
import type { JobId, JobSummary, JobTemplate, TaskSummary } from '../core/index.ts';
import { jobId } from '../core/index.ts';
import type { Principal } from './auth.ts';
import { authenticate } from './auth.ts';
import { pageSize, pageToken, readPageToken, unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import { ApiError, fromRefusal, invalid, notFound, toServiceError } from './errors.ts';
import type { CheckedSpec } from './job-spec.ts';
import { checkSpec } from './job-spec.ts';
import { jobStateOf, taskPhaseOf, toJob, toTask } from './messages.ts';
import type { Watchers } from './watch.ts';

const maxManifestBytes = 256 * 1024 * 1024;
const maxResultBytes = 1_000_000;
const maxTasks = 1_000_000;

export function jobService(deps: ApiDeps, watchers: Watchers): JobServiceServer {
  return {
    submitJob: unary(deps, (request: SubmitJobRequest, caller) => submit(deps, request, caller)),
    getJob: unary(deps, (request, caller) => ({ job: toJob(ownJob(deps, request.jobId, caller)) })),
    listJobs: unary(deps, (request, caller) => {
      const limit = pageSize(request.pageSize);
      const before = readPageToken('jobs', request.pageToken);
      const jobs = deps.view().jobs({
        researcher: caller.role === 'operator' ? null : caller.name,
        state: jobStateOf(request.state),
        before: before === null ? null : jobId(before),
        limit: limit + 1,
      });
      const shown = jobs.slice(0, limit);
      const next = jobs.length > limit ? pageToken('jobs', shown.at(-1)?.jobId ?? '') : '';
      return { jobs: shown.map(toJob), nextPageToken: next };
    }),
    watchJob: (call) => void watch(deps, watchers, call),
    cancelJob: unary(deps, async (request, caller) => {
      const job = ownJob(deps, request.jobId, caller);
      const answer = await deps.submit({ kind: 'cancelJob', jobId: job.jobId });
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return { job: toJob(ownJob(deps, request.jobId, caller)) };
    }),
    listTasks: unary(deps, (request, caller) => {
      const job = ownJob(deps, request.jobId, caller);
      const limit = pageSize(request.pageSize);
      const list = `tasks of ${job.jobId}`;
      const from = Number(readPageToken(list, request.pageToken) ?? 0);
      const phase = taskPhaseOf(request.state);
      const tasks = deps.view().tasks({ jobId: job.jobId, phase, from, limit: limit + 1 });
      const next = tasks[limit];
      return {
        tasks: tasks.slice(0, limit).map(toTask),
        nextPageToken: next === undefined ? '' : pageToken(list, String(next.index)),
      };
    }),
    getTaskResult: unary(deps, async (request, caller) => {
      const task = ownTask(deps, request, caller);
      return { task: toTask(task), result: await readResult(deps, task) };
    }),
    explainJob: unary(deps, (request, caller) => {
      const job = ownJob(deps, request.jobId, caller);
      const explanation = deps.view().explain(job.jobId);
      if (explanation === undefined) throw notFound(`job ${request.jobId}`);
      const { index } = request;
      const task = index === undefined ? undefined : ownTask(deps, { ...request, index }, caller);
      const isPlaced = task !== undefined && task.phase !== 'waiting' && task.placement !== '';
      return {
        summary: isPlaced
          ? `Task ${task.index} is ${task.phase} at ${task.nodeName} (site ${task.siteId}): ${task.placement}.`
          : explanation.summary,
        refusals: explanation.refusals.map((each) => ({ ...each })),
        sites: explanation.sites.map((each) => ({ ...each })),
        task: task === undefined ? undefined : toTask(task),
      };
    }),
  };
}

/** Another's job is not there at all. */
export function ownJob(deps: ApiDeps, id: string, caller: Principal): JobSummary {
  const job = deps.view().job(jobId(id));
  if (job === undefined || (caller.role !== 'operator' && job.researcher !== caller.name)) {
    throw notFound(`job ${id}`);
  }
  return job;
}

export function ownTask(
  deps: ApiDeps,
  request: { readonly jobId: string; readonly index: number },
  caller: Principal,
): TaskSummary {
  const job = ownJob(deps, request.jobId, caller);
  const task = deps.view().task(job.jobId, request.index);
  if (task === undefined) {
    throw notFound(`task ${request.index} in job ${job.jobId}: it has ${job.counts.total}, from 0`);
  }
  return task;
}

/** The result of a task's last ended attempt; undefined when it left nothing. */
export async function readResult(
  deps: ApiDeps,
  task: TaskSummary,
): Promise<AttemptResult | undefined> {
  if (task.result === null) return undefined;
  return AttemptResult.decode(await deps.blobs.readBytes(task.result, maxResultBytes));
}

async function submit(
  deps: ApiDeps,
  request: SubmitJobRequest,
  caller: Principal,
): Promise<SubmitJobResponse> {
  const { spec, requestId } = request;
  if (spec === undefined)
    throw invalid([{ field: 'spec', description: 'wanted a job, found none' }]);
  if (!request.validateOnly && (requestId === '' || requestId.length > 63)) {
    throw invalid([{ field: 'requestId', description: 'wanted 1 to 63 characters' }]);
  }
  const { violations, checked } = checkSpec(spec, request.validateOnly);
  if (violations.length > 0) throw invalid(violations);
  if (request.validateOnly) return { job: draft(spec, caller) };
  await checkBlobs(deps, checked, caller);
  const template = await withManifest(deps, checked);
  const answer = await deps.submit({
    kind: 'submitJob',
    jobId: newJobId(),
    researcher: caller.name,
    requestId,
    template,
  });
  if (answer.kind === 'refused') throw fromRefusal(answer);
  if (answer.kind !== 'job') throw new Error(`a submit was answered with ${answer.kind}`);
  return { job: toJob(ownJob(deps, answer.jobId, caller)) };
}

function draft(spec: JobSpec, caller: Principal): SubmitJobResponse['job'] {
  return {
    jobId: '',
    researcher: caller.name,
    spec,
    state: 0,
    submittedUnixMs: 0,
    endedUnixMs: 0,
    counts: undefined,
    measured: undefined,
  };
}

/** Ten characters without look-alikes. */
function newJobId(): JobId {
  const letters = '0123456789abcdefghjkmnpqrstvwxyz';
  return jobId(`j${[...randomBytes(10)].map((byte) => letters.charAt(byte % 32)).join('')}`);
}

/** A blob that the caller has not uploaded is missing, although it may be here. */
async function checkBlobs(deps: ApiDeps, checked: CheckedSpec, caller: Principal): Promise<void> {
  const violations = [];
  for (const { field, blob } of checked.blobs) {
    const isOwned = await deps.blobs.isOwned(caller.name, blob.sha256);
    if (isOwned && (await deps.blobs.size(blob.sha256)) === blob.sizeBytes) continue;
    const description = `blob ${blob.sha256} of ${blob.sizeBytes} bytes is not here: upload it first`;
    violations.push({ field, description });
  }
  if (violations.length > 0) throw invalid(violations);
}

/** Reads the tasks' own inputs from the manifest, and checks them. */
async function withManifest(deps: ApiDeps, checked: CheckedSpec): Promise<JobTemplate> {
  const { template } = checked;
  if (template.manifest === null) return template;
  const bytes = await deps.blobs.readBytes(template.manifest.sha256, maxManifestBytes);
  const no = (description: string): ApiError => invalid([{ field: 'tasks.manifest', description }]);
  let tasks: TaskManifest['tasks'];
  try {
    ({ tasks } = TaskManifest.decode(bytes));
  } catch {
    throw no('these bytes are no TaskManifest');
  }
  if (tasks.length === 0 || tasks.length > maxTasks) {
    throw no(`wanted 1 to ${maxTasks} tasks, found ${tasks.length}`);
  }
  const taskInputBytes: number[] = [];
  for (const [at, { path, blob }] of tasks.entries()) {
    const isInside = path !== '' && !path.startsWith('/') && !path.split('/').includes('..');
    if (!isInside) throw no(`task ${at}: wanted a path in the work folder, found "${path}"`);
    if (blob === undefined || (await deps.blobs.size(blob.sha256)) !== blob.sizeBytes) {
      throw no(`task ${at}: its input is not here: upload it first`);
    }
    taskInputBytes.push(blob.sizeBytes);
  }
  return { ...template, taskCount: tasks.length, taskInputBytes };
}

async function watch(
  deps: ApiDeps,
  watchers: Watchers,
  call: ServerWritableStream<WatchJobRequest, WatchJobResponse>,
): Promise<void> {
  try {
    const caller = authenticate(deps, call.metadata);
    const first = ownJob(deps, call.request.jobId, caller);
    if (watchers.isFull) {
      throw new ApiError(status.RESOURCE_EXHAUSTED, 'Too many watchers: try again later.', {
        reason: 'WATCHERS',
      });
    }
    await new Promise<void>((resolve) => {
      let stop: () => void = () => undefined;
      const finish = (): void => {
        stop();
        resolve();
      };
      const tell = (): void => {
        const job = deps.view().job(first.jobId);
        if (job !== undefined) call.write({ job: toJob(job) });
        if (job?.state !== 'active') finish();
      };
      stop = watchers.add(first.jobId, tell);
      call.once('cancelled', finish);
      call.once('error', finish);
      tell();
    });
    call.end();
  } catch (error) {
    call.emit('error', toServiceError(error));
  }
}
