// How much of the federation was on and left to it during a run, weighted by what its nodes compute.

import type { World } from '../world/draw-world.ts';
import type { Life } from '../world/turnover.ts';

/** A site's speed from a moment on, until the next one. */
interface Step {
  readonly fromMs: number;
  readonly ghz: number;
}

export class Availability {
  readonly #ghzOf: readonly number[];
  readonly #siteOf: readonly number[];
  readonly #isUp: Uint8Array;
  /** By site, in the order of time. */
  readonly #steps: readonly Step[][];
  readonly #lives: World['lives'];

  constructor({ nodes, sites, lives }: World) {
    this.#lives = lives;
    this.#ghzOf = nodes.map(({ model, speedGhz }) => model.slots * speedGhz);
    this.#siteOf = nodes.map(({ site }) => site);
    this.#isUp = new Uint8Array(nodes.length);
    this.#steps = sites.map(() => []);
  }

  changed(node: number, isUp: boolean, nowMs: number): void {
    if (this.#isUp[node] === (isUp ? 1 : 0)) return;
    this.#isUp[node] = isUp ? 1 : 0;
    const steps = this.#steps[this.#siteOf[node] ?? -1] ?? [];
    const more = (isUp ? 1 : -1) * (this.#ghzOf[node] ?? 0);
    const last = steps.at(-1);
    const ghz = (last?.ghz ?? 0) + more;
    if (last?.fromMs === nowMs) steps.pop();
    steps.push({ fromMs: nowMs, ghz });
  }

  /** What slots of each site that were there computed at most, as a mean from the start until then. */
  meanGhzUntil(untilMs: number): Float64Array {
    return Float64Array.from(this.#steps, (steps) => ghzMsOf(steps, untilMs) / untilMs);
  }

  /** The part of all nodes' speed, while they belonged to the federation, from the start until then. */
  until(untilMs: number): number {
    const up = this.meanGhzUntil(untilMs).reduce((sum, ghz) => sum + ghz, 0);
    const part = up / this.#livedGhz(untilMs);
    return part > 1 - crumbs ? 1 : part;
  }

  /** As a mean from the start until then. */
  #livedGhz(untilMs: number): number {
    const lives: readonly Life[] | null = this.#lives;
    return this.#ghzOf.reduce((sum, ghz, node) => {
      const life = lives?.[node] ?? always;
      const livedMs = Math.max(0, Math.min(untilMs, life.untilMs) - life.fromMs);
      return sum + (ghz * livedMs) / untilMs;
    }, 0);
  }
}

/** What rounding may leave of all that was there. */
const crumbs = 1e-9;

const always = { fromMs: 0, untilMs: Infinity };

function ghzMsOf(steps: readonly Step[], untilMs: number): number {
  let sum = 0;
  for (const [place, { fromMs, ghz }] of steps.entries()) {
    const nextMs = Math.min(steps[place + 1]?.fromMs ?? Infinity, untilMs);
    if (nextMs > fromMs) sum += ghz * (nextMs - fromMs);
  }
  return sum;
}
