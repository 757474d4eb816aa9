// JobService.UpdateJob: a service becomes another one while it runs.

import type { UpdateJobRequest, UpdateJobResponse } from '../../proto/gen/punnet/v1/job_service.ts';
import type { CommandRefusal } from '../core/index.ts';
import type { Principal } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import type { ApiError } from './errors.ts';
import { fromRefusal } from './errors.ts';
import { toJob } from './messages.ts';
import { ownJob } from './own.ts';
import { check, mustFit, mustHave } from './submit-job.ts';

export async function updateJob(
  deps: ApiDeps,
  request: UpdateJobRequest,
  caller: Principal,
): Promise<UpdateJobResponse> {
  const { jobId } = ownJob(deps, request.jobId, caller);
  const { template, blobs } = check(deps, request, caller);
  const refusal = deps.view().refuseUpdate({ jobId, template });
  if (refusal !== null) throw refused(refusal);
  if (!request.validateOnly) {
    await mustHave(deps, blobs, caller);
    await mustFit(deps, template);
    const { requestId } = request;
    const answer = await deps.submit({ kind: 'updateJob', jobId, requestId, template });
    if (answer.kind === 'refused') throw refused(answer);
  }
  return { job: toJob(ownJob(deps, request.jobId, caller)) };
}

/** All but the job itself is a field of the specification. */
function refused(refusal: CommandRefusal): ApiError {
  return fromRefusal(refusal, refusal.field === 'job_id' ? '' : 'spec');
}
