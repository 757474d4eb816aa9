// How much of the federation was on and left to it during a run, weighted by what its nodes compute.

import type { World } from '../world/draw-world.ts';
import type { Life } from '../world/turnover.ts';

export class Availability {
  readonly #ghzOf: readonly number[];
  readonly #isUp: Uint8Array;
  #upGhz = 0;
  #upGhzMs = 0;
  #sinceMs = 0;
  readonly #lives: World['lives'];

  constructor({ nodes, lives }: World) {
    this.#lives = lives;
    this.#ghzOf = nodes.map(({ model, speedGhz }) => model.slots * speedGhz);
    this.#isUp = new Uint8Array(nodes.length);
  }

  changed(node: number, isUp: boolean, nowMs: number): void {
    if (this.#isUp[node] === (isUp ? 1 : 0)) return;
    this.#isUp[node] = isUp ? 1 : 0;
    this.#passTo(nowMs);
    this.#upGhz += (isUp ? 1 : -1) * (this.#ghzOf[node] ?? 0);
  }

  /** Of all nodes, while they belonged to the federation. */
  #livedGhzMs(lives: readonly Life[], nowMs: number): number {
    let sum = 0;
    for (const [node, { fromMs, untilMs }] of lives.entries()) {
      sum += (this.#ghzOf[node] ?? 0) * Math.max(0, Math.min(nowMs, untilMs) - fromMs);
    }
    return sum;
  }

  /** The part that was on, from the start until now. */
  until(nowMs: number): number {
    this.#passTo(nowMs);
    if (this.#lives !== null) return this.#upGhzMs / this.#livedGhzMs(this.#lives, nowMs);
    const allGhz = this.#ghzOf.reduce((sum, ghz) => sum + ghz, 0);
    return this.#upGhzMs / (allGhz * nowMs);
  }

  #passTo(nowMs: number): void {
    this.#upGhzMs += this.#upGhz * (nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
  }
}
