// Which nodes have a free place, by kind, so that nobody looks for one among all nodes. `apply` keeps
// it; it is never saved, since all of it follows from the nodes. What a node says of itself for a time
// (that it rests, its owner's hours) is not in it: whoever takes a node from here asks it.

import type { NodeRecord } from '../../state.ts';
import { grown } from '../../grown.ts';
import type { Fit } from './kind.ts';
import { Kind, kindOf } from './kind.ts';
import type { NodeList } from './node-list.ts';

/** Whether a node may be given a lease: none, only one that runs next, or one for a free slot. */
export type Openness = 0 | 1 | 2;
export const closed = 0;
export const behind = 1;
export const idle = 2;

const firstRoom = 64;

export class OpenNodes {
  /** Those with an open node, the fastest first: where little is free most have none. */
  readonly kinds: Kind[] = [];
  /** As they came; and their place in that, by number. */
  readonly #all: Kind[] = [];
  readonly #byNumber = new Map<number, number>();
  // By number of the node: its kind, whether it is open and how, and where it stands in that list.
  #kindOf = new Uint32Array(firstRoom);
  #openness = new Uint8Array(firstRoom);
  #placeOf = new Int32Array(firstRoom);

  /** Something of the node has changed. */
  changed(node: NodeRecord, openness: Openness): void {
    this.#makeRoom(node.number);
    this.#leave(node.number);
    const place = this.#placeOfKind(node);
    this.#all[place]?.admit(node);
    this.#kindOf[node.number] = place;
    this.#enter(node.number, openness);
  }

  /** The node's leases have changed, and nothing else. */
  counted(nodeNumber: number, openness: Openness): void {
    if (openness === this.#openness[nodeNumber]) return;
    this.#leave(nodeNumber);
    this.#enter(nodeNumber, openness);
  }

  /** True: all of the node's kind fit. False: some may not. */
  suitsKind(fit: Fit, nodeNumber: number): boolean {
    return this.#all[this.#kindOf[nodeNumber] ?? -1]?.suitsAll(fit) === true;
  }

  has(nodeNumber: number): boolean {
    return (this.#openness[nodeNumber] ?? closed) !== closed;
  }

  /** Where the node stands in the list that it is in. */
  placeOf(nodeNumber: number): number {
    return this.#placeOf[nodeNumber] ?? -1;
  }

  /** Kinds with nodes that may fit, the fastest first; those at a border last, since what does not
   * fit is left over there, and each is asked. */
  *kindsFor(fit: Fit): Generator<Kind> {
    // Most who ask take the first one: no list is made for them.
    let border: Kind[] | null = null;
    for (const kind of this.kinds) {
      if (!kind.mayFit(fit)) continue;
      if (kind.isBorder(fit)) (border ??= []).push(kind);
      else yield kind;
    }
    if (border !== null) yield* border;
  }

  /** Numbers of all that are open. */
  *all(): Generator<number> {
    for (const { idle: free, behind: next } of this.kinds) {
      for (const list of [free, next]) {
        for (let place = 0; place < list.size; place += 1) yield list.at(place);
      }
    }
  }

  /** No node with a free slot is faster; 0: there is none. */
  get fastestIdleGhz(): number {
    return this.kinds.find((kind) => kind.idle.size > 0)?.speedGhz ?? 0;
  }

  /** Likewise of nodes that may be given what runs next, too. */
  get fastestOpenGhz(): number {
    return this.kinds[0]?.speedGhz ?? 0;
  }

  #leave(number: number): void {
    const list = this.listOf(number);
    if (list === undefined) return;
    const place = this.placeOf(number);
    // The last one of the list stands there now.
    this.#placeOf[list.removeAt(place)] = place;
    this.#openness[number] = closed;
    const kind = this.#kindAt(number);
    if (!kind.isOpen) this.kinds.splice(this.kinds.indexOf(kind), 1);
  }

  #enter(nodeNumber: number, openness: Openness): void {
    if (openness === closed) return;
    const kind = this.#kindAt(nodeNumber);
    if (!kind.isOpen) this.#insert(kind);
    this.#openness[nodeNumber] = openness;
    const list = openness === idle ? kind.idle : kind.behind;
    this.#placeOf[nodeNumber] = list.size;
    list.push(nodeNumber);
  }

  /** The list that the node is in. */
  listOf(nodeNumber: number): NodeList | undefined {
    if (!this.has(nodeNumber)) return undefined;
    const kind = this.#kindAt(nodeNumber);
    return this.#openness[nodeNumber] === idle ? kind.idle : kind.behind;
  }

  #kindAt(nodeNumber: number): Kind {
    const kind = this.#all[this.#kindOf[nodeNumber] ?? -1];
    if (kind === undefined) throw new Error(`node ${nodeNumber} has no kind`);
    return kind;
  }

  #insert(kind: Kind): void {
    const slower = this.kinds.findIndex((other) => other.number > kind.number);
    this.kinds.splice(slower < 0 ? this.kinds.length : slower, 0, kind);
  }

  #placeOfKind(node: NodeRecord): number {
    const number = kindOf(node);
    const known = this.#byNumber.get(number);
    if (known !== undefined) return known;
    const kind = new Kind(number, node);
    this.#byNumber.set(number, this.#all.length);
    this.#all.push(kind);
    return this.#all.length - 1;
  }

  #makeRoom(number: number): void {
    const room = this.#kindOf.length;
    if (number < room) return;
    const wanted = Math.max(2 * room, number + 1);
    this.#kindOf = grown(this.#kindOf, wanted);
    this.#openness = grown(this.#openness, wanted);
    this.#placeOf = grown(this.#placeOf, wanted);
  }
}
