// What sites count of the leases of their nodes, and the same added up anew.

import { slotsOf } from '../../../../scheduler/core/leases.ts';
import type { SiteRecord, State } from '../../../../scheduler/core/state.ts';

type Sums = Record<string, readonly (readonly [what: string, figure: number])[]>;

export function sumsOfSites(state: State): Sums {
  const entries = state.sites.map((site) => [site.siteId, rounded(figuresOf(site))] as const);
  return Object.fromEntries(entries);
}

export function sumsOfLeases(state: State): Sums {
  const entries = state.sites.map((site) => {
    const nodes = state.nodes.filter(({ siteNumber }) => siteNumber === site.number);
    const leases = nodes.flatMap((node) => node.leases);
    const sum = (figure: (lease: (typeof leases)[number]) => number): number =>
      leases.reduce((total, lease) => total + figure(lease), 0);
    const cpuGhz = nodes
      .filter(({ health }) => health === 'healthy' || health === 'suspect')
      .reduce((total, node) => total + slotsOf(node) * node.inventory.speedGhz, 0);
    const figures = {
      cpuGhz,
      work: sum((lease) => lease.workGhzSeconds),
      down: sum((lease) => lease.downBytes),
      up: sum((lease) => lease.upBytes),
      incoming: sum((lease) => {
        const { internetBytes = 0 } = state.jobs.get(lease.jobNumber)?.template ?? {};
        return lease.downBytes > internetBytes ? 1 : 0;
      }),
      outgoing: sum((lease) => (lease.upBytes > 0 ? 1 : 0)),
      serving: sum((lease) => lease.rates.cpuGhz),
      nodes: nodes.length,
    };
    return [site.siteId, rounded(figures)] as const;
  });
  return Object.fromEntries(entries);
}

function figuresOf(site: SiteRecord): Record<string, number> {
  return {
    cpuGhz: site.cpuGhz,
    work: site.pendingWorkGhzSeconds,
    down: site.pendingDownBytes,
    up: site.pendingUpBytes,
    incoming: site.incoming,
    outgoing: site.outgoing,
    serving: site.serving.cpuGhz,
    nodes: site.nodeNumbers.length,
  };
}

function rounded(figures: Record<string, number>): Sums[string] {
  return Object.entries(figures).map(([what, figure]) => [what, Math.round(1e3 * figure) / 1e3]);
}
