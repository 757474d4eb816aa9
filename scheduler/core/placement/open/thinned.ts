// A list of nodes as one pass of a round sees it: without those that it has filled. The list itself
// stays as it is until what was given is applied.

import type { Nodes } from '../policy.ts';
import type { NodeRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';

export interface Numbers {
  readonly size: number;
  readonly at: (place: number) => number;
}

export class Thinned implements Nodes {
  size: number;
  readonly #state: State;
  readonly #numbers: Numbers;
  /** What stands at a place since the one that stood there is gone; and where. */
  readonly #moved = new Map<number, number>();
  readonly #placeOf = new Map<number, number>();

  constructor(state: State, numbers: Numbers) {
    this.#state = state;
    this.#numbers = numbers;
    this.size = numbers.size;
  }

  at(place: number): NodeRecord {
    const number = this.#numberAt(place);
    return mustHave(this.#state.nodes[number], 'node', number);
  }

  /** @param firstPlace where the node stood in the list. */
  remove(nodeNumber: number, firstPlace: number): void {
    const place = this.#placeOf.get(nodeNumber) ?? firstPlace;
    this.size -= 1;
    const last = this.#numberAt(this.size);
    this.#moved.set(place, last);
    this.#placeOf.set(last, place);
  }

  #numberAt(place: number): number {
    return this.#moved.get(place) ?? this.#numbers.at(place);
  }
}

/** Several lists as one. */
export class Joined implements Nodes {
  readonly #lists: readonly Nodes[];

  constructor(lists: readonly Nodes[]) {
    this.#lists = lists;
  }

  get size(): number {
    return this.#lists.reduce((sum, list) => sum + list.size, 0);
  }

  at(place: number): NodeRecord {
    let left = place;
    for (const list of this.#lists) {
      if (left < list.size) return list.at(left);
      left -= list.size;
    }
    throw new Error(`there is no node at place ${place} of ${this.size}`);
  }
}
