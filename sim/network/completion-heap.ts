// Which link ends a flow next: a heap of links, whose times change often.

import { grown } from '../../scheduler/core/index.ts';

/** Children of each place: with four, fewer of them are far apart in memory than with two. */
const arity = 4;

export class CompletionHeap {
  /** Rows of links and when they are due; each is due no earlier than its parent. */
  #rows = new Int32Array(64);
  #due = new Float64Array(64);
  #size = 0;
  /** Of each row, its place in the heap plus one; 0: it has none. */
  #places = new Int32Array(64);

  /** The row that is due first; -1: none is. */
  get top(): number {
    return this.#size === 0 ? -1 : (this.#rows[0] ?? -1);
  }

  get topDue(): number {
    return this.#size === 0 ? Infinity : (this.#due[0] ?? 0);
  }

  /** Infinity takes it out. */
  set(row: number, due: number): void {
    if (row >= this.#places.length) this.#reserve(row);
    const place = (this.#places[row] ?? 0) - 1;
    if (due === Infinity) {
      if (place >= 0) this.#remove(row, place);
    } else if (place < 0) {
      this.#rise(row, due, this.#size++);
    } else {
      this.#move(row, due, place);
    }
  }

  #remove(row: number, place: number): void {
    this.#places[row] = 0;
    this.#size -= 1;
    const last = this.#rows[this.#size] ?? 0;
    if (last !== row) this.#move(last, this.#due[this.#size] ?? 0, place);
  }

  /** Puts a row where another one stood, or itself with another time. */
  #move(row: number, due: number, place: number): void {
    if (due < (this.#due[place] ?? 0)) this.#rise(row, due, place);
    else this.#sink(row, due, place);
  }

  #rise(row: number, due: number, from: number): void {
    const [rows, dues] = [this.#rows, this.#due];
    let place = from;
    while (place > 0) {
      const parent = Math.floor((place - 1) / arity);
      const above = dues[parent] ?? 0;
      if (above <= due) break;
      this.#put(rows[parent] ?? 0, above, place);
      place = parent;
    }
    this.#put(row, due, place);
  }

  #sink(row: number, due: number, from: number): void {
    const [rows, dues] = [this.#rows, this.#due];
    let place = from;
    for (let child = arity * place + 1; child < this.#size; child = arity * place + 1) {
      const end = Math.min(child + arity, this.#size);
      let first = child;
      for (let other = child + 1; other < end; other += 1) {
        if ((dues[other] ?? 0) < (dues[first] ?? 0)) first = other;
      }
      const below = dues[first] ?? 0;
      if (below >= due) break;
      this.#put(rows[first] ?? 0, below, place);
      place = first;
    }
    this.#put(row, due, place);
  }

  #put(row: number, due: number, place: number): void {
    this.#rows[place] = row;
    this.#due[place] = due;
    this.#places[row] = place + 1;
  }

  #reserve(row: number): void {
    const length = 2 * (row + 1);
    this.#rows = grown(this.#rows, length);
    this.#due = grown(this.#due, length);
    this.#places = grown(this.#places, length);
  }
}
