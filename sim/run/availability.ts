// How much of the federation was switched on during a run, weighted by what its nodes compute.

import type { World } from '../world/draw-world.ts';

export class Availability {
  readonly #ghzOf: readonly number[];
  #upGhz = 0;
  #upGhzMs = 0;
  #sinceMs = 0;

  constructor({ nodes }: World) {
    this.#ghzOf = nodes.map(({ model, speedGhz }) => model.slots * speedGhz);
  }

  changed(node: number, isUp: boolean, nowMs: number): void {
    this.#passTo(nowMs);
    this.#upGhz += (isUp ? 1 : -1) * (this.#ghzOf[node] ?? 0);
  }

  /** The part that was on, from the start until now. */
  until(nowMs: number): number {
    this.#passTo(nowMs);
    const allGhz = this.#ghzOf.reduce((sum, ghz) => sum + ghz, 0);
    return this.#upGhzMs / (allGhz * nowMs);
  }

  #passTo(nowMs: number): void {
    this.#upGhzMs += this.#upGhz * (nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
  }
}
