// A network of links that flows share by max-min fairness, in continuous time. The world starts and
// cancels flows and changes capacities at the present instant, asks when the next flow ends, and goes
// there. Pure: same calls, same answers. Any units will do: bytes, seconds and bytes a second here.

import { CompletionHeap } from './completion-heap.ts';
import { FairShares } from './fair-shares.ts';
import { FlowColumns, hopBits, maxHops } from './flow-columns.ts';
import { LinkColumns } from './link-columns.ts';

export class FlowNetwork {
  readonly #links = new LinkColumns();
  readonly #flows = new FlowColumns();
  readonly #shares = new FairShares(this.#links, this.#flows);
  readonly #heap = new CompletionHeap();
  #now = 0;

  get now(): number {
    return this.#now;
  }

  /** Returns the link's number: 0, 1, 2, … A link without capacity holds its flows until it has some. */
  addLink(capacity: number): number {
    checkCapacity(capacity);
    return this.#links.add(capacity);
  }

  setCapacity(link: number, capacity: number): void {
    checkCapacity(capacity);
    const row = this.#links.setCapacity(link, capacity);
    if (row >= 0) this.#shares.lookAt(row);
  }

  /** Returns the flow's number, which another flow gets once this one has ended. */
  start(path: readonly number[], bytes: number): number {
    if (!(bytes > 0 && bytes < Infinity)) {
      throw new Error(`a flow needs a number of bytes above 0, not ${bytes}`);
    }
    this.#checkPath(path);
    const flow = this.#flows.take(bytes);
    for (let hop = 0; hop < path.length; hop += 1) {
      const row = this.#links.join(path[hop] ?? 0);
      this.#links.newest[row] = this.#flows.addHop(flow, row, this.#links.newest[row] ?? -1);
      this.#shares.lookAt(row);
    }
    return flow;
  }

  /** Returns the bytes it had left. */
  cancel(flow: number): number {
    const bytes = this.bytesLeft(flow);
    this.#remove(flow);
    return bytes;
  }

  bytesLeft(flow: number): number {
    this.#checkFlow(flow);
    const limiter = this.#flows.limiter[flow] ?? -1;
    const served = limiter < 0 ? 0 : this.#links.servedBy(limiter, this.#now);
    return Math.max(0, (this.#flows.mark[flow] ?? 0) - served);
  }

  /** Its rate from now on. */
  rate(flow: number): number {
    this.#checkFlow(flow);
    this.#settle();
    return this.#links.level[this.#flows.limiter[flow] ?? -1] ?? 0;
  }

  /** When the next flow ends, if nothing else happens; Infinity when none will. */
  nextCompletion(): number {
    this.#settle();
    return this.#heap.topDue;
  }

  /** Lets time pass, at most until the next completion. Returns the flows that end at that instant. */
  advance(to: number): readonly number[] {
    const next = this.nextCompletion();
    if (!(to >= this.#now)) throw new Error(`time is ${this.#now} and can't become ${to}`);
    if (to > next) throw new Error(`a flow ends at ${next}: time can't go past it, to ${to}`);
    this.#now = to;
    const ended: number[] = [];
    while (this.#heap.topDue <= to) {
      this.#endFirst(this.#heap.top, ended);
      this.#heap.set(this.#heap.top, Infinity);
    }
    for (const flow of ended) this.#remove(flow);
    return ended;
  }

  /** Those of a link that are done at the same instant, to the last bit. */
  #endFirst(row: number, ended: number[]): void {
    const { first, newest } = this.#links;
    const { limiter, mark, following } = this.#flows;
    const least = mark[first[row] ?? -1] ?? 0;
    for (let edge = newest[row] ?? -1; edge >= 0; edge = following[edge] ?? -1) {
      const flow = edge >> hopBits;
      if (limiter[flow] === row && (mark[flow] ?? 0) <= least) ended.push(flow);
    }
  }

  #settle(): void {
    this.#shares.settle(this.#now, this.#schedule);
  }

  /** Puts the end of the first flow that a link limits into the heap. */
  readonly #schedule = (row: number): void => {
    const { first, level, served } = this.#links;
    const head = first[row] ?? -1;
    if (head < 0) return this.#heap.set(row, Infinity);
    const left = (this.#flows.mark[head] ?? 0) - (served[row] ?? 0);
    // Without capacity never; what rounding took too much is done now.
    this.#heap.set(row, this.#now + (left <= 0 ? 0 : left / (level[row] ?? 0)));
  };

  #remove(flow: number): void {
    const { hops, path } = this.#flows;
    const end = flow * maxHops + (hops[flow] ?? 0);
    for (let edge = flow * maxHops; edge < end; edge += 1) {
      const row = path[edge] ?? -1;
      const next = this.#flows.unchain(edge);
      if (this.#links.newest[row] === edge) this.#links.newest[row] = next;
      if (this.#links.leave(row)) this.#shares.lookAt(row);
      else this.#heap.set(row, Infinity);
    }
    this.#flows.release(flow);
  }

  #checkFlow(flow: number): void {
    if (!this.#flows.isUnderWay(flow)) throw new Error(`flow ${flow} is not under way`);
  }

  #checkPath(path: readonly number[]): void {
    if (path.length === 0 || path.length > maxHops) {
      throw new Error(`a flow crosses 1 to ${maxHops} links, not ${path.length}`);
    }
    for (let hop = 0; hop < path.length; hop += 1) {
      const link = path[hop] ?? -1;
      if (!this.#links.has(link)) throw new Error(`there is no link ${link}`);
      if (path.lastIndexOf(link) !== hop) {
        throw new Error(`a flow crosses each link once, not ${path.join(', ')}`);
      }
    }
  }
}

function checkCapacity(capacity: number): void {
  if (capacity >= 0 && capacity < Infinity) return;
  throw new Error(`a link's capacity is a number from 0 on, not ${capacity}`);
}
