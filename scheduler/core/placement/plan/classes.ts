// Classes of tasks for the plan: jobs with about the same profile and the same needs are one class.

import { bitsOf } from '../../estimate/ahead.ts';
import { planClasses } from '../../limits.ts';
import type { JobRecord, State } from '../../state.ts';
import { workOf } from '../estimate.ts';
import { refuseFit } from '../filter.ts';
import type { Group } from './groups.ts';
import { fitsNowhere } from './plan.ts';
import type { Demand } from './program.ts';
import { plannedJobs } from './tail.ts';

export interface Classes {
  readonly demands: readonly Demand[];
  readonly classOf: ReadonlyMap<number, number>;
}

/** Profiles that differ by less are one. */
const step = 1.1;

/** Of what waits; jobs beyond the number of classes, the newest, are not in the plan. */
export function classJobs(state: State, groups: readonly Group[]): Classes {
  const classes = new Map<string, { readonly index: number; readonly jobs: JobRecord[] }>();
  const classOf = new Map<number, number>();
  let count = 0;
  for (const job of plannedJobs(state)) {
    const key = keyOf(job);
    let found = classes.get(key);
    if (found === undefined) {
      // The program has no solution with a task that nobody can do.
      const isPlanned = fitsAnywhere(groups, job);
      if (isPlanned && count === planClasses) continue;
      found = { index: isPlanned ? count : fitsNowhere, jobs: [] };
      if (isPlanned) count += 1;
      classes.set(key, found);
    }
    found.jobs.push(job);
    classOf.set(job.number, found.index);
  }
  const planned = [...classes.values()].filter(({ index }) => index !== fitsNowhere);
  return { demands: planned.map(({ jobs }) => demandOf(groups, jobs)), classOf };
}

function fitsAnywhere(groups: readonly Group[], job: JobRecord): boolean {
  return groups.some(({ kinds }) =>
    [...kinds.values()].some(({ node, cpuGhz }) => cpuGhz > 0 && refuseFit(job, node) === null),
  );
}

function keyOf(job: JobRecord): string {
  const { bundles, memoryBytes } = job.template;
  const { downBits, upBits, sharedBits } = bitsOf(job);
  const sizes = [workOf(job), downBits, upBits, sharedBits].map(bucket);
  const needs = bundles.map((bundle) => bundle.architecture);
  return [...sizes, memoryBytes, ...needs].join(' ');
}

function bucket(size: number): number {
  return size <= 0 ? 0 : Math.round(Math.log(size) / Math.log(step));
}

function demandOf(groups: readonly Group[], jobs: readonly JobRecord[]): Demand {
  const tasks = jobs.reduce((sum, job) => sum + job.waiting, 0);
  const mean = (of: (job: JobRecord) => number): number =>
    jobs.reduce((sum, job) => sum + job.waiting * of(job), 0) / tasks;
  return {
    tasks,
    workGhzSeconds: mean(workOf),
    downBits: mean((job) => bitsOf(job).downBits),
    upBits: mean((job) => bitsOf(job).upBits),
    fits: fitsOf(groups, jobs),
    sharedBits: sharedOf(groups, jobs, tasks),
  };
}

function fitsOf(groups: readonly Group[], [job]: readonly JobRecord[]): readonly number[] | null {
  if (job === undefined) return null;
  const parts = groups.map(({ kinds, supply }) => {
    let cpuGhz = 0;
    for (const kind of kinds.values())
      if (refuseFit(job, kind.node) === null) cpuGhz += kind.cpuGhz;
    return Math.min(1, cpuGhz / supply.cpuGhz);
  });
  return parts.every((part) => part > 0.999) ? null : parts;
}

/**
 * What tasks share is fetched once for each node. Spread over the tasks that a group would do if all
 * were divided by CPU; no task pays more than all of it.
 */
function sharedOf(
  groups: readonly Group[],
  jobs: readonly JobRecord[],
  tasks: number,
): readonly number[] | null {
  const shared = Math.max(...jobs.map((job) => bitsOf(job).sharedBits));
  if (shared === 0) return null;
  const cpuGhz = groups.reduce((sum, { supply }) => sum + supply.cpuGhz, 0);
  return groups.map(({ supply, nodes }) => {
    const part = (tasks * supply.cpuGhz) / cpuGhz;
    return shared * Math.min(1, (jobs.length * nodes) / part);
  });
}
