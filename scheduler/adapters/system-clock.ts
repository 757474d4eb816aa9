// The wall clock, kept from going back within this process.

import type { Instant } from '../core/index.ts';
import { instant } from '../core/index.ts';
import type { Clock } from '../ports.ts';

export class SystemClock implements Clock {
  #latest = 0;

  now(): Instant {
    this.#latest = Math.max(this.#latest, Date.now());
    return instant(this.#latest);
  }

  callAt(at: Instant, callback: () => void): () => void {
    const timer = setTimeout(callback, Math.max(0, at - this.now()));
    return () => clearTimeout(timer);
  }
}
