// The use of CPU and uplinks over time at each site, and what it was short of. Site by site, so that a
// million of them need no more memory than one.

import type { Brought } from '../../run/attempts.ts';
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
  const brought = broughtBySite(result);
  for (const [site, leases] of leasesBySite(world, result)) {
    const use = uses[site];
    if (use === undefined) continue;
    const amounts = binsOf(leases, { world, result, binMs, brought: brought.get(site) ?? [] });
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

function broughtBySite({ attempts }: RunResult): ReadonlyMap<number, readonly Brought[]> {
  const bySite = new Map<number, Brought[]>();
  for (const each of attempts.brought) {
    const ofSite = bySite.get(each.site);
    if (ofSite === undefined) bySite.set(each.site, [each]);
    else ofSite.push(each);
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
    brought,
  }: {
    readonly world: World;
    readonly result: RunResult;
    readonly binMs: number;
    readonly brought: readonly Brought[];
  },
): readonly Float64Array[] {
  const [cpu, down, up] = [new Bins(binMs), new Bins(binMs), new Bins(binMs)];
  const { attempts } = result;
  for (const each of brought) down.add(each.bytes, each);
  for (const lease of leases) {
    const run = attemptRun(lease, world, result);
    if (run !== null) {
      const ran = { fromMs: run.startMs, toMs: run.endMs };
      const streamed = attempts.streamed.get(lease);
      cpu.add(run.ghzSeconds, ran);
      down.add(streamed?.downBytes ?? 0, ran);
      up.add(streamed?.upBytes ?? 0, ran);
    }
    const at = (column: Float64Array): number => column[lease] ?? 0;
    const fetched = { fromMs: at(attempts.fetchingAt), toMs: at(attempts.fetchedAt) };
    down.add(at(attempts.downBytes), fetched);
    const sent = { fromMs: at(attempts.sendingAt), toMs: at(attempts.doneAt) };
    up.add(at(attempts.upBytes), sent);
  }
  return [cpu.amounts, down.amounts, up.amounts];
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

class Bins {
  readonly amounts = new Float64Array(binCount);
  readonly #binMs: number;

  constructor(binMs: number) {
    this.#binMs = binMs;
  }

  /** Of millions of attempts: no object is made anew for another figure of the same span. */
  add(amount: number, { fromMs, toMs }: Span): void {
    if (amount === 0) return;
    const binMs = this.#binMs;
    const first = Math.min(binCount - 1, Math.floor(fromMs / binMs));
    // What ends in no time, or was never heard of at the end, belongs where it began.
    if (toMs <= fromMs) return this.#addTo(first, amount);
    for (let bin = first; bin < binCount && bin * binMs < toMs; bin += 1) {
      const inside = Math.min(toMs, (bin + 1) * binMs) - Math.max(fromMs, bin * binMs);
      this.#addTo(bin, (amount * inside) / (toMs - fromMs));
    }
  }

  #addTo(bin: number, amount: number): void {
    this.amounts[bin] = (this.amounts[bin] ?? 0) + amount;
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
