// What a light node holds and has at hand.

import type { WorldNode } from '../world/draw-world.ts';

export interface Board {
  readonly number: number;
  readonly node: WorldNode;
  isUp: boolean;
  /** That it knows of and has not told the end of. */
  readonly leases: Set<number>;
  /** Of tasks that ran when it was switched off. */
  readonly lost: number[];
  running: number;
  /** Leases that hold a slot or will need one. */
  held: number;
  /** Whose bytes are here, oldest first. */
  readonly ready: number[];
  /** Of jobs whose bundle it has (0) or brings: by which lease. */
  readonly bundles: Map<number, number>;
  /** Of bundles that another lease brings. */
  readonly blocked: number[];
}

/** Switched off, with an empty card. */
export function boardOf(node: WorldNode, number: number): Board {
  return {
    number,
    node,
    isUp: false,
    leases: new Set(),
    lost: [],
    running: 0,
    held: 0,
    ready: [],
    bundles: new Map(),
    blocked: [],
  };
}

export function drop(list: number[], lease: number): void {
  const place = list.indexOf(lease);
  if (place >= 0) list.splice(place, 1);
}
