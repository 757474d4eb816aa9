// JobService.ExplainJob: the core's explanation as a message.

import type {
  ExplainJobRequest,
  ExplainJobResponse,
} from '../../proto/gen/punnet/v1/job_service.ts';
import type { Principal } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { notFound } from './errors.ts';
import { toTask } from './messages.ts';
import { ownJob, ownTask } from './own.ts';

export function explain(
  deps: ApiDeps,
  request: ExplainJobRequest,
  caller: Principal,
): ExplainJobResponse {
  const { jobId } = ownJob(deps, request.jobId, caller);
  const { index } = request;
  const task = index === undefined ? undefined : ownTask(deps, { jobId, index }, caller);
  const explanation = deps.view().explain(jobId, index ?? null);
  if (explanation === undefined) throw notFound('job', jobId);
  return {
    summary: explanation.summary,
    refusals: explanation.refusals.map((each) => ({ ...each })),
    sites: explanation.sites.map((each) => ({ ...each })),
    task: task === undefined ? undefined : toTask(task),
  };
}
