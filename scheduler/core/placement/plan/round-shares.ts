// How much of the plan's shares has been given, with what a round of placement gives.

import type { Turns } from '../../queue/turns.ts';
import type { SiteRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import type { JobAt } from '../policy.ts';
import type { Plan } from './plan.ts';
import { cellOf, fitsNowhere, leastShare, noGroup } from './plan.ts';

export class RoundShares {
  readonly #state: State;
  readonly #turns: Turns;
  readonly #plan: Plan | null;
  /** Leases of this round by place in the plan. */
  readonly #given = new Map<number, number>();
  /** Leases by group; and what has changed in all of them. */
  readonly #givenTo = new Map<number, number>();
  #changes = 0;
  /** The least progress in a group, as long as nothing is given there. */
  readonly #least = new Map<number, number>();
  #waiting: ReadonlySet<number> | null = null;

  constructor(state: State, turns: Turns) {
    this.#state = state;
    this.#turns = turns;
    this.#plan = state.plan;
  }

  /** See `RoundView.planned`. */
  of({ job, site }: JobAt): number | null {
    const plan = this.#plan;
    const cell = plan === null ? null : cellOf(plan, job.number, site.number);
    return plan === null || cell === null ? null : this.#progressOf(plan, cell);
  }

  /** See `RoundView.leastPlanned`. */
  leastAt({ site }: Pick<JobAt, 'site'>): number {
    const plan = this.#plan;
    const group = plan?.groupOf[site.number] ?? noGroup;
    if (plan === null || group === noGroup) return Number.POSITIVE_INFINITY;
    const known = this.#least.get(group);
    if (known !== undefined) return known;
    let least = Number.POSITIVE_INFINITY;
    for (const kind of this.#waitingClasses(plan)) {
      least = Math.min(least, this.#progressOf(plan, kind * plan.groups + group));
    }
    this.#least.set(group, least);
    return least;
  }

  /** Grows whenever a figure of sites like this one changes. */
  givenAlike({ number }: SiteRecord): number {
    const group = this.#plan?.groupOf[number] ?? noGroup;
    return this.#changes + (this.#givenTo.get(group) ?? 0);
  }

  /** To be told after the turns. */
  give({ job, site }: JobAt): void {
    if (!this.#turns.mayHave(job)) {
      // Nobody need be left a place for her other jobs.
      this.#waiting = null;
      this.#least.clear();
      this.#changes += 1;
    }
    const plan = this.#plan;
    const cell = plan === null ? null : cellOf(plan, job.number, site.number);
    if (plan === null || cell === null) return;
    this.#given.set(cell, (this.#given.get(cell) ?? 0) + 1);
    const group = cell % plan.groups;
    this.#least.delete(group);
    this.#givenTo.set(group, (this.#givenTo.get(group) ?? 0) + 1);
  }

  #progressOf(plan: Plan, cell: number): number {
    const share = plan.shares[cell] ?? 0;
    if (share < leastShare) return Number.POSITIVE_INFINITY;
    const given = (plan.given[cell] ?? 0) + (this.#given.get(cell) ?? 0);
    return given >= share ? Number.POSITIVE_INFINITY : (given + 0.5) / share;
  }

  /** Of jobs that their researcher's quota lets in. */
  #waitingClasses(plan: Plan): ReadonlySet<number> {
    if (this.#waiting !== null) return this.#waiting;
    const classes = new Set<number>();
    for (const number of this.#state.waitingJobs) {
      const found = plan.classOf.get(number);
      if (found === undefined || found === fitsNowhere) continue;
      const job = mustHave(this.#state.jobs.get(number), 'job', number);
      if (this.#turns.mayHave(job)) classes.add(found);
    }
    this.#waiting = classes;
    return classes;
  }
}
