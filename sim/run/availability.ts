// How much of the federation was on and left to it during a run, weighted by what its nodes compute.

import type { World } from '../world/draw-world.ts';

export class Availability {
  readonly #ghzOf: readonly number[];
  readonly #isUp: Uint8Array;
  #upGhz = 0;
  #upGhzMs = 0;
  #sinceMs = 0;

  constructor({ nodes }: World) {
    this.#ghzOf = nodes.map(({ model, speedGhz }) => model.slots * speedGhz);
    this.#isUp = new Uint8Array(nodes.length);
  }

  changed(node: number, isUp: boolean, nowMs: number): void {
    if (this.#isUp[node] === (isUp ? 1 : 0)) return;
    this.#isUp[node] = isUp ? 1 : 0;
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
