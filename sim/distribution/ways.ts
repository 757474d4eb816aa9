// How a release may be spread over a site: as the scheduler arranges it, and by what that is held against. None of the
// others is handicapped: all know at once what others have, and lose no message.

import type { Draw } from '../kernel/random.ts';
import { arrange } from './arranged-sites.ts';
import { Mesh } from './mesh.ts';
import type { Site } from './site.ts';
import type { Traffic } from './traffic.ts';

interface Ground {
  readonly site: Site;
  readonly traffic: Traffic;
  readonly seed: number;
  readonly draw: Draw;
}

export interface Way {
  readonly about: string;
  /** Starts what begins the transfers, and listens to go on with them. */
  readonly begin: (ground: Ground) => void;
}

export const ways: ReadonlyMap<string, Way> = new Map<string, Way>([
  [
    'arranged',
    {
      about: "by the scheduler's core and the agents' own",
      begin: (ground) => arrange({ ...ground, sites: [ground.site], originBps: Infinity }),
    },
  ],
  [
    'each-for-itself',
    { about: 'each node fetches all of it from the origin', begin: eachForItself },
  ],
  ['cache', { about: 'one node fetches it, then gives it to all others', begin: cache }],
  ['chain', { about: 'each node gives each chunk to the next', begin: tree(1) }],
  ['tree', { about: 'each node gives each chunk to two others', begin: tree(2) }],
  [
    'mesh',
    {
      about: 'rarest chunk first among 8 neighbours, else any from the origin',
      begin: ({ site, draw }) => new Mesh(site, draw).begin(),
    },
  ],
]);

function eachForItself({ site }: Ground): void {
  for (const to of site.shape.kinds.keys()) {
    site.move({ from: null, to, first: 0, end: site.chunkCount });
  }
}

function cache({ site }: Ground): void {
  const end = site.chunkCount;
  site.listen((node) => {
    if (node !== 0 || !site.isWhole(0)) return;
    const nodes = site.shape.kinds.length;
    for (let to = 1; to < nodes; to += 1) site.move({ from: 0, to, first: 0, end });
  });
  site.move({ from: null, to: 0, first: 0, end });
}

/** A node asks its parent for one chunk after another, each when the parent has it. */
function tree(children: number): Way['begin'] {
  return ({ site }) => {
    const nodes = site.shape.kinds.length;
    const wanted = new Uint32Array(nodes);
    const isAsking = new Uint8Array(nodes);
    const ask = (to: number): void => {
      const from = Math.floor((to - 1) / children);
      const first = wanted[to] ?? 0;
      if (isAsking[to] === 1 || first === site.chunkCount || !site.has(from, first)) return;
      isAsking[to] = 1;
      wanted[to] = first + 1;
      site.move({ from, to, first, end: first + 1 });
    };
    site.listen((node) => {
      isAsking[node] = 0;
      if (node > 0) ask(node);
      const firstChild = children * node + 1;
      const end = Math.min(firstChild + children, nodes);
      for (let child = firstChild; child < end; child += 1) ask(child);
    });
    site.move({ from: null, to: 0, first: 0, end: site.chunkCount });
  };
}
