// Time that passes only when somebody says so. What is due at one instant runs in the order in which
// it was asked for, so that a run is the same every time.

import type { Instant } from '../../scheduler/core/index.ts';
import type { Clock } from '../../scheduler/ports.ts';

interface Call {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void;
  /** Where it is in the heap; -1 when it has run or was cancelled. */
  place: number;
}

export class VirtualClock implements Clock {
  #now: Instant;
  #order = 0;
  /** A binary heap: each call is due no earlier than the one at (place - 1) / 2. */
  readonly #heap: Call[] = [];

  constructor(start: Instant) {
    this.#now = start;
  }

  now(): Instant {
    return this.#now;
  }

  /** When the next call is due. */
  get nextAt(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  callAt(at: Instant, run: () => void): () => void {
    const call: Call = { at, order: this.#order, run, place: this.#heap.length };
    this.#order += 1;
    this.#heap.push(call);
    this.#rise(call);
    return () => this.#remove(call);
  }

  /** Goes to the next call and makes it. Returns whether there was one. */
  runNext(): boolean {
    const call = this.#heap[0];
    if (call === undefined) return false;
    this.#remove(call);
    if (call.at > this.#now) this.#now = call.at;
    call.run();
    return true;
  }

  /** Makes all calls that are due until then, those they ask for too, and stops at that instant. */
  advanceTo(at: Instant): void {
    for (let next = this.nextAt; next !== undefined && next <= at; next = this.nextAt) {
      this.runNext();
    }
    if (at > this.#now) this.#now = at;
  }

  #remove(call: Call): void {
    const { place } = call;
    const last = this.#heap.at(-1);
    if (place < 0 || last === undefined) return;
    this.#heap.pop();
    call.place = -1;
    if (last === call) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  #put(call: Call, place: number): void {
    this.#heap[place] = call;
    call.place = place;
  }

  #rise(call: Call): void {
    for (;;) {
      const parent = this.#heap[(call.place - 1) >> 1];
      if (call.place === 0 || parent === undefined || !isBefore(call, parent)) return;
      this.#swap(call, parent);
    }
  }

  #sink(call: Call): void {
    for (;;) {
      const left = this.#heap[2 * call.place + 1];
      const right = this.#heap[2 * call.place + 2];
      const child =
        left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || !isBefore(child, call)) return;
      this.#swap(call, child);
    }
  }

  #swap(one: Call, other: Call): void {
    const { place } = one;
    this.#put(one, other.place);
    this.#put(other, place);
  }
}

function isBefore(one: Call, other: Call): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
