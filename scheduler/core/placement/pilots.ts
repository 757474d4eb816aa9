// A few tasks of a job that nobody knows run first, on nodes of different kinds; the rest are planned
// with what those have shown. Else a plan that rests on a guess would fill every slot.

import { pilotTasks, pilotsAtATime } from '../limits.ts';
import type { JobRecord, NodeRecord } from '../state.ts';
import { knownWorkOf } from './estimate.ts';
import type { Refusal } from './filter.ts';
import type { Option, RoundView } from './policy.ts';

/** Whether nobody knows yet what a task costs. A job of a few tasks is not worth waiting for. */
export function isPiloted(job: JobRecord): boolean {
  return job.template.taskCount > pilotsAtATime && knownWorkOf(job) === null;
}

/** Whether the plan is about its tasks: services are placed by their rates. */
export function isPlanned(job: JobRecord): boolean {
  return job.replicas === null && !isPiloted(job);
}

/** Of a job that is piloted: why no task more goes to the node until some have ended. */
export function refusePilot({ job, node }: Option, round: RoundView): Refusal | null {
  // Before they are looked for among all of its tasks, of which many may have failed.
  if (round.leasesOf(job) >= pilotsAtATime) return unknown;
  let alike = 0;
  for (const holder of round.pilots(job)) {
    if (kindOf(holder) === kindOf(node)) alike += 1;
    if (alike >= pilotTasks) return unknown;
  }
  return null;
}

function kindOf({ inventory }: NodeRecord): string {
  return `${inventory.architecture} ${inventory.model}`;
}

const unknown: Refusal = {
  code: 'pilot',
  reason: `nobody knows yet what its tasks cost: ${pilotTasks} must have ended`,
  remedy: 'wait for the first tasks, or declare profile.work',
};
