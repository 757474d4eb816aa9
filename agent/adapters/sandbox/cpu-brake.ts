// The owner's share of a core for each task: a file that shims look at, and a brake for where no
// cgroup holds a task: its processes stop for a part of each period.

import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { signalAll } from './task-processes.ts';

const fileName = 'cpu-percent';
/** Long against the cost of finding the processes, short against a fan. */
const periodMs = 1000;

/** As long for each number. */
const textBytes = 8;

/** Tells all shims of a folder of attempts, in place: a full disk takes that, too, and heat does not wait for room. */
export function writeCpuPercent(attemptsFolder: string, percent: number): void {
  const file = openSync(join(attemptsFolder, fileName), constants.O_WRONLY | constants.O_CREAT);
  try {
    writeSync(file, String(percent).slice(0, textBytes).padEnd(textBytes), 0);
  } finally {
    closeSync(file);
  }
}

/** From 1 to 100, or 0: nothing runs; 100 where nothing was told. */
export function readCpuPercent(attemptsFolder: string): number {
  try {
    const percent = Number.parseFloat(readFileSync(join(attemptsFolder, fileName), 'utf8'));
    return percent === 0 || (percent >= 1 && percent <= 100) ? percent : 100;
  } catch {
    return 100;
  }
}

export class CpuBrake {
  readonly #pidsOf: () => readonly number[];
  #percent = 100;
  #stopped: readonly number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(pidsOf: () => readonly number[]) {
    this.#pidsOf = pidsOf;
  }

  /** Holds the processes to so much of a core from now on; 0 to nothing, 100 lets them go. */
  hold(percent: number): void {
    if (percent === this.#percent) return;
    this.#percent = percent;
    clearTimeout(this.#timer);
    if (percent === 0) this.#stop(periodMs);
    else this.#letGo();
  }

  #letGo(): void {
    signalAll(this.#stopped, 'SIGCONT');
    this.#stopped = [];
    if (this.#percent === 100) return;
    const runMs = (periodMs * this.#percent) / 100;
    this.#timer = setTimeout(() => this.#stop(periodMs - runMs), runMs);
  }

  #stop(spanMs: number): void {
    this.#stopped = this.#pidsOf();
    signalAll(this.#stopped, 'SIGSTOP');
    // Held to nothing it looks again: one may have been forked meanwhile.
    const next = (): void => (this.#percent === 0 ? this.#stop(periodMs) : this.#letGo());
    this.#timer = setTimeout(next, spanMs);
  }
}
