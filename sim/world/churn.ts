// When nodes are switched on and off, whatever runs on them: spans drawn from one stream in the order
// of time, so that all policies meet the same.

import { drawWeibull, drawsFor } from '../kernel/random.ts';
import type { Weibull } from '../kernel/random.ts';

export interface ChurnSpans {
  /** In milliseconds. */
  readonly up: Weibull;
  readonly down: Weibull;
}

/** Before a run nodes have come and gone for so long: how many are on does not drift any more. */
const pastMs = 60 * 24 * 3_600_000;

export class Churn {
  readonly #spans: ChurnSpans;
  readonly #draw: () => number;

  constructor(spans: ChurnSpans, seed: number) {
    this.#spans = spans;
    this.#draw = drawsFor('churn', seed);
  }

  /** Whether a node is on when a run begins, and when that changes. */
  atStart(): { readonly isUp: boolean; readonly untilMs: number } {
    let isUp = this.#draw() < 0.5;
    let untilMs = -pastMs;
    for (;;) {
      untilMs += this.spanMs(isUp);
      if (untilMs > 0) return { isUp, untilMs };
      isUp = !isUp;
    }
  }

  /** How long a node stays on, or off. */
  spanMs(isUp: boolean): number {
    return drawWeibull(this.#draw, isUp ? this.#spans.up : this.#spans.down);
  }
}
