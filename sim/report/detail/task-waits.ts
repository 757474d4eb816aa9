// How long tasks waited and for what, and when they were done, by groups of jobs.

import type { RunResult } from '../../run/run.ts';
import type { World } from '../../world/draw-world.ts';
import { quantilesOf } from '../statistics.ts';
import type { TaskTimes } from '../task-times.ts';
import { taskTimes } from '../task-times.ts';
import type { JobGroups } from './job-groups.ts';

/** What an attempt does, in this order, from its task's submission until its result is taken. */
export const steps = [
  'not placed',
  'inputs wait for the uplink',
  'fetches inputs',
  'waits for a slot',
  'computes',
  'results wait for the uplink',
  'sends results',
] as const;

/** Points of a distribution but the first. */
const pointCount = 100;

export interface GroupTimes {
  readonly name: string;
  /** That ended with a result. */
  readonly tasks: number;
  /** Seconds from submission until the start: the least, and for each per cent what that part waited
   * at most. */
  readonly waits: readonly number[];
  /** In the same way, seconds from the beginning of the run until tasks were done. */
  readonly ends: readonly number[];
  /** Mean seconds of a task in each of `steps`. */
  readonly steps: readonly number[];
}

export function groupTimesOf(
  world: World,
  result: RunResult,
  { names, groupOf }: JobGroups,
): readonly GroupTimes[] {
  const counts = names.map(() => 0);
  for (const [job, { tasks }] of world.jobs.entries()) {
    const group = groupOf[job] ?? -1;
    counts[group] = (counts[group] ?? 0) + tasks;
  }
  const drafts = counts.map((tasks) => ({
    waits: new Float64Array(tasks),
    ends: new Float64Array(tasks),
    steps: new Float64Array(steps.length),
    /** Tasks so far. */
    place: 0,
  }));
  for (const times of taskTimes(world, result)) {
    const draft = drafts[groupOf[times.job] ?? -1];
    if (draft === undefined) continue;
    draft.waits[draft.place] = (times.startMs - times.submitMs) / 1000;
    draft.ends[draft.place] = times.finishMs / 1000;
    draft.place += 1;
    for (const [step, seconds] of stepSeconds(times, result).entries()) {
      draft.steps[step] = (draft.steps[step] ?? 0) + seconds;
    }
  }
  return drafts.map(({ waits, ends, steps: sums, place: tasks }, group) => ({
    name: names[group] ?? '',
    tasks,
    waits: quantilesOf(waits.subarray(0, tasks), pointCount),
    ends: quantilesOf(ends.subarray(0, tasks), pointCount),
    steps: Array.from(sums, (sum) => sum / Math.max(1, tasks)),
  }));
}

/** A step that an attempt has no need of takes no time. */
function stepSeconds(times: TaskTimes, { attempts }: RunResult): readonly number[] {
  const { lease, submitMs, startMs, runMs, finishMs } = times;
  const columns = [attempts.grantedAt, attempts.fetchingAt, attempts.fetchedAt];
  const begins = [
    ...columns.map((column) => column[lease] ?? 0),
    ...[startMs, startMs + runMs, attempts.sendingAt[lease] ?? 0, finishMs],
  ];
  let before = submitMs;
  return begins.map((at) => {
    // Times of a step that was not needed are 0, or from before the node was switched off.
    const until = Math.max(before, at);
    const seconds = (until - before) / 1000;
    before = until;
    return seconds;
  });
}
