// Where few tasks wait beside many idle slots no plan is needed: each goes where it ends soonest, its bytes
// behind those of the site's line. A plan's end rests on all that is in hand, the longest queue of any line
// included, and would let a task of a minute wait for hours there.

import {
  idlePerTask,
  soonestJobs,
  soonestPart,
  soonestSlackMs,
  tasksLookedAt,
} from '../../limits.ts';
import { taskState } from '../../columns.ts';
import { siteOf } from '../../leases.ts';
import type { Instant } from '../../model/ids.ts';
import { instant } from '../../model/ids.ts';
import type { JobRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import type { SiteLoad } from '../balance.ts';
import { costOf, loadOf, workOf } from '../estimate.ts';
import { isSuited, refuseSuited } from '../filter.ts';
import type { Tail } from './plan.ts';
import { endsIn } from './tail.ts';
import type { Ahead, Waiting } from './tail.ts';

/**
 * By when a task of each job that waits had better end, by the job's number: by then as many slots as tasks wait
 * can have ended one of it. A job that fits no open slot is left out. Null: a plan is needed, since they are not
 * few, good slots are, or data is born at a site.
 */
export function soonestOf(state: State, waiting: Waiting | null, now: Instant): Tail {
  if (waiting === null || waiting.jobs.length > soonestJobs) return null;
  const { ahead, tasks, jobs } = waiting;
  const idle = ahead.freeIn.reduce((count, seconds) => count + (seconds === 0 ? 1 : 0), 0);
  if (tasks * idlePerTask > idle) return null;
  const about = { state, ahead, tasks, now, loads: new Map<number, SiteLoad>() };
  const soonest = new Map<number, Instant>();
  for (const job of jobs) {
    if (job.template.home !== undefined || job.template.outputsOf !== undefined) return null;
    const { ends, best } = soonestEnds(job, about);
    const last = ends.at(-1);
    if (last === undefined) continue;
    const areSlotsFew =
      ends.length < tasks || 1000 * last > 1000 * soonestPart * best + soonestSlackMs;
    if (areSlotsFew) return null;
    soonest.set(job.number, instant(Math.ceil(now + 1000 * last)));
  }
  return soonest;
}

interface About {
  readonly state: State;
  readonly ahead: Ahead;
  readonly tasks: number;
  readonly now: Instant;
  /** Of sites that were looked at. */
  readonly loads: Map<number, SiteLoad>;
}

interface Ends {
  /** In seconds: of as many slots as tasks wait, those that may be given one now, the soonest first. */
  readonly ends: readonly number[];
  /** Of all slots, full ones too. */
  readonly best: number;
}

/** In how many seconds slots can end the largest of the job's next tasks, each as if it took that alone. */
function soonestEnds(job: JobRecord, { state, ahead, tasks, now, loads }: About): Ends {
  const { nodes, firstSlots, freeIn, speedsGhz } = ahead;
  const [work, taskIndex] = [workOf(job), largestTask(job)];
  const ends: number[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (const [index, node] of nodes.entries()) {
    const first = mustHave(firstSlots[index], 'slots of node', index);
    const late = ends.length === tasks ? (ends.at(-1) ?? 0) : Number.POSITIVE_INFINITY;
    // No end is earlier: most nodes are not looked at any closer.
    if ((freeIn[first] ?? 0) + work / (speedsGhz[first] ?? 0) >= late) continue;
    if (!isSuited(job, node) || refuseSuited(job, node, now) !== null) continue;
    const load = loads.get(node.siteNumber) ?? loadOf(siteOf(state, node));
    loads.set(node.siteNumber, load);
    const on = { node, cost: costOf(state, { job, taskIndex }, node) };
    best = Math.min(best, endsIn(freeIn[first] ?? 0, load, on));
    if (!state.openNodes.has(node.number)) continue;
    const end = firstSlots[index + 1] ?? freeIn.length;
    for (let slot = first; slot < end; slot += 1) {
      insert(endsIn(freeIn[slot] ?? 0, load, on), ends, tasks);
    }
  }
  return { ends, best };
}

/** The one that brings most, of the first few that wait: where that ends by then, the others do. */
function largestTask({ tasks, cursor, template }: JobRecord): number {
  const { taskInputBytes, taskCount } = template;
  let largest = cursor;
  for (let index = cursor; index < Math.min(cursor + tasksLookedAt, taskCount); index += 1) {
    const isMore = (taskInputBytes[index] ?? 0) > (taskInputBytes[largest] ?? 0);
    if (isMore && taskState(tasks, index) === 'waiting') largest = index;
  }
  return largest;
}

/** Keeps the least ones, sorted. */
function insert(value: number, sorted: number[], most: number): void {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  if (low === most) return;
  sorted.splice(low, 0, value);
  if (sorted.length > most) sorted.pop();
}
