// What happens next, for runs with millions of events: a heap of plain numbers. Events of one instant
// come in the order in which they were put in, so that a run is the same every time.

import { grown } from '../../scheduler/core/index.ts';

const arity = 4;

export class EventQueue {
  #at = new Float64Array(1024);
  #order = new Float64Array(1024);
  #event = new Float64Array(1024);
  #size = 0;
  #pushed = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next event is due; Infinity: there is none. */
  get nextAt(): number {
    return this.#size === 0 ? Infinity : (this.#at[0] ?? Infinity);
  }

  /** An event is a whole number that means something to whoever takes it. */
  push(at: number, event: number): void {
    if (this.#size === this.#at.length) this.#grow();
    const order = this.#pushed;
    this.#pushed += 1;
    let place = this.#size;
    this.#size += 1;
    while (place > 0) {
      const parent = Math.floor((place - 1) / arity);
      // A later one with the same instant stays below.
      if ((this.#at[parent] ?? 0) <= at) break;
      this.#copy(parent, place);
      place = parent;
    }
    this.#at[place] = at;
    this.#order[place] = order;
    this.#event[place] = event;
  }

  /** Takes the next event out; there must be one. */
  pop(): number {
    const event = this.#event[0] ?? -1;
    this.#size -= 1;
    const last = this.#size;
    if (last > 0) this.#sink(last);
    return event;
  }

  /** Puts what is at `from` where the first was. */
  #sink(from: number): void {
    const at = this.#at[from] ?? 0;
    const order = this.#order[from] ?? 0;
    const event = this.#event[from] ?? 0;
    let place = 0;
    for (;;) {
      const child = this.#firstChild(place);
      if (child < 0 || !this.#isBefore(child, at, order)) break;
      this.#copy(child, place);
      place = child;
    }
    this.#at[place] = at;
    this.#order[place] = order;
    this.#event[place] = event;
  }

  #firstChild(place: number): number {
    const from = arity * place + 1;
    if (from >= this.#size) return -1;
    let best = from;
    const end = Math.min(from + arity, this.#size);
    for (let child = from + 1; child < end; child += 1) {
      if (this.#isBefore(child, this.#at[best] ?? 0, this.#order[best] ?? 0)) best = child;
    }
    return best;
  }

  #isBefore(place: number, at: number, order: number): boolean {
    const mine = this.#at[place] ?? 0;
    return mine < at || (mine === at && (this.#order[place] ?? 0) < order);
  }

  #copy(from: number, to: number): void {
    this.#at[to] = this.#at[from] ?? 0;
    this.#order[to] = this.#order[from] ?? 0;
    this.#event[to] = this.#event[from] ?? 0;
  }

  #grow(): void {
    const length = 2 * this.#at.length;
    this.#at = grown(this.#at, length);
    this.#order = grown(this.#order, length);
    this.#event = grown(this.#event, length);
  }
}
