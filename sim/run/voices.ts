// What light nodes say, and say again until it was heard where messages may be lost.

import { isSteady } from '../world/draw-world.ts';
import type { World } from '../world/draw-world.ts';
import type { Board } from './board.ts';
import { Messages } from './messages.ts';
import type { End } from './messages.ts';
import { statusOf } from './node-status.ts';
import { Unheard } from './unheard.ts';

export class Voices {
  readonly messages: Messages;
  /** Null: no message is lost. */
  readonly unheard: Unheard | null;
  /** Nothing is told twice where nobody comes or goes, and nothing is lost. */
  readonly isSteady: boolean;
  readonly #hasOwners: boolean;

  constructor(world: World) {
    const { nodes, owners, faults } = world;
    this.messages = new Messages(nodes.length);
    this.unheard = faults === null ? null : new Unheard();
    this.isSteady = isSteady(world);
    this.#hasOwners = owners !== null;
  }

  /** Its agent has started, and connects. */
  connected(board: Board, now: number): void {
    if (this.isSteady) this.messages.hello(board.number);
    else this.report(board, now);
  }

  /** What it holds, and what its owner allows. */
  report(board: Board, now: number): void {
    this.messages.report(board.number, this.#heldBy(board));
    if (this.#hasOwners) this.messages.status(board.number, statusOf(board, now));
  }

  /** It holds nothing, no end of it is unheard, and no owner is asked. */
  isIdle({ leases }: Board): boolean {
    return leases.length === 0 && this.unheard === null && !this.#hasOwners;
  }

  /** It has taken a lease. */
  granted(board: Board): void {
    if (!this.isSteady) this.messages.report(board.number, this.#heldBy(board));
  }

  ended(number: number, lease: number, end: End): void {
    this.unheard?.add(number, lease, end);
    this.messages.ended(number, lease, end);
  }

  /** Ends that the scheduler has not acknowledged. */
  endedAgain(number: number): void {
    if (this.unheard === null) return;
    for (const [lease, end] of this.unheard.of(number)) this.messages.ended(number, lease, end);
  }

  #heldBy({ number, leases }: Board): readonly number[] {
    if (this.unheard === null) return leases;
    return [...leases, ...this.unheard.of(number).keys()];
  }
}
