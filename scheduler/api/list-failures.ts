// JobService.ListFailures: the core's groups, with what the nodes of a few tasks say.

import type { FailureGroup, ListFailuresResponse } from '../../proto/gen/punnet/v1/job_service.ts';
import type * as core from '../core/index.ts';
import type { Principal } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { asApiError } from './errors.ts';
import { ownJob, readResult } from './own.ts';

export async function listFailures(
  deps: ApiDeps,
  request: { readonly jobId: string },
  caller: Principal,
): Promise<ListFailuresResponse> {
  const { jobId } = ownJob(deps, request.jobId, caller);
  const groups: FailureGroup[] = [];
  for (const group of deps.view().failures(jobId)) {
    groups.push({
      ...group,
      tasks: [...group.tasks],
      details: await detailsOf(deps, jobId, group.tasks),
    });
  }
  return { groups };
}

/** Each once: "out-3.txt is missing" and "out-4.txt is missing" are one thing to mend. */
async function detailsOf(
  deps: ApiDeps,
  jobId: core.JobId,
  tasks: readonly number[],
): Promise<string[]> {
  const details = new Map<string, string>();
  for (const index of tasks) {
    const task = deps.view().task(jobId, index);
    const detail = task === undefined ? '' : await detailOf(deps, task);
    const form = detail.replaceAll(/\d+/g, '0');
    if (detail !== '' && !details.has(form)) details.set(form, detail);
  }
  return [...details.values()];
}

/** Empty when the blob is damaged or gone: the group is told without it. */
async function detailOf(deps: ApiDeps, task: core.TaskSummary): Promise<string> {
  try {
    return (await readResult(deps, task))?.detail ?? '';
  } catch (error) {
    if (asApiError(error) === undefined) throw error;
    return '';
  }
}
