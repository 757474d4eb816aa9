// What a researcher does to a job that is there: cancel it, retry its failed tasks, delete it.

import type {
  CancelJobResponse,
  DeleteJobResponse,
  RetryTasksRequest,
  RetryTasksResponse,
} from '../../proto/gen/punnet/v1/job_service.ts';
import type { Principal } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import type { Violation } from './errors.ts';
import { fromRefusal, invalid } from './errors.ts';
import { toJob } from './messages.ts';
import { ownJob } from './own.ts';
import { requestIdViolations } from './request-id.ts';

const maxIndexes = 100_000;

interface NamedJob {
  readonly jobId: string;
}

export async function cancelJob(
  deps: ApiDeps,
  request: NamedJob,
  caller: Principal,
): Promise<CancelJobResponse> {
  const { jobId } = ownJob(deps, request.jobId, caller);
  const answer = await deps.submit({ kind: 'cancelJob', jobId });
  if (answer.kind === 'refused') throw fromRefusal(answer);
  return { job: toJob(ownJob(deps, request.jobId, caller)) };
}

export async function retryTasks(
  deps: ApiDeps,
  request: RetryTasksRequest,
  caller: Principal,
): Promise<RetryTasksResponse> {
  const { jobId } = ownJob(deps, request.jobId, caller);
  const { requestId, indexes } = request;
  const violations: Violation[] = [...requestIdViolations(requestId)];
  if (indexes.length > maxIndexes) {
    const description = `wanted at most ${maxIndexes} tasks, found ${indexes.length}`;
    violations.push({ field: 'indexes', description });
  }
  if (violations.length > 0) throw invalid(violations);
  const wanted = indexes.length === 0 ? null : indexes;
  const answer = await deps.submit({ kind: 'retryTasks', jobId, requestId, indexes: wanted });
  if (answer.kind === 'refused') throw fromRefusal(answer);
  if (answer.kind !== 'retried') throw new Error(`a retry was answered with ${answer.kind}`);
  return { job: toJob(ownJob(deps, request.jobId, caller)), tasks: answer.tasks };
}

export async function deleteJob(
  deps: ApiDeps,
  request: NamedJob,
  caller: Principal,
): Promise<DeleteJobResponse> {
  const { jobId } = ownJob(deps, request.jobId, caller);
  const answer = await deps.submit({ kind: 'deleteJob', jobId });
  if (answer.kind === 'refused') throw fromRefusal(answer);
  return {};
}
