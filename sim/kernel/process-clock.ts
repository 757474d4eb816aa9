// The clock of one simulated process, in the forms that both loops want: when the process dies,
// nothing that it asked for comes any more.

import type { Clock as AgentClock } from '../../agent/ports.ts';
import type { Instant } from '../../scheduler/core/index.ts';
import { instant } from '../../scheduler/core/index.ts';
import type { Clock } from '../../scheduler/ports.ts';
import type { VirtualClock } from './virtual-clock.ts';

export class ProcessClock implements Clock, AgentClock {
  readonly #clock: VirtualClock;
  #isAlive = true;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  now(): Instant {
    return this.#clock.now();
  }

  nowMs(): number {
    return this.#clock.now();
  }

  callAt(at: Instant, callback: () => void): () => void {
    return this.#clock.callAt(at, () => {
      if (this.#isAlive) callback();
    });
  }

  callAfter(spanMs: number, callback: () => void): () => void {
    return this.callAt(instant(this.now() + Math.ceil(spanMs)), callback);
  }

  die(): void {
    this.#isAlive = false;
  }
}
