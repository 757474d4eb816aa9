// What will have to go over the line up of a site, in the order in which it is there.

import type { Result } from './slots-ahead.ts';

export class ResultsAhead {
  readonly #results: Result[];
  /** By result: until when a line of that rate is busy with it and those before it. */
  #busyUntil: readonly number[] = [];
  #upBps = 0;

  constructor(results: Iterable<Result>) {
    this.#results = [...results].sort((one, other) => one.readySeconds - other.readySeconds);
  }

  add(result: Result): void {
    this.#results.splice(this.#thereBy(result.readySeconds), 0, result);
    this.#upBps = 0;
  }

  /** Seconds that a result will wait for the line, behind those that are there before it. */
  waitBehind({
    upBps,
    readySeconds,
  }: {
    readonly upBps: number;
    readonly readySeconds: number;
  }): number {
    if (upBps !== this.#upBps) {
      this.#busyUntil = busyUntil(this.#results, upBps);
      this.#upBps = upBps;
    }
    const before = this.#thereBy(readySeconds);
    return Math.max(0, (this.#busyUntil[before - 1] ?? 0) - readySeconds);
  }

  /** How many are there by then. */
  #thereBy(seconds: number): number {
    let first = 0;
    let end = this.#results.length;
    while (first < end) {
      const middle = (first + end) >> 1;
      if ((this.#results[middle]?.readySeconds ?? 0) > seconds) end = middle;
      else first = middle + 1;
    }
    return first;
  }
}

function busyUntil(results: readonly Result[], upBps: number): readonly number[] {
  let seconds = 0;
  return results.map(({ readySeconds, upBits }) => {
    seconds = Math.max(seconds, readySeconds) + upBits / upBps;
    return seconds;
  });
}
