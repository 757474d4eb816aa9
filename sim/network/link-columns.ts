// The links that carry flows, as columns: a link has a row only as long as it does, so that a world of
// a million idle nodes costs 12 bytes a link.

import { grown } from '../../scheduler/core/index.ts';

export class LinkColumns {
  /** Bytes a second. */
  capacity = new Float64Array(0);
  /** What each flow may have that no other link holds to less; infinite: this link is no limit. */
  level = new Float64Array(0);
  /** Bytes that each flow limited here would have got, had it been limited here all along. */
  served = new Float64Array(0);
  /** Until when `served` is counted. */
  servedAt = new Float64Array(0);
  /** Flows on it. */
  count = new Int32Array(0);
  /** The newest of their edges, from which a chain leads to the others. */
  newest = new Int32Array(0);
  /** Of those it limits, the one that will be done first; -1: it limits none. */
  first = new Int32Array(0);

  /** Row of a link, -1 without flows; and the link of a row. */
  #rowOf = new Int32Array(0);
  #linkOf = new Int32Array(0);
  #capacityOf = new Float64Array(0);
  #links = 0;
  readonly #free: number[] = [];
  #rows = 0;

  /** Returns its number. */
  add(capacity: number): number {
    const link = this.#links++;
    if (link >= this.#rowOf.length) {
      const length = Math.max(64, 2 * link);
      this.#rowOf = grown(this.#rowOf, length);
      this.#capacityOf = grown(this.#capacityOf, length);
    }
    this.#rowOf[link] = -1;
    this.#capacityOf[link] = capacity;
    return link;
  }

  /** Returns its row, or -1 when no flow is concerned. */
  setCapacity(link: number, capacity: number): number {
    if (!this.has(link)) throw new Error(`there is no link ${link}`);
    this.#capacityOf[link] = capacity;
    const row = this.#rowOf[link] ?? -1;
    if (row >= 0) this.capacity[row] = capacity;
    return row;
  }

  has(link: number): boolean {
    return Number.isInteger(link) && link >= 0 && link < this.#links;
  }

  /** Links that carry flows. */
  get used(): number {
    return this.#rows - this.#free.length;
  }

  /** One more flow crosses it. Returns its row. */
  join(link: number): number {
    const old = this.#rowOf[link] ?? -1;
    const row = old < 0 ? this.#take(link) : old;
    this.count[row] = (this.count[row] ?? 0) + 1;
    return row;
  }

  /** One flow less crosses it. Returns whether any is left; without one it has no row any more. */
  leave(row: number): boolean {
    const left = (this.count[row] ?? 0) - 1;
    this.count[row] = left;
    if (left > 0) return true;
    this.#rowOf[this.#linkOf[row] ?? -1] = -1;
    this.#free.push(row);
    return false;
  }

  /** What it has served each of its flows by now. */
  servedBy(row: number, now: number): number {
    const level = this.level[row] ?? 0;
    const served = this.served[row] ?? 0;
    return level === Infinity ? served : served + (now - (this.servedAt[row] ?? 0)) * level;
  }

  /** Counts what it has served until now, so that its level may change. */
  serve(row: number, now: number): void {
    this.served[row] = this.servedBy(row, now);
    this.servedAt[row] = now;
  }

  #take(link: number): number {
    const row = this.#free.pop() ?? this.#rows++;
    if (row >= this.count.length) this.#grow();
    this.#rowOf[link] = row;
    this.#linkOf[row] = link;
    this.capacity[row] = this.#capacityOf[link] ?? 0;
    this.level[row] = Infinity;
    this.served[row] = 0;
    this.newest[row] = -1;
    this.first[row] = -1;
    return row;
  }

  #grow(): void {
    const rows = Math.max(64, 2 * this.count.length);
    this.capacity = grown(this.capacity, rows);
    this.level = grown(this.level, rows);
    this.served = grown(this.served, rows);
    this.servedAt = grown(this.servedAt, rows);
    this.count = grown(this.count, rows);
    this.newest = grown(this.newest, rows);
    this.first = grown(this.first, rows);
    this.#linkOf = grown(this.#linkOf, rows);
  }
}
