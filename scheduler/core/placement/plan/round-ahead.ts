// What is ahead on slots and lines in a round of placement, with what the round gives.

import type { Instant } from '../../model/ids.ts';
import type { NodeRecord, SiteRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import type { Option } from '../policy.ts';
import { ResultsAhead } from './results-ahead.ts';
import type { MoreWork, Result } from './slots-ahead.ts';
import { layOut, openSlotsOf } from './slots-ahead.ts';
import { readyIn } from './tail.ts';

export class RoundAhead {
  readonly #state: State;
  readonly #now: Instant;
  /** Tasks of this round, by node. */
  readonly #given = new Map<number, MoreWork[]>();
  /** By node, as long as nothing more is given to it. */
  readonly #freeIn = new Map<number, number>();
  /** By site. */
  readonly #results = new Map<number, ResultsAhead>();

  constructor(state: State, now: Instant) {
    this.#state = state;
    this.#now = now;
  }

  /** See `RoundView.freeIn`. */
  freeIn(node: NodeRecord): number {
    return this.#freeIn.get(node.number) ?? this.#lookAt(node);
  }

  /** See `RoundView.resultWaits`. */
  resultWaits({ node, site, load, cost }: Option): number {
    const results = this.#resultsOf(site);
    const readySeconds = readyIn(this.freeIn(node), load, { node, cost });
    return results.waitBehind({ upBps: load.upBps, readySeconds });
  }

  give(node: NodeRecord, task: MoreWork): void {
    const given = this.#given.get(node.number);
    if (given === undefined) this.#given.set(node.number, [task]);
    else given.push(task);
    this.#freeIn.delete(node.number);
    const results = this.#results.get(node.siteNumber);
    if (results === undefined) return;
    const ofNode: Result[] = [];
    this.#lookAt(node, ofNode);
    // It comes behind all that the node had; of the others nothing changes.
    const last = ofNode.at(-1);
    if (last !== undefined) results.add(last);
  }

  #resultsOf(site: SiteRecord): ResultsAhead {
    const known = this.#results.get(site.number);
    if (known !== undefined) return known;
    const all: Result[] = [];
    for (const number of site.nodeNumbers) {
      this.#lookAt(mustHave(this.#state.nodes[number], 'node', number), all);
    }
    const results = new ResultsAhead(all);
    this.#results.set(site.number, results);
    return results;
  }

  /** Notes when it has a slot; adds its results to these. */
  #lookAt(node: NodeRecord, results?: Result[]): number {
    const more = this.#given.get(node.number) ?? noMore;
    const slots = { seconds: roomFor(node), first: 0, count: openSlotsOf(node) };
    layOut(this.#state, node, { now: this.#now, more, results, slots });
    const seconds = slots.seconds[0] ?? 0;
    this.#freeIn.set(node.number, seconds);
    return seconds;
  }
}

/** For one node after another; nothing is read of it later. */
let room = new Float64Array(16);

function roomFor(node: NodeRecord): Float64Array {
  const count = openSlotsOf(node);
  if (count > room.length) room = new Float64Array(count);
  return room;
}

const noMore: readonly MoreWork[] = [];
