// Which link ends a flow next: a binary heap of links, whose times change often.

import { grown } from './grown.ts';

export class CompletionHeap {
  /** Rows of links; each is due no earlier than the one at (place - 1) / 2. */
  #rows = new Int32Array(64);
  #size = 0;
  /** Of each row: when it is due, and its place in the heap plus one; 0: it has none. */
  #due = new Float64Array(64);
  #place = new Int32Array(64);

  get top(): number {
    return this.#size === 0 ? -1 : (this.#rows[0] ?? -1);
  }

  get topDue(): number {
    return this.#size === 0 ? Infinity : (this.#due[this.#rows[0] ?? 0] ?? 0);
  }

  /** Infinity takes it out. */
  set(row: number, due: number): void {
    if (row >= this.#due.length) this.#reserve(row);
    const place = (this.#place[row] ?? 0) - 1;
    if (due === Infinity) {
      if (place >= 0) this.#remove(row, place);
      return;
    }
    const old = this.#due[row] ?? 0;
    this.#due[row] = due;
    if (place < 0) this.#rise(row, this.#size++);
    else if (due < old) this.#rise(row, place);
    else if (due > old) this.#sink(row, place);
  }

  #remove(row: number, place: number): void {
    this.#place[row] = 0;
    const last = this.#rows[--this.#size] ?? 0;
    if (last === row) return;
    if ((this.#due[last] ?? 0) < (this.#due[row] ?? 0)) this.#rise(last, place);
    else this.#sink(last, place);
  }

  #rise(row: number, from: number): void {
    const due = this.#due[row] ?? 0;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#rows[parent] ?? 0;
      if ((this.#due[above] ?? 0) <= due) break;
      this.#put(above, place);
      place = parent;
    }
    this.#put(row, place);
  }

  #sink(row: number, from: number): void {
    const due = this.#due[row] ?? 0;
    let place = from;
    for (let child = 2 * place + 1; child < this.#size; child = 2 * place + 1) {
      if (child + 1 < this.#size && this.#dueAt(child + 1) < this.#dueAt(child)) child += 1;
      if (this.#dueAt(child) >= due) break;
      this.#put(this.#rows[child] ?? 0, place);
      place = child;
    }
    this.#put(row, place);
  }

  #dueAt(place: number): number {
    return this.#due[this.#rows[place] ?? 0] ?? 0;
  }

  #put(row: number, place: number): void {
    this.#rows[place] = row;
    this.#place[row] = place + 1;
  }

  #reserve(row: number): void {
    const length = 2 * (row + 1);
    this.#rows = grown(this.#rows, length);
    this.#due = grown(this.#due, length);
    this.#place = grown(this.#place, length);
  }
}
