// Fills free slots as a policy says: in its order of asking, and only where everything else allows
// it. Every slot gets a task before a second lease for any slot that is busy.

import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { isOpen } from '../leases.ts';
import { leasesPerSlot } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { JobRecord, NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Choice, Policy } from './policy.ts';
import { Round } from './round.ts';
import { Spread } from './spread.ts';

interface How<K extends Choice['asks']> {
  /** For tasks that end. */
  readonly choice: Extract<Choice, { readonly asks: K }>;
  /** For replicas of services. */
  readonly spread: Spread;
}

export function fillSlots(
  state: State,
  about: { readonly now: Instant; readonly policy: Policy },
): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
  const isIdle = state.waitingJobs.size === 0 || state.nodesToPlace.size === 0;
  if (isIdle) return { facts: [], effects: [] };
  const nodes: NodeRecord[] = [];
  for (const number of state.nodesToPlace) {
    const node = mustHave(state.nodes[number], 'node', number);
    if (isOpen(node)) nodes.push(node);
  }
  const round = new Round(state, about);
  const spread = new Spread(round, nodes);
  const { choice } = about.policy;
  for (round.perSlot = 1; round.perSlot <= leasesPerSlot; round.perSlot += 1) {
    if (choice.asks === 'slot') slotsAsk(round, nodes, { choice, spread });
    else tasksAsk(round, nodes, { choice, spread });
  }
  return round.given;
}

/** Over the nodes again and again, one task each, until nobody takes another. */
function slotsAsk(round: Round, nodes: readonly NodeRecord[], how: How<'slot'>): void {
  let willing = nodes;
  while (willing.length > 0) {
    const served: NodeRecord[] = [];
    for (const node of willing) {
      if (round.hasPlace(node) && askFor(node, round, how)) served.push(node);
    }
    willing = served;
  }
}

/** A task of the first group of jobs, in the order of their turn, that has one for the node; or, when
 * that comes first, a replica of a service finds a place of its own. */
function askFor(node: NodeRecord, round: Round, { choice, spread }: How<'slot'>): boolean {
  for (const jobs of round.turns.groups()) {
    if (spread.placeOne(jobs)) return true;
    const pick = choice.pick(round.options(node, jobs), round);
    if (pick === null) continue;
    round.give(pick);
    return true;
  }
  return false;
}

/** The next task in turn, again and again, until none finds a place. */
function tasksAsk(round: Round, nodes: readonly NodeRecord[], how: How<'task'>): void {
  const open = new OpenNodes(nodes.filter((node) => round.hasPlace(node)));
  // What finds no place finds none later in the round either: places only become fewer.
  const stuck = new Set<JobRecord>();
  while (open.list.length > 0) {
    const job = nextInTurn(round, stuck);
    if (job === null) return;
    if (job.replicas !== null) {
      if (!how.spread.placeOne([job])) stuck.add(job);
      continue;
    }
    const pick = how.choice.pick(job, open.list, round);
    if (pick === null) {
      stuck.add(job);
      continue;
    }
    round.give(pick);
    if (!round.hasPlace(pick.option.node)) open.remove(pick.option.node);
  }
}

function nextInTurn(round: Round, stuck: ReadonlySet<JobRecord>): JobRecord | null {
  for (const jobs of round.turns.groups()) {
    for (const job of jobs) if (!stuck.has(job) && hasTask(round, job)) return job;
  }
  return null;
}

function hasTask(round: Round, job: JobRecord): boolean {
  return job.replicas !== null || round.nextTask(job) !== null;
}

/** Nodes with a place, from which one goes without a search. */
class OpenNodes {
  readonly list: NodeRecord[];
  readonly #places = new Map<NodeRecord, number>();

  constructor(nodes: readonly NodeRecord[]) {
    this.list = [...nodes];
    for (const [place, node] of nodes.entries()) this.#places.set(node, place);
  }

  remove(node: NodeRecord): void {
    const place = mustHave(this.#places.get(node), 'open node', node.number);
    const last = this.list.pop();
    this.#places.delete(node);
    if (last === undefined || last === node) return;
    this.list[place] = last;
    this.#places.set(last, place);
  }
}
