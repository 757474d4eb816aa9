// Keeps the owner's share of the uplink: bytes of blobs wait for their turn, whatever the scheduler
// thinks the line can do.

import { Transform, type TransformCallback } from 'node:stream';

export interface Rate {
  readonly downBps: number;
  readonly upBps: number;
}

/** Bytes that may go at once after a pause: a chunk of a stream, or a tenth of a second. */
const leastBurstBytes = 64 * 1024;
const burstMs = 100;

export class UplinkPacer {
  readonly #rateOf: () => Rate | null;
  readonly #onBytes: (count: number) => void;
  /** When all that was let through would have gone at the rate. */
  readonly #clearMs = { down: 0, up: 0 };

  /**
   * @param rateOf what blobs may use now, bit/s; null: the owner has not said.
   * @param onBytes is told of all that goes, either way.
   */
  constructor(rateOf: () => Rate | null, onBytes: (count: number) => void) {
    this.#rateOf = rateOf;
    this.#onBytes = onBytes;
  }

  /**
   * Lets bytes through at what is left of the rate.
   *
   * @param onBytes who is told of them instead.
   */
  stream(direction: 'down' | 'up', onBytes = this.#onBytes): Transform {
    return new Transform({
      transform: (part: Buffer, _encoding, done: TransformCallback) => {
        onBytes(part.length);
        const waitMs = this.#take(direction, part.length);
        if (waitMs <= 0) done(null, part);
        else setTimeout(() => done(null, part), waitMs);
      },
    });
  }

  #take(direction: 'down' | 'up', sizeBytes: number): number {
    const rate = this.#rateOf();
    if (rate === null) return 0;
    const bps = direction === 'down' ? rate.downBps : rate.upBps;
    const nowMs = performance.now();
    const clearMs = Math.max(this.#clearMs[direction], nowMs) + (8_000 * sizeBytes) / bps;
    this.#clearMs[direction] = clearMs;
    return clearMs - nowMs - Math.max(burstMs, (8_000 * leastBurstBytes) / bps);
  }
}
