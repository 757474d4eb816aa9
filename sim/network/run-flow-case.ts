// Runs a case of flows: builds its tree of links, starts each flow at its time, notes when it ends.

import type { FlowCase, FlowEnd, FlowSite } from './flow-case.ts';
import { FlowNetwork } from './flow-network.ts';

/** A case whose links are there and whose flows have not started. Runs once. */
export interface FlowRun {
  readonly network: FlowNetwork;
  /** Of each link, in bytes a second. */
  readonly capacities: readonly number[];
  readonly starts: Float64Array;
  readonly bytes: Float64Array;
  readonly paths: readonly (readonly number[])[];
}

/** Numbers of links: up and down of one line. */
interface Line {
  readonly up: number;
  readonly down: number;
}

interface SiteLinks {
  readonly uplink: Line;
  readonly lan: number | undefined;
  readonly ports: readonly Line[];
}

export function buildFlowCase({ core_bps, sites, flows }: FlowCase): FlowRun {
  const capacities: number[] = [];
  const core = core_bps === undefined ? undefined : addLine(capacities, core_bps, core_bps);
  const links = sites.map((site) => addSite(capacities, site));
  const network = new FlowNetwork();
  for (const capacity of capacities) network.addLink(capacity);
  return {
    ...{ network, capacities },
    starts: Float64Array.from(flows, ({ start }) => start),
    bytes: Float64Array.from(flows, ({ bytes }) => bytes),
    paths: flows.map(({ src, dst }) => {
      const isInside = src !== 'core' && dst !== 'core' && src[0] === dst[0];
      const out = wayOut(src, links, core);
      const into = wayIn(dst, links, core);
      if (!isInside) return [...out, ...into];
      // From its port over the LAN to the other's, without the uplink.
      return [...new Set([...out.slice(0, -1), ...into.slice(1)])];
    }),
  };
}

/** When each flow ends, in the order of the case; Infinity: never. */
export function runFlowCase({ network, starts, bytes, paths }: FlowRun): Float64Array {
  const order = Array.from(starts.keys()).sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
  const finish = new Float64Array(starts.length).fill(Infinity);
  /** Of each flow under way, its place in the case. */
  const places: number[] = [];
  for (let next = 0; ;) {
    const start = next < order.length ? (starts[order[next] ?? -1] ?? 0) : Infinity;
    const now = Math.min(start, network.nextCompletion());
    if (now === Infinity) return finish;
    for (const flow of network.advance(now)) finish[places[flow] ?? -1] = now;
    for (; next < order.length && (starts[order[next] ?? -1] ?? 0) <= now; next += 1) {
      const place = order[next] ?? -1;
      places[network.start(paths[place] ?? [], bytes[place] ?? 0)] = place;
    }
  }
}

function addSite(capacities: number[], site: FlowSite): SiteLinks {
  const isBus = site.lan_mode === 'bus';
  const port = isBus ? site.node_bps : site.lan_bps;
  return {
    uplink: addLine(capacities, site.uplink_up_bps, site.uplink_down_bps),
    lan: isBus ? addLink(capacities, site.lan_bps) : undefined,
    ports:
      port === undefined
        ? []
        : Array.from({ length: site.nodes }, () => addLine(capacities, port, port)),
  };
}

function addLine(capacities: number[], upBps: number, downBps: number): Line {
  return { up: addLink(capacities, upBps), down: addLink(capacities, downBps) };
}

function addLink(capacities: number[], bps: number): number {
  return capacities.push(bps / 8) - 1;
}

/** Port, LAN, uplink; of the core its port. */
function wayOut(end: FlowEnd, links: readonly SiteLinks[], core?: Line): readonly number[] {
  if (end === 'core') return existing([core?.up]);
  const site = links[end[0]];
  return existing([site?.ports[end[1]]?.up, site?.lan, site?.uplink.up]);
}

function wayIn(end: FlowEnd, links: readonly SiteLinks[], core?: Line): readonly number[] {
  if (end === 'core') return existing([core?.down]);
  const site = links[end[0]];
  return existing([site?.uplink.down, site?.lan, site?.ports[end[1]]?.down]);
}

function existing(links: readonly (number | undefined)[]): readonly number[] {
  return links.filter((link) => link !== undefined);
}
