// What the linear program leaves out where every job has a program: no node computes before its first
// one has come over its site's line, which the nodes of a site share.

import type { World, WorldSite } from '../world/draw-world.ts';

interface Start {
  readonly ghz: number;
  readonly atSeconds: number;
}

/**
 * The least time in which all work can be done when each node fetches the smallest of the programs
 * first, at each site the fastest nodes first; 0 when a job has none.
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
  const speeds = sites.map((): number[] => []);
  for (const { site, model, speedGhz } of nodes) speeds[site]?.push(model.slots * speedGhz);
  return sites
    .flatMap((site, index) => {
      const fastest = (speeds[index] ?? []).sort((one, other) => other - one);
      return fastest.map((ghz, place) => ({ ghz, atSeconds: (place + 1) * fetchSeconds(site) }));
    })
    .sort((one, other) => one.atSeconds - other.atSeconds);
}
