// The use of CPU and uplinks over time, and what was short, by groups of sites.

import type { RunResult } from '../../run/run.ts';
import type { World } from '../../world/draw-world.ts';
import type { SiteUse } from '../site-uses.ts';
import type { SiteGroup, SiteGroups } from './site-groups.ts';
import { binCount, capacities, resources, siteTimes } from './site-times.ts';

export interface UseOverTime {
  readonly binSeconds: number;
  readonly groups: readonly GroupUse[];
}

export interface GroupUse extends SiteGroup {
  /** By resource and span of time, the part in use of what there is. */
  readonly uses: readonly (readonly number[])[];
  /** Parts of the time, for `resources` and for none; sites count by their CPU. */
  readonly short: readonly number[];
}

interface Grouped {
  readonly uses: readonly SiteUse[];
  readonly sites: SiteGroups;
}

export function useOverTimeOf(world: World, result: RunResult, by: Grouped): UseOverTime {
  const binMs = result.makespanMs / binCount;
  const sums = by.sites.groups.map(() => resources.map(() => new Float64Array(binCount)));
  const shorts = by.sites.groups.map(() => new Float64Array(resources.length + 1));
  for (const { site, use, amounts, short } of siteTimes(world, result, by.uses)) {
    const group = by.sites.groupOf[site] ?? -1;
    for (const [resource, bins] of amounts.entries()) addTo(sums[group]?.[resource], bins);
    addTo(
      shorts[group],
      short.map((part) => part * use.cpuGhz),
    );
  }
  const groups = by.sites.groups.map((group, place): GroupUse => {
    const most = capacities(group, binMs);
    const part = (bins: Float64Array, resource: number): number[] =>
      Array.from(bins, (amount) => rounded(amount / (most[resource] ?? 0)));
    return {
      ...group,
      uses: (sums[place] ?? []).map(part),
      short: Array.from(shorts[place] ?? [], (ghz) => rounded(ghz / group.cpuGhz)),
    };
  });
  return { binSeconds: binMs / 1000, groups };
}

function addTo(sums: Float64Array | undefined, values: ArrayLike<number>): void {
  if (sums === undefined) return;
  for (const place of sums.keys()) sums[place] = (sums[place] ?? 0) + (values[place] ?? 0);
}

/** Finer than any figure shows. */
function rounded(part: number): number {
  return Math.round(1e5 * part) / 1e5;
}
