// The attempts of a run that came to compute, one after another.

import type { RunResult } from '../run/run.ts';
import type { World } from '../world/draw-world.ts';
import { serviceOf } from '../world/services.ts';

export interface AttemptRun {
  readonly lease: number;
  /** A job, or a service. */
  readonly job: number;
  readonly node: number;
  readonly site: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly ghzSeconds: number;
  /** Its result is the task's. */
  readonly hasWon: boolean;
  /** Of a service: it brings no result. */
  readonly isReplica: boolean;
}

export function* attemptRuns(world: World, result: RunResult): Generator<AttemptRun> {
  for (let lease = 1; lease <= result.attempts.last; lease += 1) {
    const run = attemptRun(lease, world, result);
    if (run !== null) yield run;
  }
}

/** Null: it never came to compute. */
export function attemptRun(lease: number, world: World, result: RunResult): AttemptRun | null {
  const { attempts, checks, makespanMs } = result;
  const startMs = attempts.startedAt[lease] ?? 0;
  const node = attempts.node[lease] ?? -1;
  const board = world.nodes[node];
  if (startMs === 0 || board === undefined) return null;
  const { site, speedGhz } = board;
  // What still runs at the end is a backup that nobody waits for.
  const exitedAt = attempts.exitedAt[lease] ?? 0;
  const endMs = exitedAt === 0 ? makespanMs : exitedAt;
  const job = attempts.job[lease] ?? -1;
  const service = serviceOf(world, job);
  const ghzSeconds = ((endMs - startMs) / 1000) * (service?.rates.cpuGhz ?? speedGhz);
  const hasWon = checks.results[job]?.[attempts.task[lease] ?? -1] === lease;
  const isReplica = service !== undefined;
  return { lease, job, node, site, startMs, endMs, ghzSeconds, hasWon, isReplica };
}
