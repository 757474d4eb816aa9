// Classes of tasks for the plan: jobs of about the same intensity and with the same needs are one class.

import { bitsOf } from '../../estimate/ahead.ts';
import { planClasses } from '../../limits.ts';
import type { JobRecord, NodeRecord, State } from '../../state.ts';
import { sharedDownBytes, workOf } from '../estimate.ts';
import { isWelcome } from '../filter.ts';
import type { Group, Grouping } from './groups.ts';
import { fitsNowhere, noGroup } from './plan.ts';
import type { Demand } from './program.ts';
import { plannedJobs, plannedTasks } from './tail.ts';

export interface Classes {
  readonly demands: readonly Demand[];
  readonly classOf: ReadonlyMap<number, number>;
}

/** Intensities that differ by less are one; so are those that are this part of the thinnest ratio. */
const step = 1.1;
const nothing = 0.05;

/** Of what waits; jobs beyond the number of classes, the newest, are not in the plan. */
export function classJobs(state: State, { groups, groupOf }: Grouping): Classes {
  const classes = new Map<string, { readonly index: number; readonly jobs: JobRecord[] }>();
  const classOf = new Map<number, number>();
  const thinnest = thinnestOf(groups);
  const refused = refusedBy(groups);
  let count = 0;
  for (const job of plannedJobs(state)) {
    const own = refused.has(job.researcher) ? ` of ${job.researcher}` : '';
    const born = job.template.home === undefined ? '' : ` at ${job.template.home}`;
    const only = job.template.site === undefined ? '' : ` only at ${job.template.site.number}`;
    const reach = job.template.network === 'internet' ? ' internet' : '';
    const key = keyOf(job, thinnest) + born + only + own + reach;
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
  const workOfAll = planned.reduce((sum, { jobs }) => sum + waitingWork(state, jobs), 0);
  const demands = planned.map(({ jobs }) => {
    const workPart = workOfAll === 0 ? 1 : waitingWork(state, jobs) / workOfAll;
    return { ...demandOf(state, jobs, { groups, workPart }), home: homeOf(jobs, groupOf) };
  });
  return { demands, classOf };
}

/** All jobs of a class have one home; undefined: none, or nobody there may be given tasks now. */
function homeOf([job]: readonly JobRecord[], groupOf: Int32Array): number | undefined {
  const group = groupOf[job?.template.home ?? -1] ?? noGroup;
  return group === noGroup ? undefined : group;
}

/** Researchers whom some owner refuses: not all nodes that fit their jobs may do them. */
function refusedBy(groups: readonly Group[]): ReadonlySet<string> {
  const kinds = groups.flatMap((group) => [...group.kinds.values()]);
  return new Set(kinds.flatMap(({ node }) => node.status?.refuses ?? []));
}

function fitsAnywhere(groups: readonly Group[], job: JobRecord): boolean {
  return groups.some(({ kinds }) =>
    [...kinds.values()].some(({ node, cpuGhz }) => cpuGhz > 0 && isWelcome(job, node)),
  );
}

/**
 * The program is linear: what matters of a job is its intensity, bits for each GHz·s, not how it is cut
 * into tasks. What is far less intense than the thinnest line has for its CPUs is as good as nothing.
 */
function keyOf(job: JobRecord, thinnest: Ratios): string {
  const { bundles, memoryBytes } = job.template;
  const { downBits, upBits } = bitsOf(job);
  const work = Math.max(workOf(job), Number.MIN_VALUE);
  const down = bucket(downBits / work, nothing * thinnest.down);
  const up = bucket(upBits / work, nothing * thinnest.up);
  const needs = bundles.map((bundle) => bundle.architecture);
  return [down, up, memoryBytes, ...needs].join(' ');
}

function bucket(intensity: number, least: number): number {
  return intensity <= least ? -Infinity : Math.round(Math.log(intensity) / Math.log(step));
}

/** Bit/s for each GHz, the least of all groups. */
interface Ratios {
  readonly down: number;
  readonly up: number;
}

function thinnestOf(groups: readonly Group[]): Ratios {
  let down = Number.POSITIVE_INFINITY;
  let up = Number.POSITIVE_INFINITY;
  for (const { supply } of groups) {
    down = Math.min(down, supply.downBps / supply.cpuGhz);
    up = Math.min(up, supply.upBps / supply.cpuGhz);
  }
  return { down, up };
}

function waitingWork(state: State, jobs: readonly JobRecord[]): number {
  return jobs.reduce((sum, job) => sum + plannedTasks(state, job) * workOf(job), 0);
}

/** @param workPart of the work of all that waits. */
function demandOf(
  state: State,
  jobs: readonly JobRecord[],
  { groups, workPart }: { readonly groups: readonly Group[]; readonly workPart: number },
): Demand {
  const tasks = jobs.reduce((sum, job) => sum + plannedTasks(state, job), 0);
  const mean = (of: (job: JobRecord) => number): number =>
    jobs.reduce((sum, job) => sum + plannedTasks(state, job) * of(job), 0) / tasks;
  return {
    tasks,
    workGhzSeconds: mean(workOf),
    downBits: mean((job) => bitsOf(job).downBits),
    upBits: mean((job) => bitsOf(job).upBits),
    fits: fitsOf(groups, jobs),
    sharedBits: sharedOf(state, jobs, { groups, tasks, workPart }),
  };
}

function fitsOf(groups: readonly Group[], [job]: readonly JobRecord[]): readonly number[] | null {
  if (job === undefined) return null;
  const parts = groups.map(({ kinds, supply }) => {
    let cpuGhz = 0;
    for (const kind of kinds.values()) if (isWelcome(job, kind.node)) cpuGhz += kind.cpuGhz;
    return Math.min(1, cpuGhz / supply.cpuGhz);
  });
  return parts.every((part) => part > 0.999) ? null : parts;
}

/**
 * What tasks share is fetched once for each node that does some of them. A node keeps to few jobs, so
 * that of a group as many nodes as the class is of all work, and of each job at least one, need it, and
 * those that have it do not fetch it again; for the tasks that the group would do if all were divided
 * by CPU. No task pays more than all of it.
 */
function sharedOf(
  state: State,
  jobs: readonly JobRecord[],
  about: { readonly groups: readonly Group[]; readonly tasks: number; readonly workPart: number },
): readonly number[] | null {
  const { groups, tasks, workPart } = about;
  const shared = jobs.reduce((sum, job) => sum + bitsOf(job).sharedBits, 0) / jobs.length;
  if (shared === 0) return null;
  const holders = new Set(jobs.flatMap((job) => [...job.holders]));
  const cpuGhz = groups.reduce((sum, { supply }) => sum + supply.cpuGhz, 0);
  const isAt = atSiteOf(state, jobs);
  return groups.map(({ supply, nodes }) => {
    const part = supply.cpuGhz / cpuGhz;
    const need = Math.max(nodes.length * workPart, jobs.length * part);
    const have = nodes.filter((node) => holders.has(node.number) || isAt(node)).length;
    return shared * Math.min(1, Math.max(0, need - have) / (tasks * part));
  });
}

/** Whether others of a node's site have what the tasks of one of these share, or bring it; the node itself has it
 * of none. Boards of one kind at a site are alike. */
function atSiteOf(state: State, jobs: readonly JobRecord[]): (node: NodeRecord) => boolean {
  const known = new Map<string, boolean>();
  return (node) => {
    if (!state.exchanges.bySite.has(node.siteNumber)) return false;
    const kind = `${node.siteNumber} ${node.inventory.architecture}`;
    const isAt = known.get(kind) ?? jobs.some((job) => sharedDownBytes(state, job, node) === 0);
    known.set(kind, isAt);
    return isAt;
  };
}
