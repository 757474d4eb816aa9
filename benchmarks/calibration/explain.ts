// A lab's run, simulated: as it was described, and then with what the description left out, one thing after
// another, so that each is seen to bring the two together by so much.

import { openHighs } from '../../scheduler/adapters/plan/highs.ts';
import { choosePolicy } from '../../sim/run/choose-policy.ts';
import { Run } from '../../sim/run/run.ts';
import type { World } from '../../sim/world/draw-world.ts';
import type { LabPlan, LabRun } from './lab-run.ts';
import { speedGhz } from './lab-run.ts';

/** Makespans, in seconds. */
export interface Explained {
  readonly real: number;
  /** Same sites, nodes, rates of lines, jobs and policy. */
  readonly simulated: number;
  /** And lines carry the payload that they did carry, headers left out. */
  readonly withPayload: number;
  /** And a slot is taken by each task for as long as it was. */
  readonly withTimes: number;
}

export async function explain(
  plan: LabPlan,
  { past, payloadPart, stretch, turnaroundSeconds }: LabRun,
): Promise<Explained> {
  const { policy, jobs } = plan;
  const speed = speedGhz(plan);
  const withSeconds = (job: World['jobs'][number], seconds: number): World['jobs'][number] => ({
    ...job,
    workGhzSeconds: speed * seconds,
  });
  // What a sleeping task is measured to compute is next to nothing: its work is what was declared.
  const secondsOf = new Map(jobs.map(({ name, seconds }) => [name, seconds]));
  const described: World = {
    ...past.world,
    jobs: past.world.jobs.map((job) => withSeconds(job, secondsOf.get(job.name) ?? 0)),
  };
  const slower: World = {
    ...described,
    sites: described.sites.map((site) => ({
      ...site,
      downBps: payloadPart * site.downBps,
      peakBps: payloadPart * site.peakBps,
      upBps: payloadPart * site.upBps,
    })),
  };
  const longer: World = {
    ...slower,
    jobs: slower.jobs.map((job) =>
      withSeconds(job, (stretch * job.workGhzSeconds) / speed + turnaroundSeconds),
    ),
  };
  return {
    real: past.makespanSeconds,
    simulated: await makespanOf(described, policy),
    withPayload: await makespanOf(slower, policy),
    withTimes: await makespanOf(longer, policy),
  };
}

const stepEvents = 1_000;

async function makespanOf(world: World, policy: string): Promise<number> {
  const run = new Run(world, { policy: await choosePolicy(policy), solve: await openHighs() });
  while (!run.advance(stepEvents));
  return run.result().makespanMs / 1000;
}
