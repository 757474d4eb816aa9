// Random cases of flows, of the families that the network model is measured on: 60 % from the core to
// a node, 28 % from a node to the core, 8 % to another site, 4 % inside a site. A seed gives the same
// case each time.

import type { FlowCase, FlowEnd, FlowSite } from '../sim/network/flow-case.ts';

export interface Family {
  readonly sites: number;
  readonly nodesPerSite: number;
  readonly flows: number;
  readonly seed: number;
  /** Part of the uplinks' capacity that is offered over time; `burst`: all flows start at once. */
  readonly load: number | 'burst';
  /** Without flows from site to site, each site is a problem of its own. */
  readonly hasCross: boolean;
  readonly isBus?: boolean;
}

type Uplink = 'uplink_up_bps' | 'uplink_down_bps';
type Flow = FlowCase['flows'][number];

export function makeFlowCase(family: Family): FlowCase {
  const draw = new Draw(family.seed);
  const sites = Array.from({ length: family.sites }, (): FlowSite => {
    const own = {
      uplink_up_bps: draw.kilobits(5e5, 2e7),
      uplink_down_bps: draw.kilobits(4e6, 1e8),
      lan_bps: draw.kilobits(family.isBus === true ? 2e7 : 3e7, 1e8),
      nodes: family.nodesPerSite,
    };
    return { ...own, lan_mode: family.isBus === true ? 'bus' : 'port' };
  });
  const ends = endsOf(family, sites, draw);
  const flows = Array.from({ length: family.flows }, () => ({
    start: 0,
    ...ends(),
    // Median 1 MB, from 1 kB to 200 MB.
    bytes: Math.floor(Math.min(2e8, Math.max(1e3, 1e6 * Math.exp(1.2 * draw.normal())))),
  }));
  if (family.load === 'burst') return { sites, flows };
  const meanGap = busySeconds(sites, flows) / family.load / family.flows;
  let start = 0;
  return {
    sites,
    flows: flows.map((flow) => {
      start += -Math.log(1 - draw.uniform()) * meanGap;
      return { ...flow, start: Math.round(start * 1e6) / 1e6 };
    }),
  };
}

/** Sites are drawn in proportion to the uplink that the flow uses. */
function endsOf(
  { nodesPerSite, hasCross }: Family,
  sites: readonly FlowSite[],
  draw: Draw,
): () => Pick<Flow, 'src' | 'dst'> {
  const sumsUp = sumsOf(sites, 'uplink_up_bps');
  const sumsDown = sumsOf(sites, 'uplink_down_bps');
  const nodeOf = (site: number): [number, number] => [site, draw.below(nodesPerSite)];
  const up = (): [number, number] => nodeOf(draw.weighted(sumsUp));
  const down = (): [number, number] => nodeOf(draw.weighted(sumsDown));
  return () => {
    const kind = draw.uniform();
    if (kind < 0.6) return { src: 'core', dst: down() };
    const src = up();
    if (kind < 0.88) return { src, dst: 'core' };
    if (kind < 0.96 && hasCross && sites.length > 1) {
      return { src, dst: again(down, (dst) => dst[0] === src[0]) };
    }
    return {
      src,
      dst: again(
        () => nodeOf(src[0]),
        (dst) => dst[1] === src[1],
      ),
    };
  };
}

function again<T>(draw: () => T, isWrong: (drawn: T) => boolean): T {
  for (;;) {
    const drawn = draw();
    if (!isWrong(drawn)) return drawn;
  }
}

function sumsOf(sites: readonly FlowSite[], uplink: Uplink): readonly number[] {
  let sum = 0;
  return sites.map((site) => (sum += site[uplink]));
}

/** How long the busier direction of all uplinks together would be busy. */
function busySeconds(sites: readonly FlowSite[], flows: readonly Flow[]): number {
  const siteOf = (end: FlowEnd): number => (end === 'core' ? -1 : end[0]);
  const over = flows.filter(({ src, dst }) => siteOf(src) !== siteOf(dst));
  const bits = (those: readonly Flow[]): number =>
    those.reduce((sum, { bytes }) => sum + 8 * bytes, 0);
  const capacity = (uplink: Uplink): number => sumsOf(sites, uplink).at(-1) ?? 0;
  return Math.max(
    bits(over.filter(({ dst }) => dst !== 'core')) / capacity('uplink_down_bps'),
    bits(over.filter(({ src }) => src !== 'core')) / capacity('uplink_up_bps'),
  );
}

/** A small generator of its own (mulberry32), so that a seed means the same on every machine. */
class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Log-uniform, in whole kbit/s. */
  kilobits(least: number, most: number): number {
    const bits = least * (most / least) ** this.uniform();
    return 1_000 * Math.round(bits / 1_000);
  }

  /** A place in sums that grow, each in proportion to what it adds. */
  weighted(sums: readonly number[]): number {
    const drawn = this.uniform() * (sums.at(-1) ?? 0);
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
