// Which jobs a policy holds at a whole site: asked once for all its nodes, of which most are refused
// again and again while their line is busy.

import type { JobRecord, SiteRecord } from '../state.ts';
import { mustHave } from '../state.ts';
import { upBytesOf, workOf } from './estimate.ts';
import type { Option, Policy } from './policy.ts';
import type { Round } from './round.ts';

export class SiteHolds {
  readonly #round: Round;
  readonly #policy: Policy;
  // By number of the site, known as long as nothing is given there, and the next task of no job brings
  // fewer bytes: of the jobs asked for those that are not held, and whether all that wait are.
  readonly #unheld = new Map<number, Map<readonly JobRecord[], readonly JobRecord[]>>();
  readonly #holdsAll = new Map<number, boolean>();

  constructor(round: Round, policy: Policy) {
    this.#round = round;
    this.#policy = policy;
  }

  unheld(jobs: readonly JobRecord[], site: SiteRecord): readonly JobRecord[] {
    if (this.#policy.holdsSite === undefined) return jobs;
    let here = this.#unheld.get(site.number);
    if (here === undefined) {
      here = new Map();
      this.#unheld.set(site.number, here);
    }
    const known = here.get(jobs);
    if (known !== undefined) return known;
    const fresh = jobs.filter((job) => !this.#isHeld(job, site));
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
    const holdsAll = turns.groups.every((jobs) => this.unheld(jobs, site).length === 0);
    this.#holdsAll.set(siteNumber, holdsAll);
    return holdsAll;
  }

  /** The option's task was given; its job's next one is known. */
  given({ job, taskIndex, site }: Option): void {
    const { taskInputBytes } = job.template;
    const next = this.#round.nextTask(job);
    if (next !== null && taskInputBytes[next] !== taskInputBytes[taskIndex]) {
      this.#unheld.clear();
      this.#holdsAll.clear();
    } else {
      this.#unheld.delete(site.number);
      this.#holdsAll.delete(site.number);
    }
  }

  #isHeld(job: JobRecord, site: SiteRecord): boolean {
    const taskIndex = this.#round.nextTask(job);
    if (taskIndex === null) return true;
    // Another task of the job may suit a node better; and services are not the policy's.
    if (job.template.keepsCheckpoint === true || job.replicas !== null) return false;
    const downBits = 8 * (job.template.taskInputBytes[taskIndex] ?? 0);
    const cost = { workGhzSeconds: workOf(job), downBits, upBits: 8 * upBytesOf(job) };
    const option = { job, site, load: this.#round.load(site), cost };
    return this.#policy.holdsSite?.(option, this.#round) === true;
  }
}
