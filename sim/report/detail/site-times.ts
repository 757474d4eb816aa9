// The use of CPU and uplinks over time at each site, and what it was short of. Site by site, so that a
// million of them need no more memory than one.

import type { RunResult } from '../../run/run.ts';
import type { World } from '../../world/draw-world.ts';
import { attemptRun } from '../attempt-runs.ts';
import type { SiteUse } from '../site-uses.ts';

/** Spans of time, from the beginning to the end of a run: columns of a figure. */
export const binCount = 60;
/** A resource that is used so much is what holds its site up. */
export const shortFrom = 0.8;

export const resources = ['CPU', 'uplink down', 'uplink up'] as const;

export interface SiteTimes {
  readonly site: number;
  readonly use: SiteUse;
  /** By resource and span of time: GHz·s, and bytes. */
  readonly amounts: readonly Float64Array[];
  /** Parts of the time, for `resources` and for none. */
  readonly short: readonly number[];
}

export function* siteTimes(
  world: World,
  result: RunResult,
  uses: readonly SiteUse[],
): Generator<SiteTimes> {
  const binMs = result.makespanMs / binCount;
  for (const [site, leases] of leasesBySite(world, result)) {
    const use = uses[site];
    if (use === undefined) continue;
    const amounts = binsOf(leases, { world, result, binMs });
    const most = capacities(use, binMs);
    const counts = [...resources, null].map(() => 0);
    for (let bin = 0; bin < binCount; bin += 1) {
      const place = shortest(amounts, most, bin);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    yield { site, use, amounts, short: counts.map((count) => count / binCount) };
  }
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
    const streamed = attempts.streamed.get(lease);
    if (run !== null) {
      const { startMs, endMs, ghzSeconds } = run;
      const ran = { fromMs: startMs, toMs: endMs, binMs };
      spreadOver(cpu, { ...ran, amount: ghzSeconds });
      spreadOver(down, { ...ran, amount: streamed?.downBytes ?? 0 });
      spreadOver(up, { ...ran, amount: streamed?.upBytes ?? 0 });
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

/** The most in a span of time, by resource. */
export function capacities(
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
