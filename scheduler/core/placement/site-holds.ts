// Which jobs a policy holds at a whole site: asked once for all its nodes, of which most are refused
// again and again while their line is busy.

import { siteOf } from '../leases.ts';
import type { JobRecord, NodeRecord, SiteRecord } from '../state.ts';
import { mustHave } from '../state.ts';
import type { TaskCost } from './balance.ts';
import { ownBytesAt, sharedBytes, upBytesOf, workOf } from './estimate.ts';
import type { FetchOption, Option, Policy } from './policy.ts';
import type { Round } from './round.ts';

type Jobs = readonly JobRecord[];

/** Jobs that have a task. */
interface Askers {
  readonly all: Jobs;
  /** Those whose tasks share something, and those that every node has all of. */
  readonly withProgram: Jobs;
  readonly withoutProgram: Jobs;
}

/** No number of a site. */
const anySite = -1;

/** Of nodes that would have to fetch a program: see `FetchOption`. */
type Fetcher = Pick<FetchOption, 'isStaged' | 'isBeside'>;

export class SiteHolds {
  readonly #round: Round;
  readonly #policy: Policy;
  /** Known until the next task of one of them costs something else. */
  readonly #askers = new Map<Jobs, Askers>();
  // By number of the site, known as long as nothing is given there, and the next task of no job brings
  // fewer bytes: whether a job is held, which of some are not, and whether all that wait are.
  readonly #held = new Map<number, Map<JobRecord, boolean>>();
  readonly #unheld = new Map<number, Map<Jobs, Jobs>>();
  readonly #holdsAll = new Map<number, boolean>();
  // By number of the site and kind of nodes, the jobs that these may fetch a program for: known as long as
  // nothing is given, since what is given anywhere does a part of them.
  readonly #fetchable = new Map<number, Map<Jobs, Jobs>>();

  constructor(round: Round, policy: Policy) {
    this.#round = round;
    this.#policy = policy;
  }

  /**
   * Of the jobs those that the node may be asked for. Where the policy holds some for lack of their program: first
   * those that the node has it of, with those that are worth another one beside these; then all others.
   */
  *unheld(jobs: Jobs, node: NodeRecord): Generator<Jobs> {
    const site = siteOf(this.#round.state, node);
    const { holdsSite, holdsFetch } = this.#policy;
    if (holdsFetch === undefined) {
      return yield holdsSite === undefined ? jobs : this.#unheldAt(this.#askersOf(jobs).all, site);
    }
    const here = this.#hereOf(jobs, node);
    const isStaged = this.#round.isStaged(node);
    // Asked of each free slot: where there is nothing to add no list is made.
    const lacks = (isBeside: boolean): Jobs => {
      const fetched = this.#mayFetch(jobs, site, { isStaged, isBeside });
      if (fetched.length === 0) return fetched;
      return fetched.filter((job) => !this.#round.hasShared(node, job));
    };
    if (here.length > 0) {
      const beside = lacks(true);
      yield beside.length === 0 ? here : [...here, ...beside];
    }
    yield lacks(false);
  }

  /** Those that are not held and that the node has the program of, in the order of their turn. */
  #hereOf(jobs: Jobs, node: NodeRecord): Jobs {
    const site = siteOf(this.#round.state, node);
    const here: JobRecord[] = [];
    for (const number of this.#round.programsOf(node)) {
      const job = this.#round.state.jobs.get(number);
      if (job === undefined || !this.#isAmong(jobs, job)) continue;
      if (this.#round.hasShared(node, job) && !this.#isHeld(job, site)) here.push(job);
    }
    const withoutProgram = this.#unheldAt(this.#askersOf(jobs).withoutProgram, site);
    if (here.length === 0) return withoutProgram;
    return [...here, ...withoutProgram].sort((one, other) => one.number - other.number);
  }

  /** Whether the job, which has a program, is one of these and has a task. They are of one researcher and one
   * priority, the oldest of those that wait, so that nobody needs to look for it. */
  #isAmong(jobs: Jobs, job: JobRecord): boolean {
    const { researcher, number, template } = job;
    const last = jobs.at(-1);
    if (last === undefined || last.researcher !== researcher || number > last.number) return false;
    if (last.template.priority !== template.priority || !hasProgram(job)) return false;
    return this.#round.state.waitingJobs.has(number) && this.#round.hasTask(job);
  }

  #unheldAt(askers: Jobs, site: SiteRecord): Jobs {
    let here = this.#unheld.get(site.number);
    if (here === undefined) {
      here = new Map();
      this.#unheld.set(site.number, here);
    }
    const known = here.get(askers);
    if (known !== undefined) return known;
    const fresh = askers.filter((job) => !this.#isHeld(job, site));
    here.set(askers, fresh);
    return fresh;
  }

  #mayFetch(jobs: Jobs, site: SiteRecord, fetcher: Fetcher): Jobs {
    const { isStaged, isBeside } = fetcher;
    const key = 4 * site.number + (isStaged ? 2 : 0) + (isBeside ? 1 : 0);
    let known = this.#fetchable.get(key);
    if (known === undefined) {
      known = new Map();
      this.#fetchable.set(key, known);
    }
    const found = known.get(jobs);
    if (found !== undefined) return found;
    const load = this.#round.load(site);
    const fresh = this.#askersOf(jobs).withProgram.filter(
      (job) =>
        this.#policy.holdsFetch?.({ job, site, load, isStaged, isBeside }, this.#round) !== true &&
        !this.#isHeld(job, site),
    );
    known.set(jobs, fresh);
    return fresh;
  }

  /** Whether it holds all jobs whose turn may come in this round. */
  holdsAll(siteNumber: number): boolean {
    if (this.#policy.holdsSite === undefined) return false;
    const known = this.#holdsAll.get(siteNumber);
    if (known !== undefined) return known;
    const { state, turns } = this.#round;
    const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
    // What has no turn any more gets none later in the round.
    const holdsAll = turns.groups.every((jobs) =>
      this.#askersOf(jobs).all.every((job) => this.#isHeld(job, site)),
    );
    this.#holdsAll.set(siteNumber, holdsAll);
    return holdsAll;
  }

  /** The option's task was given; its job's next one is known. */
  given({ job, taskIndex, site }: Option): void {
    const { taskInputBytes } = job.template;
    const next = this.#round.nextTask(job);
    const isAlike = next !== null && taskInputBytes[next] === taskInputBytes[taskIndex];
    if (!isAlike) this.#askers.clear();
    if (next !== null && !isAlike) {
      this.#held.clear();
      this.#unheld.clear();
      this.#holdsAll.clear();
    } else {
      this.#held.delete(site.number);
      this.#unheld.delete(site.number);
      this.#holdsAll.delete(site.number);
    }
    // V8 makes a new table for each that is cleared.
    if (this.#fetchable.size > 0) this.#fetchable.clear();
  }

  #askersOf(jobs: Jobs): Askers {
    const known = this.#askers.get(jobs);
    if (known !== undefined) return known;
    const all: JobRecord[] = [];
    const withProgram: JobRecord[] = [];
    const withoutProgram: JobRecord[] = [];
    for (const job of jobs) {
      if (!this.#round.hasTask(job)) continue;
      all.push(job);
      if (hasProgram(job)) withProgram.push(job);
      else withoutProgram.push(job);
    }
    const fresh = { all, withProgram, withoutProgram };
    this.#askers.set(jobs, fresh);
    return fresh;
  }

  #isHeld(job: JobRecord, site: SiteRecord): boolean {
    const { holdsSite } = this.#policy;
    if (holdsSite === undefined) return false;
    let here = this.#held.get(site.number);
    if (here === undefined) {
      here = new Map();
      this.#held.set(site.number, here);
    }
    const known = here.get(job);
    if (known !== undefined) return known;
    const cost = costAnywhere(job, this.#round.nextTask(job));
    const load = this.#round.load(site);
    const isHeld = cost !== null && holdsSite({ job, site, load, cost }, this.#round);
    here.set(job, isHeld);
    return isHeld;
  }
}

function hasProgram(job: JobRecord): boolean {
  return sharedBytes(job) > 0;
}

/** What its next task would cost wherever its program is; null: no site holds it. */
function costAnywhere(job: JobRecord, taskIndex: number | null): TaskCost | null {
  if (taskIndex === null) return null;
  // Another task of the job may suit a node better; and services are not the policy's.
  if (job.template.keepsCheckpoint === true || job.replicas !== null) return null;
  // At its home it costs less.
  if (job.template.home !== undefined) return null;
  const downBits = 8 * ownBytesAt(job, taskIndex, anySite);
  return { workGhzSeconds: workOf(job), downBits, upBits: 8 * upBytesOf(job) };
}
