// What time it is at least. A Pi has no clock: after a start it may say 1970, or any time that somebody
// on the network tells it. It is never earlier than the newest signed time seen.

import { readFileSync } from 'node:fs';
import { writeDurably } from '../state/durable.ts';

/** SD cards wear: less is not worth a write. */
const savedStepMs = 3_600_000;

export class TimeFloor {
  readonly #file: string;
  readonly #wallMs: () => number;
  readonly #runningMs: () => number;
  #floorMs: number;
  #savedMs: number;
  #sinceMs: number;

  constructor(
    file: string,
    clocks: { readonly wallMs: () => number; readonly runningMs: () => number },
  ) {
    this.#file = file;
    this.#wallMs = clocks.wallMs;
    this.#runningMs = clocks.runningMs;
    this.#floorMs = read(file);
    this.#savedMs = this.#floorMs;
    this.#sinceMs = this.#runningMs();
  }

  /** Since the epoch: the clock, unless it is before what must have passed. */
  nowMs(): number {
    return Math.max(this.#wallMs(), this.#atLeastMs());
  }

  /** Somebody who is trusted has signed that it is at least so late. */
  raise(unixMs: number): void {
    if (unixMs <= this.#atLeastMs()) return;
    this.#floorMs = unixMs;
    this.#sinceMs = this.#runningMs();
    if (unixMs < this.#savedMs + savedStepMs) return;
    writeDurably(this.#file, String(unixMs));
    this.#savedMs = unixMs;
  }

  #atLeastMs(): number {
    return this.#floorMs + this.#runningMs() - this.#sinceMs;
  }
}

function read(file: string): number {
  try {
    const value = Number(readFileSync(file, 'utf8'));
    return Number.isFinite(value) && value > 0 ? value : 0;
  } catch {
    return 0;
  }
}
