// How a release may be spread over a site: as the scheduler arranges it, and by what that is held against. None of the
// others is handicapped: all know at once what others have, and lose no message.

import type { Draw } from '../kernel/random.ts';
import { Arranged } from './arranged.ts';
import { Mesh } from './mesh.ts';
import type { OnChunk, Site } from './site.ts';

export interface Way {
  readonly about: string;
  /** Starts what begins the transfers, and returns what goes on with them. */
  readonly begin: (site: Site, draw: Draw) => OnChunk;
}

export const ways: ReadonlyMap<string, Way> = new Map<string, Way>([
  [
    'arranged',
    {
      about: "by the scheduler's core and the agents' own",
      begin: (site) => new Arranged(site).begin(),
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
      begin: (site, draw) => new Mesh(site, draw).begin(),
    },
  ],
]);

function eachForItself(site: Site): OnChunk {
  for (let to = 0; to < site.shape.nodes; to += 1) {
    site.move({ from: null, to, first: 0, end: site.chunkCount });
  }
  return () => undefined;
}

function cache(site: Site): OnChunk {
  const end = site.chunkCount;
  site.move({ from: null, to: 0, first: 0, end });
  return (node) => {
    if (node !== 0 || !site.isWhole(0)) return;
    for (let to = 1; to < site.shape.nodes; to += 1) site.move({ from: 0, to, first: 0, end });
  };
}

/** A node asks its parent for one chunk after another, each when the parent has it. */
function tree(children: number): Way['begin'] {
  return (site) => {
    const { nodes } = site.shape;
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
    site.move({ from: null, to: 0, first: 0, end: site.chunkCount });
    return (node) => {
      isAsking[node] = 0;
      if (node > 0) ask(node);
      const firstChild = children * node + 1;
      const end = Math.min(firstChild + children, nodes);
      for (let child = firstChild; child < end; child += 1) ask(child);
    };
  };
}
