// The attempts of a run that came to compute, one after another.

import type { RunResult } from '../run/run.ts';
import type { World } from '../world/draw-world.ts';

export interface AttemptRun {
  readonly site: number;
  readonly ghzSeconds: number;
  /** Its result is the task's. */
  readonly hasWon: boolean;
}

export function* attemptRuns(world: World, result: RunResult): Generator<AttemptRun> {
  const { attempts, checks, makespanMs } = result;
  for (let lease = 1; lease <= attempts.last; lease += 1) {
    const startedAt = attempts.startedAt[lease] ?? 0;
    const node = world.nodes[attempts.node[lease] ?? -1];
    if (startedAt === 0 || node === undefined) continue;
    // What still runs at the end is a backup that nobody waits for.
    const exitedAt = attempts.exitedAt[lease] ?? 0;
    const runMs = (exitedAt === 0 ? makespanMs : exitedAt) - startedAt;
    const task = attempts.task[lease] ?? -1;
    const hasWon = checks.results[attempts.job[lease] ?? -1]?.[task] === lease;
    yield { site: node.site, ghzSeconds: (runMs / 1000) * node.speedGhz, hasWon };
  }
}
