// What the message of a lease is made of.

import { showKeeper, sourceOf } from './kept.ts';
import { templateOf } from './services.ts';
import type { State } from './state.ts';
import type { LeaseContext, LeaseSummary } from './view.ts';

/** undefined when the job or the node is gone: nobody needs the lease. */
export function leaseContextOf(
  state: State,
  { jobId, nodeId, taskIndex }: Omit<LeaseSummary, 'leaseId'>,
): LeaseContext | undefined {
  const job = state.jobById.get(jobId);
  const node = state.nodeById.get(nodeId);
  if (job === undefined || node === undefined) return undefined;
  const source = sourceOf(state, job, taskIndex);
  const keeper = source === null ? null : showKeeper(state, source);
  const { siteNumber, inventory } = node;
  const { architecture } = inventory;
  const template = templateOf(job, taskIndex);
  return { researcher: job.researcher, template, architecture, siteNumber, keeper };
}
