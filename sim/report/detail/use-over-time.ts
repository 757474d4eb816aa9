// The use of CPU and uplinks over time, and what was short where. Site by site, so that a million of
// them need no more memory than one.

import type { RunResult } from '../../run/run.ts';
import type { World } from '../../world/draw-world.ts';
import { attemptRun } from '../attempt-runs.ts';
import type { SiteUse } from '../site-uses.ts';
import type { SiteGroup, SiteGroups } from './site-groups.ts';

/** Columns of a figure. */
const binCount = 60;
/** A resource that is used so much is what holds its site up. */
export const shortFrom = 0.8;

export const resources = ['CPU', 'uplink down', 'uplink up'] as const;
export const nothingShort = 'none of them';
export type Short = (typeof resources)[number] | typeof nothingShort;

export interface UseOverTime {
  readonly binSeconds: number;
  readonly groups: readonly GroupUse[];
}

export interface GroupUse extends SiteGroup {
  /** By resource and bin, the part in use of what there is. */
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
  const amounts = by.sites.groups.map(() => resources.map(() => new Float64Array(binCount)));
  const shorts = by.sites.groups.map(() => new Float64Array(resources.length + 1));
  for (const [site, leases] of leasesBySite(world, result)) {
    const group = by.sites.groupOf[site] ?? -1;
    const use = by.uses[site];
    const sums = amounts[group];
    const short = shorts[group];
    if (use === undefined || sums === undefined || short === undefined) continue;
    const own = binsOf(leases, { world, result, binMs });
    for (const [resource, bins] of own.entries()) {
      for (const [bin, amount] of bins.entries()) add(sums[resource], bin, amount);
    }
    const most = capacities(use, binMs);
    for (let bin = 0; bin < binCount; bin += 1) add(short, shortest(own, most, bin), use.cpuGhz);
  }
  const groups = by.sites.groups.map((group, place): GroupUse => {
    const most = capacities(group, binMs);
    const part = (bins: Float64Array, resource: number): number[] =>
      Array.from(bins, (amount) => rounded(amount / (most[resource] ?? 0)));
    const all = group.cpuGhz * binCount;
    return {
      ...group,
      uses: (amounts[place] ?? []).map(part),
      short: Array.from(shorts[place] ?? [], (ghz) => rounded(ghz / all)),
    };
  });
  return { binSeconds: binMs / 1000, groups };
}

/** Of all attempts; numbers, since there are millions. Sites without any are there, too. */
function leasesBySite(world: World, { attempts }: RunResult): ReadonlyMap<number, number[]> {
  const bySite = new Map(world.sites.map((_, site): [number, number[]] => [site, []]));
  for (let lease = 1; lease <= attempts.last; lease += 1) {
    const node = world.nodes[attempts.node[lease] ?? -1];
    if (node !== undefined) bySite.get(node.site)?.push(lease);
  }
  return bySite;
}

/** GHz·s and bytes. What a transfer moved is spread evenly over the time that it took. */
function binsOf(
  leases: readonly number[],
  {
    world,
    result,
    binMs,
  }: { readonly world: World; readonly result: RunResult; readonly binMs: number },
): readonly Float64Array[] {
  const [cpu, down, up] = resources.map(() => new Float64Array(binCount));
  const { attempts } = result;
  for (const lease of leases) {
    const at = (column: Float64Array): number => column[lease] ?? 0;
    const run = attemptRun(lease, world, result);
    if (run !== null) {
      const { startMs, endMs, ghzSeconds } = run;
      spreadOver(cpu, { fromMs: startMs, toMs: endMs, amount: ghzSeconds, binMs });
    }
    const fetched = { fromMs: at(attempts.fetchingAt), toMs: at(attempts.fetchedAt) };
    spreadOver(down, { ...fetched, amount: at(attempts.downBytes), binMs });
    const sent = { fromMs: at(attempts.sendingAt), toMs: at(attempts.doneAt) };
    spreadOver(up, { ...sent, amount: at(attempts.upBytes), binMs });
  }
  return [cpu, down, up].map((bins) => bins ?? new Float64Array(binCount));
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly amount: number;
  readonly binMs: number;
}

function spreadOver(bins: Float64Array | undefined, { fromMs, toMs, amount, binMs }: Span): void {
  if (bins === undefined || amount === 0) return;
  const first = Math.min(binCount - 1, Math.floor(fromMs / binMs));
  // What ends in no time, or was never heard of at the end, belongs where it began.
  if (toMs <= fromMs) return add(bins, first, amount);
  for (let bin = first; bin < binCount && bin * binMs < toMs; bin += 1) {
    const inside = Math.min(toMs, (bin + 1) * binMs) - Math.max(fromMs, bin * binMs);
    add(bins, bin, (amount * inside) / (toMs - fromMs));
  }
}

function capacities(
  { cpuGhz, downRate, upRate }: Pick<SiteUse, 'cpuGhz' | 'downRate' | 'upRate'>,
  binMs: number,
): readonly number[] {
  return [cpuGhz, downRate, upRate].map((rate) => (rate * binMs) / 1000);
}

/** The resource in a bin that is used most, if that is much; else the place after them. */
function shortest(bins: readonly Float64Array[], most: readonly number[], bin: number): number {
  const parts = bins.map((amounts, resource) => (amounts[bin] ?? 0) / (most[resource] ?? 0));
  const highest = Math.max(...parts);
  return highest >= shortFrom ? parts.indexOf(highest) : resources.length;
}

function add(bins: Float64Array | undefined, bin: number, amount: number): void {
  if (bins !== undefined) bins[bin] = (bins[bin] ?? 0) + amount;
}

/** Finer than any figure shows. */
function rounded(part: number): number {
  return Math.round(1e5 * part) / 1e5;
}
