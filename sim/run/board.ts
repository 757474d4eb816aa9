// What a light node holds and has at hand.

import type { WorldNode } from '../world/draw-world.ts';
import { everything } from './allowance.ts';
import type { Allowance } from './allowance.ts';

/** Lists are made anew whenever something comes or goes: most boards of a million have nothing. */
export interface Board {
  readonly number: number;
  readonly node: WorldNode;
  isUp: boolean;
  /** Its site has no line. */
  isCut: boolean;
  allowance: Allowance;
  /** That it knows of and has not told the end of. */
  leases: readonly number[];
  /** Of tasks that ran when it was switched off. */
  lost: readonly number[];
  running: number;
  /** Leases that hold a slot or will need one. */
  held: number;
  /** Whose bytes are here, oldest first. */
  ready: readonly number[];
  /** Of jobs whose bundle it has (0) or brings: by which lease, or by its site's exchange (-1). */
  bundles: ReadonlyMap<number, number>;
  /** Of bundles that another lease brings. */
  blocked: readonly number[];
}

/** Instead of a lease. */
export const bySite = -1;

const none: readonly never[] = [];
const noBundles: ReadonlyMap<number, number> = new Map();

/** Switched off, with an empty card. */
export function boardOf(node: WorldNode, number: number): Board {
  return {
    number,
    node,
    isUp: false,
    isCut: false,
    allowance: everything,
    leases: none,
    lost: none,
    running: 0,
    held: 0,
    ready: none,
    bundles: noBundles,
    blocked: none,
  };
}

export function boardAt(boards: readonly Board[], number: number): Board {
  const board = boards[number];
  if (board === undefined) throw new Error(`there is no node ${number}`);
  return board;
}

/** It is switched off: what it did is forgotten, what is on its card stays. */
export function emptyMemory(board: Board): void {
  board.running = 0;
  board.held = 0;
  board.ready = none;
  board.blocked = none;
  for (const [job, carrier] of board.bundles) if (carrier !== 0) setCarrier(board, job, null);
}

/** A job's bundle is here: those that waited for it, by the jobs of leases. */
export function unblocked(board: Board, job: number, jobOf: Int32Array): readonly number[] {
  const waiting = board.blocked;
  board.blocked = waiting.filter((lease) => jobOf[lease] !== job);
  return waiting.filter((lease) => jobOf[lease] === job);
}

export function without(list: readonly number[], lease: number): readonly number[] {
  if (!list.includes(lease)) return list;
  return list.length === 1 ? none : list.filter((other) => other !== lease);
}

/** The lease brings the job's bundle; 0: it is here. Null: nobody brings it. */
export function setCarrier(board: Board, job: number, lease: number | null): void {
  const bundles = new Map(board.bundles);
  if (lease === null) bundles.delete(job);
  else bundles.set(job, lease);
  board.bundles = bundles;
}
