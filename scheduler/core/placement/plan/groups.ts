// Groups of sites for the plan: sites with about the same ratios are added together, since the
// program is linear in their rates, so that it stays small however large the federation grows.

import { planGroups } from '../../limits.ts';
import { slotsOf } from '../../leases.ts';
import type { NodeRecord, SiteRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import { loadOf } from '../estimate.ts';
import { hasInternet } from '../open/kind.ts';
import { noGroup } from './plan.ts';
import type { Supply } from './program.ts';
import { isAvailable, plannedJobs } from './tail.ts';

export interface Group {
  readonly supply: Supply;
  readonly nodes: readonly NodeRecord[];
  /** CPU in GHz of each kind of node, with one of the kind. */
  readonly kinds: ReadonlyMap<string, { readonly node: NodeRecord; readonly cpuGhz: number }>;
}

export interface Grouping {
  readonly groups: readonly Group[];
  /** By number of the site. */
  readonly groupOf: Int32Array;
}

/** @param done GHz·s that running tasks have behind them, by number of the site. */
export function groupSites(state: State, done: ReadonlyMap<number, number>): Grouping {
  const sites: Available[] = [];
  for (const site of state.sites) {
    const available = availableAt(state, site);
    const { cpuGhz, downBps, upBps } = available;
    if (Math.min(cpuGhz, downBps, upBps) > 0) sites.push(available);
  }
  const { keys, count } = keysOf(sites, homesOf(state));
  const sums = Array.from({ length: count }, () => new Sum());
  const groupOf = new Int32Array(state.sites.length).fill(noGroup);
  for (const [index, available] of sites.entries()) {
    const { number } = available.site;
    const group = keys[index] ?? 0;
    groupOf[number] = group;
    sums[group]?.add(available, done.get(number) ?? 0);
  }
  return { groups: sums, groupOf };
}

/** A site with the nodes that may be given tasks now, and what services leave of its rates. */
interface Available {
  readonly site: SiteRecord;
  readonly nodes: readonly NodeRecord[];
  readonly cpuGhz: number;
  readonly downBps: number;
  readonly upBps: number;
}

function availableAt(state: State, site: SiteRecord): Available {
  const nodes: NodeRecord[] = [];
  let cpuGhz = 0;
  for (const number of site.nodeNumbers) {
    const node = mustHave(state.nodes[number], 'node', number);
    if (!isAvailable(node)) continue;
    nodes.push(node);
    cpuGhz += (slotsOf(node) - node.serving) * node.inventory.speedGhz;
  }
  const { downBps, upBps } = loadOf(site);
  return { site, nodes, cpuGhz, downBps, upBps };
}

/** Sites where inputs of what waits were born, or where it has to run: a group each, as far as there is room beside all others. */
function homesOf(state: State): ReadonlySet<number> {
  const homes = new Set<number>();
  for (const { template } of plannedJobs(state)) {
    for (const number of [template.home, template.site?.number]) {
      if (number !== undefined && homes.size < planGroups / 2) homes.add(number);
    }
  }
  return homes;
}

/** The group of each site: the finest split into few enough groups. */
function keysOf(
  sites: readonly Available[],
  homes: ReadonlySet<number>,
): { readonly keys: number[]; readonly count: number } {
  if (sites.length <= planGroups) return { keys: [...sites.keys()], count: sites.length };
  for (let step = 1.1; ; step *= step) {
    const groups = new Map<string, number>();
    const keys = sites.map(({ site, cpuGhz, downBps, upBps }) => {
      const ratios = `${bucket(downBps / cpuGhz, step)} ${bucket(upBps / cpuGhz, step)}`;
      const key = homes.has(site.number) ? `home ${site.number}` : ratios;
      const group = groups.get(key) ?? groups.size;
      groups.set(key, group);
      return group;
    });
    if (groups.size <= planGroups) return { keys, count: groups.size };
  }
}

function bucket(ratio: number, step: number): number {
  return Math.round(Math.log(ratio) / Math.log(step));
}

class Sum implements Group {
  readonly kinds = new Map<string, { readonly node: NodeRecord; cpuGhz: number }>();
  readonly nodes: NodeRecord[] = [];
  readonly #supply = { cpuGhz: 0, downBps: 0, upBps: 0, workGhzSeconds: 0, downBits: 0, upBits: 0 };

  get supply(): Supply {
    return this.#supply;
  }

  add({ site, nodes, cpuGhz, downBps, upBps }: Available, done: number): void {
    const sum = this.#supply;
    sum.cpuGhz += cpuGhz;
    sum.downBps += downBps;
    sum.upBps += upBps;
    sum.workGhzSeconds += Math.max(0, site.pendingWorkGhzSeconds - done);
    sum.downBits += 8 * (site.pendingDownBytes + site.exchangeBytes);
    sum.upBits += 8 * site.pendingUpBytes;
    for (const node of nodes) {
      this.nodes.push(node);
      const { architecture, memoryBytes, speedGhz } = node.inventory;
      const refuses = node.status?.refuses ?? [];
      const key = [architecture, memoryBytes, hasInternet(node), ...refuses].join(' ');
      const kind = this.kinds.get(key) ?? { node, cpuGhz: 0 };
      kind.cpuGhz += (slotsOf(node) - node.serving) * speedGhz;
      this.kinds.set(key, kind);
    }
  }
}
