// What the linear program leaves out where every job has a program: no node computes before one has come
// over its site's line, whence all nodes of the site have it.

import type { World, WorldSite } from '../world/draw-world.ts';

interface Start {
  readonly ghz: number;
  readonly atSeconds: number;
}

/**
 * The least time in which all work can be done when each site fetches the smallest of the programs first;
 * 0 when a job has none.
 *
 * @param downOf bit/s of a site's line, at best.
 */
export function firstProgramSeconds(world: World, downOf: (site: WorldSite) => number): number {
  const smallest = world.jobs.reduce((least, job) => Math.min(least, job.bundleBytes), Infinity);
  if (!Number.isFinite(smallest) || smallest === 0) return 0;
  const starts = startsOf(world, (site) => (8 * smallest) / (site.share * downOf(site)));
  const work = world.jobs.reduce((sum, job) => sum + job.tasks * job.workGhzSeconds, 0);
  // In the order of their start: as long as the work lasts beyond the next one, that one helps too.
  let ghz = 0;
  let ghzStarts = 0;
  let end = Infinity;
  for (const start of starts) {
    if (start.atSeconds >= end) break;
    ghz += start.ghz;
    ghzStarts += start.ghz * start.atSeconds;
    end = (work + ghzStarts) / ghz;
  }
  return end;
}

function startsOf(
  { sites, nodes }: World,
  fetchSeconds: (site: WorldSite) => number,
): readonly Start[] {
  const ghz = new Float64Array(sites.length);
  for (const { site, model, speedGhz } of nodes) {
    ghz[site] = (ghz[site] ?? 0) + model.slots * speedGhz;
  }
  return sites
    .map((site, index) => ({ ghz: ghz[index] ?? 0, atSeconds: fetchSeconds(site) }))
    .sort((one, other) => one.atSeconds - other.atSeconds);
}
