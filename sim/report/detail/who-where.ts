// Which kinds of jobs ran at which sites: the work that each kind had at each group of sites.

import type { RunResult } from '../../run/run.ts';
import type { World } from '../../world/draw-world.ts';
import { attemptRuns } from '../attempt-runs.ts';
import type { JobGroups } from './job-groups.ts';
import type { SiteGroups } from './site-groups.ts';

export interface Cell {
  readonly kind: string;
  /** Of the kind: Gbit over the uplink, in and out, for a GHz·s. */
  readonly intensity: number;
  readonly sites: string;
  /** Of the group of sites: Gbit/s down for each GHz. */
  readonly ratio: number;
  readonly tasks: number;
  readonly ghzSeconds: number;
}

interface Grouped {
  readonly sites: SiteGroups;
  readonly kinds: JobGroups;
}

/** Of attempts whose result was taken; cells in which nothing ran are left out. */
export function cellsOf(
  world: World,
  result: RunResult,
  { sites, kinds }: Grouped,
): readonly Cell[] {
  const width = kinds.names.length;
  const tasks = new Float64Array(sites.groups.length * width);
  const work = new Float64Array(tasks.length);
  for (const { job, site, ghzSeconds, hasWon } of attemptRuns(world, result)) {
    if (!hasWon) continue;
    const place = (sites.groupOf[site] ?? -1) * width + (kinds.groupOf[job] ?? -1);
    tasks[place] = (tasks[place] ?? 0) + 1;
    work[place] = (work[place] ?? 0) + ghzSeconds;
  }
  const intensities = intensitiesOf(world, kinds);
  const cells = sites.groups.flatMap(({ label, ratio }, group) =>
    kinds.names.map((kind, of): Cell => {
      const place = group * width + of;
      const intensity = intensities[of] ?? 0;
      const has = { tasks: tasks[place] ?? 0, ghzSeconds: work[place] ?? 0 };
      return { kind, intensity, sites: label, ratio, ...has };
    }),
  );
  return cells.filter((cell) => cell.tasks > 0);
}

function intensitiesOf({ jobs }: World, { names, groupOf }: JobGroups): readonly number[] {
  const bytes = names.map(() => 0);
  const work = names.map(() => 0);
  for (const [number, job] of jobs.entries()) {
    const group = groupOf[number] ?? -1;
    bytes[group] = (bytes[group] ?? 0) + job.tasks * (job.inputBytes + job.outputBytes);
    work[group] = (work[group] ?? 0) + job.tasks * job.workGhzSeconds;
  }
  return names.map((_, group) => (8e-9 * (bytes[group] ?? 0)) / (work[group] ?? 0));
}
