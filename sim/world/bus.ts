// The bus of a simulated federation. It may lose, repeat, delay and reorder what it carries; what
// becomes of each message is decided by whoever builds the world.

import type { VirtualClock } from '../kernel/virtual-clock.ts';
import { instant } from '../../scheduler/core/index.ts';

export interface Carried {
  /** How many messages were sent before it. */
  readonly order: number;
  readonly nodeId: string;
  readonly atMs: number;
}

/** After how many milliseconds each copy arrives; none: the message is lost. */
export type FateOf = (message: Carried) => readonly number[];

export class SimBus {
  readonly #clock: VirtualClock;
  readonly #fateOf: FateOf;
  #order = 0;

  constructor(clock: VirtualClock, fateOf: FateOf) {
    this.#clock = clock;
    this.#fateOf = fateOf;
  }

  /** Sends between the scheduler and a node, in either direction. */
  send(nodeId: string, deliver: () => void): void {
    const atMs = this.#clock.now();
    const message = { order: this.#order, nodeId, atMs };
    this.#order += 1;
    for (const delayMs of this.#fateOf(message)) {
      this.#clock.callAt(instant(atMs + Math.ceil(delayMs)), deliver);
    }
  }
}
