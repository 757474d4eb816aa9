// Where one pass of a round looks for free places: at nodes that have changed, for every job; and at
// open nodes of the index, for jobs that these were never asked for. All other pairs of a job and a
// node were refused before, and nothing that could change the answer has changed since.

import { candidateJobs } from '../limits.ts';
import { isOpen } from '../leases.ts';
import type { JobRecord, NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Kind } from './open/kind.ts';
import { fitOf } from './open/kind.ts';
import type { NodeList } from './open/node-list.ts';
import { Joined, Thinned } from './open/thinned.ts';
import type { Nodes } from './policy.ts';
import type { Round } from './round.ts';

/** What a round is about. */
export interface Occasion {
  /** Numbers of nodes, in no order. */
  readonly changed: readonly number[];
  readonly fresh: readonly JobRecord[];
}

/** null: nothing that waits could be placed since the last round. */
export function occasionOf(state: State): Occasion | null {
  if (state.waitingJobs.size === 0) return null;
  const fresh = firstJobs(state, state.jobsToPlace);
  // A fresh job asks all that is open, whether it has changed or not.
  const changed = state.waitingJobs.size > fresh.length ? changedNodes(state) : [];
  return changed.length + fresh.length === 0 ? null : { changed, fresh };
}

/** Whatever waits, anywhere. */
export function anyOf(state: State): Occasion {
  return { changed: [], fresh: firstJobs(state, state.waitingJobs) };
}

function changedNodes(state: State): readonly number[] {
  const { openNodes, nodesToPlace } = state;
  const changed: number[] = [];
  for (const number of nodesToPlace) if (isOpen(state, number)) changed.push(number);
  for (const siteNumber of state.sitesToPlace) {
    const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
    for (const number of site.nodeNumbers) {
      if (openNodes.has(number) && !nodesToPlace.has(number)) changed.push(number);
    }
  }
  return changed;
}

/** As with the index: what little the line can bring goes where it lets most be computed. */
export function fastestFirst({ places }: State, numbers: readonly number[]): readonly number[] {
  return numbers.toSorted((one, other) => places.ghzOf(other) - places.ghzOf(one));
}

/** Those whose turn may come: of each researcher the first ones. */
function firstJobs(state: State, numbers: ReadonlySet<number>): readonly JobRecord[] {
  const fresh: JobRecord[] = [];
  for (const number of numbers) {
    if (!state.waitingJobs.has(number)) continue;
    const job = mustHave(state.jobs.get(number), 'job', number);
    const researcher = mustHave(state.researchers.get(job.researcher), job.researcher);
    if (researcher.waitingJobs.indexOf(number) < candidateJobs) fresh.push(job);
  }
  return fresh;
}

/** One pass over the nodes; it knows what the round has filled in it. */
export class Search {
  readonly #round: Round;
  readonly #occasion: Occasion;
  readonly #fresh: ReadonlySet<JobRecord>;
  /** Those that have changed and have a place; made when the first task asks for one. */
  #changed: Thinned | undefined;
  /** Places in the changed ones. */
  readonly #placeOf = new Map<number, number>();
  readonly #lists = new Map<NodeList, Thinned>();
  readonly #nodesFor = new Map<JobRecord, Nodes>();

  constructor(round: Round, occasion: Occasion) {
    this.#round = round;
    this.#occasion = occasion;
    this.#fresh = new Set(occasion.fresh);
  }

  /** Numbers of every node that may take something: for as long as fresh jobs want more, those of the
   * kinds that they may fit, the fastest first; then those that have changed. */
  *groups(wants: (job: JobRecord) => boolean): Generator<Iterable<number>> {
    const { changed, fresh } = this.#occasion;
    if (fresh.length === 0) return yield this.#worthAsking(changed);
    const asked = new Set<number>();
    const left = fresh.map((job) => ({ job, fit: fitOf(job.template) }));
    const isOver = (): boolean => !areLeft(left, wants);
    for (const isBorder of [false, true]) {
      for (const kind of this.#round.state.openNodes.kinds) {
        if (isOver()) break;
        const asks = ({ job, fit }: (typeof left)[number]): boolean =>
          // Replicas of a service may run what it was before, which needs less.
          job.replicas !== null || (kind.mayFit(fit) && kind.isBorder(fit) === isBorder);
        if (left.some(asks)) yield this.#numbersOf(kind, { asked, isOver });
      }
    }
    yield this.#worthAsking(changed.filter((number) => !asked.has(number)));
  }

  /** Without those at sites that hold all that waits, mostly since their lines are full: of what has
   * changed they are nine in ten. */
  #worthAsking(numbers: readonly number[]): readonly number[] {
    const free = numbers.filter((number) => !this.#round.isHeld(number));
    return fastestFirst(this.#round.state, free);
  }

  /** Notes which of those that have changed are among them. */
  *#numbersOf(
    kind: Kind,
    { asked, isOver }: { readonly asked: Set<number>; readonly isOver: () => boolean },
  ): Generator<number> {
    const isNoted = this.#occasion.changed.length > 0;
    for (const list of this.#listsOf(kind)) {
      for (let place = 0; place < list.size && !isOver(); place += 1) {
        const number = list.at(place);
        if (isNoted) asked.add(number);
        yield number;
      }
    }
  }

  #listsOf({ idle, behind }: Kind): readonly NodeList[] {
    return this.#round.perSlot === 1 ? [idle] : [idle, behind];
  }

  /** Nodes with a place, some of which may not fit the job. */
  nodesFor(job: JobRecord): Nodes {
    if (!this.#fresh.has(job)) return this.#changedNodes();
    const known = this.#nodesFor.get(job);
    if (known !== undefined) return known;
    const kinds = [...this.#round.state.openNodes.kindsFor(fitOf(job.template))];
    const lists = kinds.flatMap((kind) => this.#listsOf(kind)).map((list) => this.#thinned(list));
    const nodes = new Joined(lists);
    this.#nodesFor.set(job, nodes);
    return nodes;
  }

  /** The round has filled the node. */
  filled({ number }: NodeRecord): void {
    const { openNodes } = this.#round.state;
    const place = this.#placeOf.get(number);
    if (place !== undefined) this.#changed?.remove(number, place);
    const list = openNodes.listOf(number);
    if (list !== undefined) this.#lists.get(list)?.remove(number, openNodes.placeOf(number));
  }

  #changedNodes(): Thinned {
    if (this.#changed !== undefined) return this.#changed;
    const numbers: number[] = [];
    for (const number of fastestFirst(this.#round.state, this.#occasion.changed)) {
      if (!this.#round.hasPlace(number)) continue;
      this.#placeOf.set(number, numbers.length);
      numbers.push(number);
    }
    const at = (place: number): number => numbers[place] ?? -1;
    this.#changed = new Thinned(this.#round.state, { size: numbers.length, at });
    return this.#changed;
  }

  #thinned(list: NodeList): Thinned {
    const known = this.#lists.get(list);
    if (known !== undefined) return known;
    const thinned = new Thinned(this.#round.state, list);
    this.#lists.set(list, thinned);
    return thinned;
  }
}

/** Those at the end that want no more are let go. */
function areLeft(jobs: { readonly job: JobRecord }[], wants: (job: JobRecord) => boolean): boolean {
  for (let last = jobs.at(-1); last !== undefined; last = jobs.at(-1)) {
    if (wants(last.job)) return true;
    jobs.pop();
  }
  return false;
}
