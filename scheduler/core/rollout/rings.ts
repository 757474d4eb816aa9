// Who is in which ring: one node of each model, one at each site, then 5 % and 25 % of all. The same nodes
// and release give the same rings; each release begins with other nodes.

import { draw } from '../placement/draw.ts';

export interface RingNode {
  readonly number: number;
  readonly model: string;
  readonly siteNumber: number;
  /** One that is not heard could not tell how it fares. */
  readonly isHeard: boolean;
}

const parts = [0.05, 0.25];

/** Numbers of the nodes of all rings but the last. @param seed of the release. */
export function ringsOf(nodes: readonly RingNode[], seed: number): readonly (readonly number[])[] {
  const drawn = nodes.map((node) => ({ node, chance: draw(seed, node.number) }));
  const order = drawn
    .sort((a, b) => Number(b.node.isHeard) - Number(a.node.isHeard) || a.chance - b.chance)
    .map(({ node }) => node);
  const models = firstOfEach(order, ({ model }) => model);
  const covered = new Set(models.map(({ siteNumber }) => siteNumber));
  const sites = firstOfEach(
    order.filter(({ siteNumber }) => !covered.has(siteNumber)),
    ({ siteNumber }) => siteNumber,
  );
  const rings = [models, sites].map((ring) => ring.map(({ number }) => number));
  const taken = new Set(rings.flat());
  const rest = order.map(({ number }) => number).filter((number) => !taken.has(number));
  for (const part of parts) {
    const wanted = Math.ceil(part * nodes.length) - taken.size;
    const ring = rest.splice(0, Math.max(0, wanted));
    for (const number of ring) taken.add(number);
    rings.push(ring);
  }
  return rings;
}

/** A number for a text, for `ringsOf`. */
export function seedOf(text: string): number {
  let seed = 0;
  for (const letter of text) seed = (Math.imul(seed, 31) + (letter.codePointAt(0) ?? 0)) >>> 0;
  return seed;
}

function firstOfEach<T>(nodes: readonly RingNode[], of: (node: RingNode) => T): RingNode[] {
  const seen = new Set<T>();
  return nodes.filter((node) => {
    if (seen.has(of(node))) return false;
    seen.add(of(node));
    return true;
  });
}
