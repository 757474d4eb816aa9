// Whose turn it is: the researcher with the least dominant share first, then the job with the highest
// priority, then the oldest. Made for one round of placement, in which it counts what was given.

import { candidateJobs } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { JobRecord, ResearcherRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Claim, Usage } from './share.ts';
import { shareOf, usageAt } from './share.ts';

interface Turn {
  readonly researcher: ResearcherRecord;
  /** Those of one priority, in the order of their turn. */
  readonly groups: readonly (readonly JobRecord[])[];
  /** As it is now: what is given in the round claims, and uses nothing yet. */
  readonly usage: Usage;
  share: number;
  leases: number;
  claim: Claim;
}

const noClaim: Claim = { workGhzSeconds: 0, bits: 0 };

export class Turns {
  readonly #state: State;
  /** Least share first. */
  readonly #turns: Turn[] = [];
  readonly #byName = new Map<string, Turn>();
  /** As long as the order stays the same. */
  #groups: readonly (readonly JobRecord[])[] | null = null;

  constructor(state: State, now: Instant) {
    this.#state = state;
    for (const researcher of state.researchers.values()) {
      if (researcher.waitingJobs.length === 0) continue;
      const jobs = researcher.waitingJobs
        .slice(0, candidateJobs)
        .map((number) => mustHave(state.jobs.get(number), 'job', number));
      const groups = groupsOf(jobs);
      const usage = usageAt(researcher.usage, now, noClaim);
      const { leases } = researcher;
      const turn = { researcher, groups, usage, share: 0, leases, claim: noClaim };
      turn.share = this.#shareOf(turn);
      this.#byName.set(researcher.name, turn);
      this.#insert(turn);
    }
  }

  /**
   * Groups of jobs of one researcher and one priority, in the order of their turn: whoever fills a
   * slot takes from the first group that has something for it.
   */
  get groups(): readonly (readonly JobRecord[])[] {
    this.#groups ??= groupsInTurn(this.#turns);
    return this.#groups;
  }

  /** Whether the quota of the job's researcher has room. */
  mayHave({ researcher }: JobRecord): boolean {
    const turn = this.#byName.get(researcher);
    return turn !== undefined && hasRoom(turn);
  }

  /** A task of the job was given away; its researcher's next turn comes later. */
  give(job: JobRecord, cost: Claim): void {
    const turn = mustHave(this.#byName.get(job.researcher), 'turn of', job.researcher);
    turn.leases += 1;
    turn.claim = {
      workGhzSeconds: turn.claim.workGhzSeconds + cost.workGhzSeconds,
      bits: turn.claim.bits + cost.bits,
    };
    turn.share = this.#shareOf(turn);
    if (this.#giveWay(turn) || !hasRoom(turn)) this.#groups = null;
  }

  /** Its share has grown: others may come first now. Mostly none does, and nothing is moved. */
  #giveWay(turn: Turn): boolean {
    const place = this.#turns.indexOf(turn);
    const next = this.#turns[place + 1];
    if (next === undefined || isBefore(turn, next)) return false;
    this.#turns.splice(place, 1);
    this.#insert(turn);
    return true;
  }

  #shareOf({ researcher, usage, claim }: Turn): number {
    const { leased, settings } = researcher;
    const sum = {
      workGhzSeconds: leased.workGhzSeconds + claim.workGhzSeconds,
      bits: leased.bits + claim.bits,
    };
    const { capacity } = this.#state;
    return shareOf(usage, { claim: sum, capacity, weight: settings.weight }).dominant;
  }

  #insert(turn: Turn): void {
    let place = this.#turns.length;
    while (place > 0 && isBefore(turn, this.#turns[place - 1])) place -= 1;
    this.#turns.splice(place, 0, turn);
  }
}

/** Asked for in each round, and `flatMap` takes five times as long. */
function groupsInTurn(turns: readonly Turn[]): readonly (readonly JobRecord[])[] {
  const groups: (readonly JobRecord[])[] = [];
  for (const turn of turns) if (hasRoom(turn)) groups.push(...turn.groups);
  return groups;
}

function hasRoom({ researcher, leases }: Turn): boolean {
  const { maxLeases } = researcher.settings;
  return maxLeases === null || leases < maxLeases;
}

/** Jobs in the order of their turn, cut where the priority changes. */
function groupsOf(jobs: readonly JobRecord[]): readonly (readonly JobRecord[])[] {
  const groups: JobRecord[][] = [];
  for (const job of jobs) {
    const last = groups.at(-1);
    if (last?.[0]?.template.priority === job.template.priority) last?.push(job);
    else groups.push([job]);
  }
  return groups;
}

function isBefore(one: Turn, other: Turn | undefined): boolean {
  if (other === undefined) return false;
  if (one.share !== other.share) return one.share < other.share;

  return one.researcher.name < other.researcher.name;
}
