// The wall clock, kept from going back and from standing still: when it is set back, time goes on
// from where it was by the monotonic clock.

import type { Instant } from '../core/index.ts';
import { instant } from '../core/index.ts';
import type { Clock } from '../ports.ts';

/** A longer timer would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

export class SystemClock implements Clock {
  /** The latest wall time minus the monotonic one. */
  #offsetMs = -Infinity;

  now(): Instant {
    const monotonicMs = performance.now();
    this.#offsetMs = Math.max(this.#offsetMs, Date.now() - monotonicMs);
    return instant(Math.floor(monotonicMs + this.#offsetMs));
  }

  callAt(at: Instant, callback: () => void): () => void {
    let timer: NodeJS.Timeout;
    // A timer may fire a little early, and a long wait takes several.
    const wait = (): void => {
      const leftMs = Math.min(Math.max(0, at - this.now()), longestTimerMs);
      timer = setTimeout(() => (this.now() >= at ? callback() : wait()), leftMs);
    };
    wait();
    return () => clearTimeout(timer);
  }
}
