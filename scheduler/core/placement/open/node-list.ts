// Numbers of nodes, one after another in memory: at a million nodes an object for each would be what
// the index costs. Where a node stands is known to whoever keeps the list.

import { grown } from '../../grown.ts';

const firstRoom = 16;

export class NodeList {
  #numbers = new Int32Array(firstRoom);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number of the node at a place below the size. */
  at(place: number): number {
    return this.#numbers[place] ?? -1;
  }

  /** Its place is the last one. */
  push(number: number): void {
    if (this.#size === this.#numbers.length) this.#numbers = grown(this.#numbers, 2 * this.#size);
    this.#numbers[this.#size] = number;
    this.#size += 1;
  }

  /** Puts the last one where the one at this place was, and returns the number of that one. */
  removeAt(place: number): number {
    this.#size -= 1;
    const last = this.at(this.#size);
    this.#numbers[place] = last;
    return last;
  }
}
