// What a light node holds and has at hand.

import type { WorldNode } from '../world/draw-world.ts';
import { everything } from './allowance.ts';
import type { Allowance } from './allowance.ts';

export interface Board {
  readonly number: number;
  readonly node: WorldNode;
  isUp: boolean;
  allowance: Allowance;
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
    allowance: everything,
    leases: new Set(),
    lost: [],
    running: 0,
    held: 0,
    ready: [],
    bundles: new Map(),
    blocked: [],
  };
}

/** It is switched off: what it did is forgotten, what is on its card stays. */
export function emptyMemory(board: Board): void {
  board.running = 0;
  board.held = 0;
  board.ready.length = 0;
  board.blocked.length = 0;
  for (const [job, carrier] of board.bundles) if (carrier !== 0) board.bundles.delete(job);
}

/** A job's bundle is here: those that waited for it, by the jobs of leases. */
export function unblocked({ blocked }: Board, job: number, jobOf: Int32Array): readonly number[] {
  const waiting = blocked.splice(0);
  for (const lease of waiting) if (jobOf[lease] !== job) blocked.push(lease);
  return waiting.filter((lease) => jobOf[lease] === job);
}

export function drop(list: number[], lease: number): void {
  const place = list.indexOf(lease);
  if (place >= 0) list.splice(place, 1);
}
