// Where few tasks wait beside many idle slots no plan is needed: each goes where it ends soonest, its bytes
// behind those of the site's line. A plan's end rests on all that is in hand, the longest queue of any line
// included, and would let a task of a minute wait for hours there.

import { idlePerTask } from '../../limits.ts';
import { siteOf } from '../../leases.ts';
import type { Instant } from '../../model/ids.ts';
import { instant } from '../../model/ids.ts';
import type { JobRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import type { SiteLoad } from '../balance.ts';
import { costOf, loadOf, workOf } from '../estimate.ts';
import { isSuited, refuseSuited } from '../filter.ts';
import type { Tail } from './plan.ts';
import { endsIn, plannedJobs } from './tail.ts';
import type { Ahead, Waiting } from './tail.ts';

/**
 * By when a task of each job that waits had better end, by the job's number: by then as many slots as tasks wait
 * can have ended one of it. Null: they are not few.
 */
export function soonestOf(state: State, waiting: Waiting | null, now: Instant): Tail {
  if (waiting === null) return null;
  const { ahead, tasks } = waiting;
  const idle = ahead.freeIn.reduce((count, seconds) => count + (seconds === 0 ? 1 : 0), 0);
  if (tasks * idlePerTask > idle) return null;
  const about = { state, ahead, tasks, now, loads: new Map<number, SiteLoad>() };
  return new Map(
    plannedJobs(state).map((job) => {
      const seconds = soonestEnds(job, about).at(-1) ?? 0;
      return [job.number, instant(Math.ceil(now + 1000 * seconds))];
    }),
  );
}

interface About {
  readonly state: State;
  readonly ahead: Ahead;
  readonly tasks: number;
  readonly now: Instant;
  /** Of sites that were looked at. */
  readonly loads: Map<number, SiteLoad>;
}

/** In how many seconds slots can end the job's next task, each as if it took that alone: of as many as tasks
 * wait, the soonest first. */
function soonestEnds(job: JobRecord, about: About): readonly number[] {
  const { state, ahead, tasks, now, loads } = about;
  const { nodes, firstSlots, freeIn, speedsGhz } = ahead;
  const work = workOf(job);
  const ends: number[] = [];
  for (const [index, node] of nodes.entries()) {
    const first = mustHave(firstSlots[index], 'slots of node', index);
    const isBeaten = (seconds: number): boolean =>
      ends.length === tasks && seconds >= (ends.at(-1) ?? 0);
    // No end is earlier: most nodes are not looked at any closer.
    if (isBeaten((freeIn[first] ?? 0) + work / (speedsGhz[first] ?? 0))) continue;
    // What has as much as it may is not waited for.
    if (!state.openNodes.has(node.number)) continue;
    if (!isSuited(job, node) || refuseSuited(job, node, now) !== null) continue;
    const load = loads.get(node.siteNumber) ?? loadOf(siteOf(state, node));
    loads.set(node.siteNumber, load);
    const cost = costOf(state, { job, taskIndex: job.cursor }, node);
    const end = firstSlots[index + 1] ?? freeIn.length;
    for (let slot = first; slot < end; slot += 1) {
      const seconds = endsIn(freeIn[slot] ?? 0, load, { node, cost });
      if (isBeaten(seconds)) break;
      if (ends.length === tasks) ends.pop();
      ends.splice(placeOf(seconds, ends), 0, seconds);
    }
  }
  return ends;
}

/** Behind those that are no later. */
function placeOf(seconds: number, sorted: readonly number[]): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}
