// Which jobs a policy holds at a whole site: asked once for all its nodes, of which most are refused
// again and again while their line is busy.

import { siteOf } from '../leases.ts';
import type { JobRecord, NodeRecord, SiteRecord } from '../state.ts';
import { mustHave } from '../state.ts';
import type { TaskCost } from './balance.ts';
import { upBytesOf, workOf } from './estimate.ts';
import type { Option, Policy } from './policy.ts';
import type { Round } from './round.ts';

type Jobs = readonly JobRecord[];

/** A job that has a task, and what this would cost wherever its program is; null: no site holds it. */
interface Asker {
  readonly job: JobRecord;
  readonly cost: TaskCost | null;
}

type Fetchable = Map<number, Map<Jobs, ReadonlySet<JobRecord>>>;

export class SiteHolds {
  readonly #round: Round;
  readonly #policy: Policy;
  /** Known until the next task of one of the jobs costs something else. */
  readonly #askers = new Map<Jobs, readonly Asker[]>();
  // By number of the site, known as long as nothing is given there, and the next task of no job brings
  // fewer bytes: of the jobs asked for those that are not held, and whether all that wait are.
  readonly #unheld = new Map<number, Map<Jobs, Jobs>>();
  readonly #holdsAll = new Map<number, boolean>();
  // By number of the site, of jobs that are not held there those that nodes may fetch a program for, with a
  // free slot and without: known as long as nothing is given, since what is given anywhere does a part of them.
  readonly #idleFetch: Fetchable = new Map();
  readonly #stagedFetch: Fetchable = new Map();

  constructor(round: Round, policy: Policy) {
    this.#round = round;
    this.#policy = policy;
  }

  /** Of the jobs those that the node may be asked for, the ones that it has the program of first where
   * the policy holds others for lack of it. */
  unheld(jobs: Jobs, node: NodeRecord): Jobs {
    const site = siteOf(this.#round.state, node);
    const unheld = this.#unheldAt(jobs, site);
    if (this.#policy.holdsFetch === undefined || unheld.length === 0) return unheld;
    const here: JobRecord[] = [];
    const rest: JobRecord[] = [];
    const mayFetch = this.#fetchable(unheld, site, this.#round.isStaged(node));
    for (const job of unheld) {
      if (this.#round.hasShared(node, job)) here.push(job);
      else if (mayFetch.has(job)) rest.push(job);
    }
    return rest.length === 0 ? here : [...here, ...rest];
  }

  #unheldAt(jobs: Jobs, site: SiteRecord): Jobs {
    if (this.#policy.holdsSite === undefined) return jobs;
    let here = this.#unheld.get(site.number);
    if (here === undefined) {
      here = new Map();
      this.#unheld.set(site.number, here);
    }
    const known = here.get(jobs);
    if (known !== undefined) return known;
    const fresh = this.#askersOf(jobs)
      .filter((asker) => !this.#isHeld(asker, site))
      .map(({ job }) => job);
    here.set(jobs, fresh);
    return fresh;
  }

  #fetchable(jobs: Jobs, site: SiteRecord, isStaged: boolean): ReadonlySet<JobRecord> {
    const known = isStaged ? this.#stagedFetch : this.#idleFetch;
    let here = known.get(site.number);
    if (here === undefined) {
      here = new Map();
      known.set(site.number, here);
    }
    const found = here.get(jobs);
    if (found !== undefined) return found;
    const load = this.#round.load(site);
    const fresh = new Set(
      jobs.filter(
        (job) => this.#policy.holdsFetch?.({ job, site, load, isStaged }, this.#round) !== true,
      ),
    );
    here.set(jobs, fresh);
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
    const holdsAll = turns.groups.every((jobs) => this.#unheldAt(jobs, site).length === 0);
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
      this.#unheld.clear();
      this.#holdsAll.clear();
    } else {
      this.#unheld.delete(site.number);
      this.#holdsAll.delete(site.number);
    }
    this.#idleFetch.clear();
    this.#stagedFetch.clear();
  }

  #askersOf(jobs: Jobs): readonly Asker[] {
    const known = this.#askers.get(jobs);
    if (known !== undefined) return known;
    const fresh: Asker[] = [];
    for (const job of jobs) {
      const taskIndex = this.#round.nextTask(job);
      if (taskIndex !== null) fresh.push({ job, cost: costAnywhere(job, taskIndex) });
    }
    this.#askers.set(jobs, fresh);
    return fresh;
  }

  #isHeld({ job, cost }: Asker, site: SiteRecord): boolean {
    if (cost === null) return false;
    const option = { job, site, load: this.#round.load(site), cost };
    return this.#policy.holdsSite?.(option, this.#round) === true;
  }
}

function costAnywhere(job: JobRecord, taskIndex: number): TaskCost | null {
  // Another task of the job may suit a node better; and services are not the policy's.
  if (job.template.keepsCheckpoint === true || job.replicas !== null) return null;
  const downBits = 8 * (job.template.taskInputBytes[taskIndex] ?? 0);
  return { workGhzSeconds: workOf(job), downBits, upBits: 8 * upBytesOf(job) };
}
