// The level to which a link's capacity fills its flows, each of which takes no more than its other
// links let it have.

/** Closer than this, two rates are one. */
export const tie = 1e-12;

export class WaterLevel {
  /** What each flow may take, for the caller to fill. */
  limits = new Float64Array(64);
  /** Those that are not below the level yet. */
  #rest = new Float64Array(64);

  reserve(count: number): void {
    if (count <= this.limits.length) return;
    this.limits = new Float64Array(2 * count);
    this.#rest = new Float64Array(2 * count);
  }

  /**
   * Returns the level at which Σ min(limit, level) of the first `count` is the capacity, or Infinity
   * when the limits together stay below it. Leaves `limits` as they are.
   */
  of(capacity: number, count: number): number {
    const rest = this.#rest;
    let from = this.limits;
    let left = capacity;
    // Each round takes out those below the level, which lifts it, until none is.
    for (let waiting = count; ; from = rest) {
      const level = left / waiting;
      const below = level * (1 - tie);
      let kept = 0;
      for (let index = 0; index < waiting; index += 1) {
        const limit = from[index] ?? 0;
        if (limit < below) left -= limit;
        else rest[kept++] = limit;
      }
      if (kept === waiting) return level;
      if (kept === 0) return Infinity;
      waiting = kept;
    }
  }
}
