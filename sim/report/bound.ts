// The least time in which anybody could do a world's jobs: makespans are told as so many times that.

import type { World } from '../world/draw-world.ts';
import { sumOf } from './statistics.ts';

export interface Bound {
  readonly seconds: number;
  /** What it follows from. */
  readonly from: string;
}

/** As if all slots were one, and all uplinks: no schedule is quicker, and some worlds allow none
 * that comes near. */
function simpleBound({ sites, nodes, jobs }: World): Bound {
  const total = (of: (job: World['jobs'][number]) => number): number =>
    sumOf(jobs.map((job) => job.tasks * of(job)));
  const cpuGhz = sumOf(nodes.map(({ model, speedGhz }) => model.slots * speedGhz));
  const downBps = sumOf(sites.map((site) => site.share * site.downBps));
  const upBps = sumOf(sites.map((site) => site.share * site.upBps));
  const bounds: readonly Bound[] = [
    { from: 'all work on all slots', seconds: total((job) => job.workGhzSeconds) / cpuGhz },
    {
      from: 'all inputs over all uplinks',
      seconds: (8 * total((job) => job.inputBytes)) / downBps,
    },
    {
      from: 'all results over all uplinks',
      seconds: (8 * total((job) => job.outputBytes)) / upBps,
    },
  ];
  return bounds.reduce((most, bound) => (bound.seconds > most.seconds ? bound : most));
}

/** In a promise, as solvers are loaded. */
export function boundOf(world: World): Promise<Bound> {
  return Promise.resolve(simpleBound(world));
}
