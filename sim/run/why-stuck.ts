// Why tasks are left that nothing places any more, as the scheduler explains it to their researcher.

import type { Instant, Policy, State } from '../../scheduler/core/index.ts';
import { StateView } from '../../scheduler/core/index.ts';

/** Of what refuses a task, so much is told. */
const mostReasons = 3;

/** Of the first job that waits; empty: none does. */
export function whyStuck(
  state: State,
  { now, policy }: { readonly now: Instant; readonly policy: Policy },
): string {
  const job = [...state.jobs.values()].find(({ waiting, replicas }) => {
    return waiting > 0 && replicas === null;
  });
  if (job === undefined) return '';
  const view = new StateView(state, { now: () => now, policy });
  const reasons = (view.explain(job.jobId, null)?.refusals ?? []).slice(0, mostReasons);
  const told = reasons.map(
    ({ count, reason, remedy }) => `at ${count} nodes ${reason} (${remedy})`,
  );
  return told.length === 0 ? '' : `; job ${job.template.name}: ${told.join('; ')}`;
}
