// Outputs that stay on the nodes that made them, as researchers read them.

import { status } from '@grpc/grpc-js';
import type { AttemptResult } from '../../proto/gen/punnet/v1/job.ts';
import type { TaskSummary } from '../core/index.ts';
import type { ApiDeps, WantedOutput } from './deps.ts';
import { ApiError } from './errors.ts';

/** Paths of a task's outputs that its node has and the origin has not. */
export async function keptPaths(
  deps: ApiDeps,
  { jobId, index }: TaskSummary,
  result: AttemptResult | undefined,
): Promise<readonly string[]> {
  if (deps.view().keeper(jobId, index) === null) return [];
  const kept: string[] = [];
  for (const { path, blob } of result?.outputs ?? []) {
    if (blob !== undefined && (await deps.blobs.size(blob.sha256)) === undefined) kept.push(path);
  }
  return kept;
}

/** Has an output sent if it is not here; `signal` ends the wait. Throws why it does not come. */
export async function bringOutput(
  deps: ApiDeps,
  wanted: WantedOutput,
  signal: AbortSignal,
): Promise<void> {
  const problem = await deps.bringKept(wanted, signal);
  if (problem === null) return;
  const code = problem.code === 'gone' ? status.DATA_LOSS : status.FAILED_PRECONDITION;
  const { text } = problem;
  const message = `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  throw new ApiError(code, message, { reason: `KEPT_${problem.code.toUpperCase()}` });
}
