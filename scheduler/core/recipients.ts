// Who gets what a task says to another task of its job.

import { attemptsOf } from './attempts.ts';
import type { LeaseId, NodeId } from './model/ids.ts';
import type { State } from './state.ts';
import { mustHave } from './state.ts';
import type { Recipient } from './view.ts';

/** A node that speaks for one of its leases, to another task of the same job. */
export interface TaskSays {
  readonly nodeId: NodeId;
  readonly leaseId: LeaseId;
  readonly toIndex: number;
}

/**
 * The attempts of that task that are in force. Nobody where the lease is not that node's, is over, or its job
 * did not ask for messages.
 */
export function recipientsOf(
  state: State,
  { nodeId, leaseId, toIndex }: TaskSays,
): readonly Recipient[] {
  const lease = state.leases.get(leaseId);
  if (lease === undefined || lease.isVoid) return [];
  if (state.nodes[lease.nodeNumber]?.nodeId !== nodeId) return [];
  const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
  const { network, taskCount } = job.template;
  if (network !== 'federation' || toIndex < 0 || toIndex >= taskCount) return [];
  return attemptsOf(state, job, toIndex)
    .filter(({ isVoid }) => !isVoid)
    .map((to) => ({
      nodeId: mustHave(state.nodes[to.nodeNumber], 'node', to.nodeNumber).nodeId,
      leaseId: to.leaseId,
      fromIndex: lease.taskIndex,
    }));
}
