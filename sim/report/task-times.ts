// When each task was submitted, started and done.

import type { RunResult } from '../run/run.ts';
import type { World } from '../world/draw-world.ts';

export interface TaskTimes {
  readonly job: number;
  readonly task: number;
  /** Of the attempt whose result was taken. */
  readonly lease: number;
  readonly node: number;
  readonly submitMs: number;
  readonly startMs: number;
  readonly runMs: number;
  /** Its result is where the scheduler is. */
  readonly finishMs: number;
}

/** Of all tasks, job by job. */
export function* taskTimes(world: World, result: RunResult): Generator<TaskTimes> {
  const { attempts, checks } = result;
  for (const [job, { tasks }] of world.jobs.entries()) {
    const submitMs = result.submittedAt[job] ?? 0;
    for (let task = 0; task < tasks; task += 1) {
      const lease = checks.results[job]?.[task] ?? 0;
      const startMs = attempts.startedAt[lease] ?? 0;
      yield {
        job,
        task,
        lease,
        node: attempts.node[lease] ?? -1,
        submitMs,
        startMs,
        runMs: (attempts.exitedAt[lease] ?? 0) - startMs,
        finishMs: attempts.doneAt[lease] ?? 0,
      };
    }
  }
}

/** Of each job, from its submission to its last result. */
export function jobSecondsOf(world: World, result: RunResult): readonly number[] {
  const seconds = world.jobs.map(() => 0);
  for (const { job, submitMs, finishMs } of taskTimes(world, result)) {
    seconds[job] = Math.max(seconds[job] ?? 0, (finishMs - submitMs) / 1000);
  }
  return seconds;
}

/** A run of under 10 s is taken for 10: bounded slowdown (Feitelson and Rudolph, JSSPP 1998). */
export function slowdownOf({ submitMs, runMs, finishMs }: TaskTimes): number {
  return Math.max(1, (finishMs - submitMs) / Math.max(10_000, runMs));
}
