// What is ahead on slots and lines in a round of placement, with what the round gives.

import type { Instant } from '../../model/ids.ts';
import type { NodeRecord, SiteRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import type { Option } from '../policy.ts';
import type { MoreWork, Result } from './slots-ahead.ts';
import { freeIn, resultsOf, waitBehind } from './slots-ahead.ts';
import { readyIn } from './tail.ts';

export class RoundAhead {
  readonly #state: State;
  readonly #now: Instant;
  /** Tasks of this round, by node. */
  readonly #given = new Map<number, MoreWork[]>();
  // Known as long as nothing is given to the node, or to its site.
  readonly #freeIn = new Map<number, number>();
  readonly #results = new Map<number, readonly Result[]>();

  constructor(state: State, now: Instant) {
    this.#state = state;
    this.#now = now;
  }

  /** See `RoundView.freeIn`. */
  freeIn(node: NodeRecord): number {
    const known = this.#freeIn.get(node.number);
    if (known !== undefined) return known;
    const about = { now: this.#now, more: this.#moreOf(node) };
    const seconds = freeIn(this.#state, node, about)[0] ?? 0;
    this.#freeIn.set(node.number, seconds);
    return seconds;
  }

  /** See `RoundView.resultWaits`. */
  resultWaits({ node, site, load, cost }: Option): number {
    const readySeconds = readyIn(this.freeIn(node), load, { node, cost });
    return waitBehind(this.#resultsOf(site), { upBps: load.upBps, readySeconds });
  }

  give(node: NodeRecord, task: MoreWork): void {
    const given = this.#given.get(node.number);
    if (given === undefined) this.#given.set(node.number, [task]);
    else given.push(task);
    this.#freeIn.delete(node.number);
    this.#results.delete(node.siteNumber);
  }

  #resultsOf(site: SiteRecord): readonly Result[] {
    const known = this.#results.get(site.number);
    if (known !== undefined) return known;
    const nodes = site.nodeNumbers.map((each) => mustHave(this.#state.nodes[each], 'node', each));
    const moreOf = (node: NodeRecord): readonly MoreWork[] => this.#moreOf(node);
    const results = resultsOf(this.#state, nodes, { now: this.#now, moreOf });
    this.#results.set(site.number, results);
    return results;
  }

  #moreOf(node: NodeRecord): readonly MoreWork[] {
    return this.#given.get(node.number) ?? [];
  }
}
