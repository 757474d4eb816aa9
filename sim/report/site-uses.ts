// What each site had and did in a run.

import type { RunResult } from '../run/run.ts';
import { linkOf } from '../run/transfers.ts';
import type { Direction } from '../run/transfers.ts';
import type { World } from '../world/draw-world.ts';
import { attemptRuns } from './attempt-runs.ts';

export interface SiteUse {
  readonly cpuGhz: number;
  readonly slots: number;
  readonly attempts: number;
  readonly computedGhzSeconds: number;
  /** Bytes a second that the owner leaves, over the run. */
  readonly downRate: number;
  readonly upRate: number;
  readonly downBytes: number;
  readonly upBytes: number;
}

export function siteUses(world: World, result: RunResult): readonly SiteUse[] {
  const computed = new Float64Array(world.sites.length);
  const attempts = new Float64Array(world.sites.length);
  for (const { site, ghzSeconds } of attemptRuns(world, result)) {
    computed[site] = (computed[site] ?? 0) + ghzSeconds;
    attempts[site] = (attempts[site] ?? 0) + 1;
  }
  const slots = new Float64Array(world.sites.length);
  const cpuGhz = new Float64Array(world.sites.length);
  for (const { site, model, speedGhz } of world.nodes) {
    slots[site] = (slots[site] ?? 0) + model.slots;
    cpuGhz[site] = (cpuGhz[site] ?? 0) + model.slots * speedGhz;
  }
  const { transfers, makespanMs } = result;
  const rateOf = (site: number, direction: Direction): number =>
    (1000 * transfers.mostBytes(linkOf(site, direction), makespanMs)) / makespanMs;
  return world.sites.map((_, site) => ({
    cpuGhz: cpuGhz[site] ?? 0,
    slots: slots[site] ?? 0,
    attempts: attempts[site] ?? 0,
    computedGhzSeconds: computed[site] ?? 0,
    downRate: rateOf(site, 'down'),
    upRate: rateOf(site, 'up'),
    downBytes: transfers.movedBytes(linkOf(site, 'down')),
    upBytes: transfers.movedBytes(linkOf(site, 'up')),
  }));
}
