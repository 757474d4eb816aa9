// What a site's nodes compute, and what the federation can do.

import { lookAtSite, slotsOf } from '../leases.ts';
import type { SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';

/** Something of its nodes has changed. */
export function sumCpu(state: State, site: SiteRecord): void {
  addCapacity(state, site, -1);
  site.cpuGhz = 0;
  for (const number of site.nodeNumbers) {
    const node = mustHave(state.nodes[number], 'node', number);
    if (node.health !== 'healthy' && node.health !== 'suspect') continue;
    site.cpuGhz += slotsOf(node) * node.inventory.speedGhz;
  }
  addCapacity(state, site, 1);
  // How long its CPUs have to do weighs against its line's backlog.
  lookAtSite(state, site);
}

/** Counts a site with nodes at work in what the federation can do, or out of it. */
export function addCapacity(state: State, site: SiteRecord, sign: 1 | -1): void {
  if (site.cpuGhz === 0) return;
  const { cpuGhz, linkBps } = state.capacity;
  state.capacity = {
    cpuGhz: cpuGhz + sign * site.cpuGhz,
    linkBps: linkBps + sign * site.share * (site.downBps + site.upBps),
  };
}
