// How long this node's agents have run, all starts together: a clock that nobody can set. It stands
// still while the node is off, so that what is kept for a month is never dropped too early.

import type { KeptFile } from './kept-file.ts';

/** SD cards wear; a kill loses at most so much. */
const saveEveryMs = 3_600_000;

export class RunningTime {
  readonly #kept: KeptFile;
  readonly #beforeMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(kept: KeptFile) {
    this.#kept = kept;
    const value = Number(kept.read());
    this.#beforeMs = Number.isFinite(value) && value > 0 ? value : 0;
  }

  nowMs(): number {
    return Math.round(this.#beforeMs + performance.now());
  }

  start(): void {
    this.#timer = setInterval(() => this.#save(), saveEveryMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#save();
  }

  #save(): void {
    this.#kept.write(String(this.nowMs()));
  }
}
