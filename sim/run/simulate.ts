// A whole run from its three inputs, scenario, policy and seed, and its summary.

import type { Policy } from '../../scheduler/core/index.ts';
import { openHighs } from '../../scheduler/adapters/plan/highs.ts';
import { availableBoundOf, boundOf } from '../report/bound.ts';
import type { Summary } from '../report/summary.ts';
import { summaryOf } from '../report/summary.ts';
import { readReplayed } from '../replay/replayed.ts';
import { readLog } from '../scenario/read-log.ts';
import { readScenario } from '../scenario/read.ts';
import { drawWorld } from '../world/draw-world.ts';
import type { World } from '../world/draw-world.ts';
import { CheckFailed } from './checks.ts';
import { choosePolicy } from './choose-policy.ts';
import type { Progress, RunResult } from './run.ts';
import { Run } from './run.ts';

export interface Wanted {
  /** A name, or a file. */
  readonly scenario: string;
  readonly policy: string;
  readonly seed: number;
  /** The jobs of this scheduler's journal, on its nodes, are what the scenario is. */
  readonly journal?: string;
}

export interface Simulated {
  readonly world: World;
  readonly result: RunResult;
  readonly summary: Summary;
}

/** What is done to a policy before it is asked anything. */
export type WatchPolicy = (policy: Policy) => Policy;

/** Progress is told after so many events, a few times a second with the slowest policies. */
const stepEvents = 2_000;

/** @throws {CheckFailed} naming the seed, when a rule was broken. */
export async function simulate(
  wanted: Wanted,
  onProgress: (progress: Progress) => void,
  watch: WatchPolicy = (policy) => policy,
): Promise<Simulated> {
  const { policy, seed } = wanted;
  // First: how long a policy takes to load has nothing to do with the world.
  const chosen = watch(await choosePolicy(policy));
  const { name, world, leftOut } = worldOf(wanted);
  const solve = await openHighs();
  const bound = boundOf(world, solve);
  const run = new Run(world, { policy: chosen, solve });
  try {
    while (!run.advance(stepEvents)) onProgress(run.progress);
    const result = run.result();
    const about = { scenario: name, policy, seed };
    const availableBound = availableBoundOf(world, { ...result, bound }, solve);
    const outcome = { result, bound, availableBound, leftOut };
    return { world, result, summary: summaryOf(about, world, outcome) };
  } catch (cause) {
    const where = `scenario ${name}, policy ${policy}, seed ${seed}`;
    const at = `after ${Math.round(run.progress.nowMs / 1000)} s of simulated time`;
    const what = cause instanceof Error ? cause.message : String(cause);
    const isStuck = cause instanceof CheckFailed && cause.isStuck;
    throw new CheckFailed(`${where}, ${at}: ${what}`, { cause, isStuck });
  }
}

function worldOf({ scenario, seed, journal }: Wanted) {
  if (journal !== undefined) {
    return { name: scenario, world: readReplayed(journal).world, leftOut: null };
  }
  const read = readScenario(scenario);
  const log = readLog(read);
  const world = drawWorld(read, seed, log?.jobs);
  return { name: read.name, world, leftOut: log?.leftOut ?? null };
}
