// The flows under way, as columns: a row for each, used again when its flow has ended.

import { grown } from '../../scheduler/core/index.ts';

/** A flow crosses at most: port, LAN, up, core's port, down, LAN, port. */
export const maxHops = 8;
/** An edge is a flow on one of its links: 8 × the flow's row + the hop. */
export const hopBits = 3;

export class FlowColumns {
  /** Rows of the links on its way, `maxHops` a flow. */
  path = new Int32Array(0);
  /** The edges before and after each of its edges on the same link; -1: none. */
  previous = new Int32Array(0);
  following = new Int32Array(0);
  /** Links on its way; 0: the row is free. */
  hops = new Uint8Array(0);
  /** Row of the link that limits it; -1 before the first fair share. */
  limiter = new Int32Array(0);
  /** What its limiter will have served each of its flows when this one is done. Without a limiter, the
   * bytes that are left. */
  mark = new Float64Array(0);

  readonly #free: number[] = [];
  #rows = 0;

  take(bytes: number): number {
    const row = this.#free.pop() ?? this.#rows++;
    if (row >= this.hops.length) this.#grow();
    this.limiter[row] = -1;
    this.mark[row] = bytes;
    return row;
  }

  /** Adds a link to its way, before the newest edge there. Returns the new edge. */
  addHop(row: number, link: number, newest: number): number {
    const hop = this.hops[row] ?? 0;
    const edge = row * maxHops + hop;
    this.hops[row] = hop + 1;
    this.path[edge] = link;
    this.previous[edge] = -1;
    this.following[edge] = newest;
    if (newest >= 0) this.previous[newest] = edge;
    return edge;
  }

  /** Takes an edge out of its link's chain. Returns the one after it. */
  unchain(edge: number): number {
    const previous = this.previous[edge] ?? -1;
    const following = this.following[edge] ?? -1;
    if (previous >= 0) this.following[previous] = following;
    if (following >= 0) this.previous[following] = previous;
    return following;
  }

  release(row: number): void {
    this.hops[row] = 0;
    this.#free.push(row);
  }

  isUnderWay(row: number): boolean {
    return (this.hops[row] ?? 0) > 0;
  }

  #grow(): void {
    const rows = Math.max(64, 2 * this.hops.length);
    this.path = grown(this.path, maxHops * rows);
    this.previous = grown(this.previous, maxHops * rows);
    this.following = grown(this.following, maxHops * rows);
    this.hops = grown(this.hops, rows);
    this.limiter = grown(this.limiter, rows);
    this.mark = grown(this.mark, rows);
  }
}
