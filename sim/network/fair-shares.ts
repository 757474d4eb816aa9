// Max-min fair shares, mended where something changed. Each link has a level: what its flows may have
// that no other link holds to less. A flow's rate is the lowest level on its way. A link is looked at
// again when a flow on it comes, goes, or may have another rate elsewhere than it counted with; when
// none is left to be looked at, the levels are the max-min ones, which are unique (as in A. Charny's
// distributed allocation: the lowest level is right after one look, then the next, and so on).

import type { FlowColumns } from './flow-columns.ts';
import { hopBits, maxHops } from './flow-columns.ts';
import type { LinkColumns } from './link-columns.ts';
import { RowList } from './row-list.ts';
import { WaterLevel, tie } from './water-level.ts';

/** A level that changed by less has not changed: what rounding does must not go round for ever. */
const still = 1e-13;
/** More is a bug: levels come to rest after a few looks at those links that change. */
const looksALink = 1_000;

export class FairShares {
  readonly #links: LinkColumns;
  readonly #flows: FlowColumns;
  readonly #water = new WaterLevel();
  /** Links to look at, first come, first looked at. */
  readonly #queue = new RowList();
  /** Links whose level or flows changed in this settlement. */
  readonly #touched = new RowList();
  #now = 0;

  constructor(links: LinkColumns, flows: FlowColumns) {
    this.#links = links;
    this.#flows = flows;
  }

  /** A flow came to this link or left it, or its capacity changed. */
  lookAt(row: number): void {
    this.#queue.add(row);
  }

  /** Brings all shares to what they are from now on. Tells of each link that may end a flow at another
   * time than before; those that have lost all their flows are not among them. */
  settle(now: number, tell: (row: number) => void): void {
    const queue = this.#queue;
    const touched = this.#touched;
    const { count } = this.#links;
    this.#now = now;
    for (let index = 0; index < queue.size; index += 1) {
      const row = queue.rows[index] ?? 0;
      if ((count[row] ?? 0) > 0) this.#touch(row);
    }
    const mostLooks = looksALink * (1 + this.#links.used);
    // Both lists grow while they are read.
    for (let index = 0; index < queue.size; index += 1) {
      if (index > mostLooks) throw new Error(`levels are not at rest after ${mostLooks} looks`);
      const row = queue.rows[index] ?? 0;
      queue.letGo(row);
      if ((count[row] ?? 0) > 0) this.#level(row);
    }
    queue.clear();
    for (let index = 0; index < touched.size; index += 1) this.#assign(touched.rows[index] ?? 0);
    for (let index = 0; index < touched.size; index += 1) tell(touched.rows[index] ?? 0);
    touched.clear();
  }

  /** Takes the level of one link anew, and sends those to be looked at whom it concerns. */
  #level(row: number): void {
    const { level, count, capacity } = this.#links;
    const old = level[row] ?? 0;
    this.#readLimits(row);
    const next = this.#water.of(capacity[row] ?? 0, count[row] ?? 0);
    if (next === old || Math.abs(next - old) <= still * Math.min(old, next)) return;
    this.#touch(row);
    level[row] = next;
    this.#spread(row, old);
  }

  /** What each flow of a link may have elsewhere. */
  #readLimits(row: number): void {
    const { level, count, newest } = this.#links;
    const { path, hops, following } = this.#flows;
    this.#water.reserve(count[row] ?? 0);
    const { limits } = this.#water;
    let index = 0;
    for (let edge = newest[row] ?? -1; edge >= 0; edge = following[edge] ?? -1) {
      const flow = edge >> hopBits;
      const start = flow * maxHops;
      const end = start + (hops[flow] ?? 0);
      let least = Infinity;
      for (let hop = start; hop < end; hop += 1) {
        const other = path[hop] ?? 0;
        const limit = level[other] ?? 0;
        if (limit < least && other !== row) least = limit;
      }
      limits[index++] = least;
    }
  }

  /** Another link counted with the old level only where a flow had that, or has the new one now, and
   * it is less than the other link's own level. */
  #spread(row: number, old: number): void {
    const { level, newest } = this.#links;
    const { path, hops, following } = this.#flows;
    const { limits } = this.#water;
    const next = level[row] ?? 0;
    const lower = Math.min(old, next);
    let index = 0;
    for (let edge = newest[row] ?? -1; edge >= 0; edge = following[edge] ?? -1) {
      if ((limits[index++] ?? 0) <= lower) continue;
      const flow = edge >> hopBits;
      const start = flow * maxHops;
      const end = start + (hops[flow] ?? 0);
      for (let hop = start; hop < end; hop += 1) {
        const other = path[hop] ?? 0;
        if (other === row || (level[other] ?? 0) <= lower) continue;
        if (level[other] === Infinity && (next < old || this.#isWide(other, next))) continue;
        this.lookAt(other);
      }
    }
  }

  /** Its only flow may have this rate, and it is no limit still. */
  #isWide(row: number, rate: number): boolean {
    return this.#links.count[row] === 1 && rate <= (this.#links.capacity[row] ?? 0);
  }

  /** Counts what it has served at the level it had until now. */
  #touch(row: number): void {
    this.#links.serve(row, this.#now);
    this.#touched.add(row);
  }

  /** Finds what limits each flow of a link, and which of those it limits itself is done first. */
  #assign(row: number): void {
    const { newest, first } = this.#links;
    const { limiter, mark, following } = this.#flows;
    let least = Infinity;
    let head = -1;
    for (let edge = newest[row] ?? -1; edge >= 0; edge = following[edge] ?? -1) {
      const flow = edge >> hopBits;
      const lowest = this.#limiterOf(flow);
      if (lowest !== limiter[flow]) this.#move(flow, lowest);
      if (limiter[flow] !== row) continue;
      const own = mark[flow] ?? 0;
      if (own < least) {
        least = own;
        head = flow;
      }
    }
    first[row] = head;
  }

  /** The lowest link on its way; of equal ones the one it has. */
  #limiterOf(flow: number): number {
    const { level } = this.#links;
    const { path, hops, limiter } = this.#flows;
    const start = flow * maxHops;
    const end = start + (hops[flow] ?? 0);
    let least = Infinity;
    let lowest = -1;
    for (let hop = start; hop < end; hop += 1) {
      const row = path[hop] ?? 0;
      const limit = level[row] ?? 0;
      if (limit < least) {
        least = limit;
        lowest = row;
      }
    }
    if (lowest < 0) throw new Error(`no link limits flow ${flow}: the levels are wrong`);
    const old = limiter[flow] ?? -1;
    return old >= 0 && (level[old] ?? 0) <= least * (1 + tie) ? old : lowest;
  }

  /** What is left of it is from now on counted by the link that limits it. */
  #move(flow: number, next: number): void {
    const { limiter, mark } = this.#flows;
    const links = this.#links;
    const old = limiter[flow] ?? -1;
    const left = (mark[flow] ?? 0) - (old < 0 ? 0 : links.servedBy(old, this.#now));
    limiter[flow] = next;
    mark[flow] = links.servedBy(next, this.#now) + Math.max(0, left);
    // Their levels have changed, so that they are listed already, but for what rounding may hide.
    if (old >= 0) this.#touch(old);
    this.#touch(next);
  }
}
