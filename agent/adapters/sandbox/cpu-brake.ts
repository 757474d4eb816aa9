// Holds a task to a share of a core where no cgroup can: its processes stop for a part of each
// period. Coarse, and an owner's limit is kept.

import { signalAll } from './task-processes.ts';

/** Long against the cost of finding the processes, short against a fan. */
const periodMs = 1000;

export class CpuBrake {
  readonly #pidsOf: () => readonly number[];
  readonly #runMs: number;
  #stopped: readonly number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(pidsOf: () => readonly number[], cpuPercent: number) {
    this.#pidsOf = pidsOf;
    this.#runMs = (periodMs * cpuPercent) / 100;
    this.#run();
  }

  /** Lets the task go. */
  stop(): void {
    clearTimeout(this.#timer);
    signalAll(this.#stopped, 'SIGCONT');
    this.#stopped = [];
  }

  #run(): void {
    this.#timer = setTimeout(() => {
      this.#stopped = this.#pidsOf();
      signalAll(this.#stopped, 'SIGSTOP');
      this.#timer = setTimeout(() => {
        signalAll(this.#stopped, 'SIGCONT');
        this.#run();
      }, periodMs - this.#runMs);
    }, this.#runMs);
  }
}
