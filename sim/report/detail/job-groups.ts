// Jobs put together, so that a figure has no more of them than colours can tell apart.

import type { WorldJob } from '../../world/draw-jobs.ts';
import type { World } from '../../world/draw-world.ts';

/** As many colours as there are in the palette of the figures, but the one for all others. */
const mostNamed = 7;
const others = 'all others';

export interface JobGroups {
  /** In the order of their jobs. */
  readonly names: readonly string[];
  /** By job, a place in `names`. */
  readonly groupOf: readonly number[];
}

export function jobGroupsBy({ jobs }: World, by: (job: WorldJob) => string): JobGroups {
  const work = new Map<string, number>();
  for (const job of jobs) {
    const name = by(job);
    work.set(name, (work.get(name) ?? 0) + job.tasks * job.workGhzSeconds);
  }
  // Those with the most work have a name of their own.
  const sorted = [...work].sort(([, one], [, other]) => other - one).map(([name]) => name);
  const named = [...work.keys()].filter((name) => sorted.indexOf(name) < mostNamed);
  const names = sorted.length <= mostNamed ? named : [...named, others];
  const place = (name: string): number => {
    const found = names.indexOf(name);
    return found < 0 ? names.length - 1 : found;
  };
  return { names, groupOf: jobs.map((job) => place(by(job))) };
}
