// Which jobs a policy holds at a whole site: asked once for all its nodes, of which most are refused
// again and again while their line is busy.

import { siteOf } from '../leases.ts';
import type { JobRecord, NodeRecord, SiteRecord } from '../state.ts';
import { mustHave } from '../state.ts';
import type { TaskCost } from './balance.ts';
import { ownBytesAt, sharedBytes, upBytesOf, workOf } from './estimate.ts';
import type { FetchOption, Option, Policy } from './policy.ts';
import type { Round } from './round.ts';
import { WaitingJobs } from './waiting-jobs.ts';

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

const none: Jobs = [];

/** Of nodes that would have to fetch a program: see `FetchOption`. */
type Fetcher = Pick<FetchOption, 'isStaged' | 'isBeside'>;

/** What is known of a site, as long as nothing is given there and the next task of no job brings fewer bytes. */
interface Known {
  readonly held: Map<JobRecord, boolean>;
  /** Of these jobs, those that are not held. */
  readonly unheld: Map<Jobs, Jobs>;
  /** Of those, what idle slots may be asked for, and what may be staged; as long as nothing is given at sites alike. */
  idle: Map<Jobs, WaitingJobs> | undefined;
  staged: Map<Jobs, WaitingJobs> | undefined;
  givenAlike: number;
}

export class SiteHolds {
  readonly #round: Round;
  readonly #policy: Policy;
  /** Known until the next task of one of them costs something else. */
  readonly #askers = new Map<Jobs, Askers>();
  /** By number of the site; and for as long, whether all that wait are held there, as at most sites. */
  readonly #known = new Map<number, Known>();
  readonly #holdsAll = new Map<number, boolean>();
  // By number of the site and kind of nodes, the jobs that these may fetch a program for: known as long as
  // nothing is given, since what is given anywhere does a part of them.
  readonly #fetchable = new Map<number, Map<Jobs, WaitingJobs>>();

  constructor(round: Round, policy: Policy) {
    this.#round = round;
    this.#policy = policy;
  }

  /**
   * Of the jobs those that the node may be asked for first: those that it has the program of, or that have none,
   * with those that are worth another one beside these. Where the policy holds none for lack of a program: all.
   */
  unheld(jobs: Jobs, node: NodeRecord): Jobs {
    const { holdsSite, holdsFetch } = this.#policy;
    const site = siteOf(this.#round.state, node);
    if (holdsFetch === undefined) {
      return holdsSite === undefined ? jobs : this.#unheldAt(this.#askersOf(jobs).all, site);
    }
    const { withProgram, withoutProgram } = this.#askersOf(jobs);
    if (withProgram.length === 0) return this.#openTo(node, withoutProgram);
    const here = this.#fetchedOf(jobs, node);
    if (here.length === 0 && this.#unheldAt(withoutProgram, site).length === 0) return none;
    const open = this.#openTo(node, withoutProgram);
    const beside = this.#lackedBy(node, { jobs, isBeside: true });
    if (here.length === 0 && beside.length === 0) return open;
    return [...here, ...open].sort((one, other) => one.number - other.number).concat(beside);
  }

  /** Those that the node may be asked for when it takes nothing of the others. */
  unheldElse(jobs: Jobs, node: NodeRecord): Jobs {
    return this.#policy.holdsFetch === undefined
      ? none
      : this.#lackedBy(node, { jobs, isBeside: false });
  }

  /** Those that it may fetch a program for. */
  #lackedBy(
    node: NodeRecord,
    { jobs, isBeside }: { readonly jobs: Jobs; readonly isBeside: boolean },
  ): Jobs {
    if (this.#askersOf(jobs).withProgram.length === 0) return none;
    const isStaged = this.#round.isStaged(node);
    const fetched = this.#mayFetch(jobs, node.siteNumber, { isStaged, isBeside });
    const those = fetched.ofAny ?? fetched.of(this.#busySeconds(node, isStaged));
    // Asked of each free slot: where there is nothing to add no list is made.
    if (those.length === 0) return those;
    return those.filter((job) => !this.#round.hasShared(node, job));
  }

  /** For how long all slots of the node have something to do. */
  #busySeconds(node: NodeRecord, isStaged: boolean): number {
    return isStaged ? this.#round.freeIn(node) : 0;
  }

  /** Those that are not held and that the node has the program of. */
  #fetchedOf(jobs: Jobs, node: NodeRecord): JobRecord[] {
    const site = siteOf(this.#round.state, node);
    const here: JobRecord[] = [];
    for (const number of this.#round.programsOf(node)) {
      const job = this.#round.state.jobs.get(number);
      if (job === undefined || !this.#isAmong(jobs, job)) continue;
      if (this.#round.hasShared(node, job) && !this.#isHeld(job, site)) here.push(job);
    }
    return here;
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

  /** Of jobs without a program those that the node may be asked for. */
  #openTo(node: NodeRecord, askers: Jobs): Jobs {
    const isStaged = this.#round.isStaged(node);
    const site = siteOf(this.#round.state, node);
    const known = this.#knownOf(site.number);
    const givenAlike = this.#round.givenAlike(site);
    if (known.givenAlike !== givenAlike) {
      known.idle = undefined;
      known.staged = undefined;
      known.givenAlike = givenAlike;
    }
    const open = isStaged ? (known.staged ??= new Map()) : (known.idle ??= new Map());
    let waiting = open.get(askers);
    if (waiting === undefined) {
      const secondsOf = (job: JobRecord): number => this.#leastBusy(job, site, isStaged);
      waiting = new WaitingJobs(this.#unheldAt(askers, site), secondsOf);
      open.set(askers, waiting);
    }
    return waiting.ofAny ?? waiting.of(this.#busySeconds(node, isStaged));
  }

  #unheldAt(askers: Jobs, site: SiteRecord): Jobs {
    const { unheld } = this.#knownOf(site.number);
    const known = unheld.get(askers);
    if (known !== undefined) return known;
    const fresh = askers.filter((job) => !this.#isHeld(job, site));
    unheld.set(askers, fresh);
    return fresh;
  }

  #mayFetch(jobs: Jobs, siteNumber: number, fetcher: Fetcher): WaitingJobs {
    const { isStaged, isBeside } = fetcher;
    const key = 4 * siteNumber + (isStaged ? 2 : 0) + (isBeside ? 1 : 0);
    let known = this.#fetchable.get(key);
    if (known === undefined) {
      known = new Map();
      this.#fetchable.set(key, known);
    }
    const found = known.get(jobs);
    if (found !== undefined) return found;
    const site = mustHave(this.#round.state.sites[siteNumber], 'site', siteNumber);
    const load = this.#round.load(site);
    const unheld = this.#askersOf(jobs).withProgram.filter(
      (job) =>
        this.#policy.holdsFetch?.({ job, site, load, isStaged, isBeside }, this.#round) !== true &&
        !this.#isHeld(job, site),
    );
    const fresh = new WaitingJobs(unheld, (job) => this.#leastBusy(job, site, isStaged));
    known.set(jobs, fresh);
    return fresh;
  }

  #leastBusy(job: JobRecord, site: SiteRecord, isStaged: boolean): number {
    const cost = costAnywhere(job, this.#round.nextTask(job));
    if (cost === null) return 0;
    const load = this.#round.load(site);
    return this.#policy.leastBusy?.({ job, site, load, cost, isStaged }, this.#round) ?? 0;
  }

  /** Whether it holds all jobs whose turn may come in this round. */
  holdsAll(siteNumber: number): boolean {
    if (this.#policy.holdsSite === undefined) return false;
    const known = this.#holdsAll.get(siteNumber);
    if (known !== undefined) return known;
    const holdsAll = this.#isAllHeld(siteNumber);
    this.#holdsAll.set(siteNumber, holdsAll);
    return holdsAll;
  }

  #isAllHeld(siteNumber: number): boolean {
    const { state, turns } = this.#round;
    const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
    // What has no turn any more gets none later in the round.
    return turns.groups.every((jobs) =>
      this.#askersOf(jobs).all.every((job) => this.#policyHolds(job, site)),
    );
  }

  /** The option's task was given; its job's next one is known. */
  given({ job, taskIndex, site }: Option): void {
    const { taskInputBytes } = job.template;
    const next = this.#round.nextTask(job);
    const isAlike = next !== null && taskInputBytes[next] === taskInputBytes[taskIndex];
    if (!isAlike) this.#askers.clear();
    if (next !== null && !isAlike) {
      this.#known.clear();
      this.#holdsAll.clear();
    } else {
      this.#known.delete(site.number);
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
    if (this.#policy.holdsSite === undefined) return false;
    const { held } = this.#knownOf(site.number);
    const known = held.get(job);
    if (known !== undefined) return known;
    const isHeld = this.#policyHolds(job, site);
    held.set(job, isHeld);
    return isHeld;
  }

  #policyHolds(job: JobRecord, site: SiteRecord): boolean {
    const cost = costAnywhere(job, this.#round.nextTask(job));
    if (cost === null) return false;
    const load = this.#round.load(site);
    return this.#policy.holdsSite?.({ job, site, load, cost }, this.#round) === true;
  }

  #knownOf(siteNumber: number): Known {
    const known = this.#known.get(siteNumber);
    if (known !== undefined) return known;
    const fresh: Known = {
      held: new Map(),
      unheld: new Map(),
      idle: undefined,
      staged: undefined,
      givenAlike: 0,
    };
    this.#known.set(siteNumber, fresh);
    return fresh;
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
