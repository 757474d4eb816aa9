// Fills free slots as a policy says: in its order of asking, and only where everything else allows
// it. Every slot gets a task before a second lease for any slot that is busy.

import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { leasesPerSlot } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { JobRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Choice, Pick, Policy } from './policy.ts';
import { Round } from './round.ts';
import type { Tail } from './plan/plan.ts';
import { Search, anyOf, occasionOf } from './search.ts';
import { Spread } from './spread.ts';

interface How<K extends Choice['asks']> {
  /** For tasks that end. */
  readonly choice: Extract<Choice, { readonly asks: K }>;
  /** For replicas of services. */
  readonly spread: Spread;
}

interface FillSlots {
  readonly now: Instant;
  readonly policy: Policy;
  /** News, on which all that waits is looked at again: see `RoundView.soonest`. */
  readonly soonest?: Tail;
}

export function fillSlots(
  state: State,
  about: FillSlots,
): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
  const occasion = about.soonest === undefined ? occasionOf(state) : anyOf(state);
  if (occasion === null) return { facts: [], effects: [] };
  const round = new Round(state, about);
  const spread = new Spread(round, occasion);
  const { choice } = about.policy;
  for (round.perSlot = 1; round.perSlot <= leasesPerSlot; round.perSlot += 1) {
    const search = new Search(round, occasion);
    if (choice.asks === 'slot') slotsAsk(round, search, { choice, spread });
    else tasksAsk(round, search, { choice, spread });
  }
  return round.given;
}

/** Over nodes that are alike again and again, one task each, until nobody takes another. */
function slotsAsk(round: Round, search: Search, how: How<'slot'>): void {
  const isServed = (nodeNumber: number): boolean =>
    round.hasPlace(nodeNumber) && !round.isHeld(nodeNumber) && askFor(nodeNumber, round, how);
  const wants = (job: JobRecord): boolean => how.spread.wants(job) || round.wants(job);
  for (const nodes of search.groups(wants)) {
    let served: number[] = [];
    for (const node of nodes) if (isServed(node)) served.push(node);
    while (served.length > 0) served = served.filter(isServed);
  }
}

/** A task of the first group of jobs, in the order of their turn, that has one for the node; or, when
 * that comes first, a replica of a service finds a place of its own. */
function askFor(nodeNumber: number, round: Round, { choice, spread }: How<'slot'>): boolean {
  const node = mustHave(round.state.nodes[nodeNumber], 'node', nodeNumber);
  const pickOf = (jobs: readonly JobRecord[]): Pick | null =>
    jobs.length === 0 ? null : choice.pick(round.options(node, jobs), round);
  for (const jobs of round.turns.groups) {
    if (spread.placeOne(jobs)) return true;
    const pick = pickOf(round.unheld(jobs, node)) ?? pickOf(round.unheldElse(jobs, node));
    if (pick === null) continue;
    round.give(pick);
    return true;
  }
  return false;
}

/** The next task in turn, again and again, until none finds a place. */
function tasksAsk(round: Round, search: Search, { choice, spread }: How<'task'>): void {
  // What finds no place finds none later in the pass either: places only become fewer.
  const stuck = new Set<JobRecord>();
  for (;;) {
    const job = nextInTurn(round, { stuck, spread });
    if (job === null) return;
    if (job.replicas !== null) {
      spread.placeOne([job]);
      continue;
    }
    const pick = choice.pick(job, search.nodesFor(job), round);
    if (pick === null) {
      stuck.add(job);
      continue;
    }
    round.give(pick);
    if (!round.hasPlace(pick.option.node.number)) search.filled(pick.option.node);
  }
}

function nextInTurn(
  round: Round,
  { stuck, spread }: { readonly stuck: ReadonlySet<JobRecord>; readonly spread: Spread },
): JobRecord | null {
  for (const jobs of round.turns.groups) {
    for (const job of jobs) {
      if (!stuck.has(job) && (spread.wants(job) || round.wants(job))) return job;
    }
  }
  return null;
}
