// The federation as it is before a run: enrolling its nodes is no part of what is measured.

import type { Fact, Inventory } from '../../scheduler/core/index.ts';
import { instant, nodeId, siteId, tokenId } from '../../scheduler/core/index.ts';
import type { World, WorldNode, WorldSite } from '../world/draw-world.ts';
import { nameOf } from './messages.ts';

/** The clock of a run starts anywhere but at 0, which the core takes for never. */
export const startMs = 1_800_000_000_000;

export function* enrolled({ sites, nodes, lives }: World): Generator<Fact> {
  const first = nodes.filter((_, number) => (lives?.[number]?.fromMs ?? 0) === 0);
  const known = new Set(first.map(({ site }) => site));
  for (const [number, site] of sites.entries()) {
    if (known.has(number)) yield siteFact(number, site);
  }
  for (const [number, node] of first.entries()) yield nodeFact(number, node);
}

function siteFact(siteNumber: number, { downBps, upBps, share }: WorldSite): Fact {
  const of = { siteNumber, siteId: siteIdOf(siteNumber), downBps, upBps, share };
  return { kind: 'siteSet', at: instant(startMs), source: 'declared', ...of };
}

export function siteIdOf(site: number) {
  return siteId(`s${site}`);
}

function nodeFact(nodeNumber: number, node: WorldNode): Fact {
  const name = nameOf(nodeNumber);
  return {
    kind: 'nodeEnrolled',
    at: instant(startMs),
    nodeNumber,
    nodeId: nodeId(name),
    name,
    siteNumber: node.site,
    natsPublicKey: name,
    requestId: name,
    tokenId: tokenId('all'),
    inventory: inventoryOf(node),
  };
}

export function inventoryOf({ model, speedGhz }: WorldNode): Inventory {
  return {
    architecture: model.architecture,
    userland: model.userland,
    model: model.name,
    slots: model.slots,
    speedGhz,
    memoryBytes: model.memoryBytes,
    diskBytes: 8e9,
    agentVersion: '0.1.0',
    nodeVersion: '18.0.0',
    lan: '',
    sandbox: 'cgroup-v2',
  };
}
