// How long this node's agents have run, all starts together: a clock that nobody can set. It stands
// still while the node is off, so that what is kept for a month is never dropped too early.

import { readFileSync } from 'node:fs';
import { writeDurably } from './durable.ts';

/** SD cards wear; a kill loses at most so much. */
const saveEveryMs = 3_600_000;

export class RunningTime {
  readonly #file: string;
  readonly #beforeMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#beforeMs = read(file);
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
    writeDurably(this.#file, String(this.nowMs()));
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
