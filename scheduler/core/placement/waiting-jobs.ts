// Jobs that nodes of a site may be asked for, each with the time for which a node must have something to do:
// most slots that are asked are refused for being free too early, and are so by one comparison.

import type { JobRecord } from '../state.ts';

type Jobs = readonly JobRecord[];

const none: Jobs = [];

export class WaitingJobs {
  readonly #jobs: JobRecord[] = [];
  /** By job. */
  readonly #seconds: number[] = [];
  #least = Number.POSITIVE_INFINITY;
  #most = 0;

  /** @param secondsOf infinite: no node takes the job. */
  constructor(jobs: Jobs, secondsOf: (job: JobRecord) => number) {
    for (const job of jobs) {
      const seconds = secondsOf(job);
      if (seconds === Number.POSITIVE_INFINITY) continue;
      this.#jobs.push(job);
      this.#seconds.push(seconds);
      this.#least = Math.min(this.#least, seconds);
      this.#most = Math.max(this.#most, seconds);
    }
  }

  /** All of them, where it does not matter how long a node is busy; else null. */
  get ofAny(): Jobs | null {
    return this.#most === 0 ? this.#jobs : null;
  }

  /** @param busySeconds for how long the node has something to do. */
  of(busySeconds: number): Jobs {
    if (busySeconds < this.#least) return none;
    if (busySeconds >= this.#most) return this.#jobs;
    return this.#jobs.filter((_, at) => (this.#seconds[at] ?? 0) <= busySeconds);
  }
}
