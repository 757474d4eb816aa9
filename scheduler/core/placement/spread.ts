// Where replicas of services go: to the site with the fewest of the same service, of those alike to the
// one where services take the smallest part of what it has, and there to the node with the fewest.
// Whatever the policy: a service is spread so that no one line or plug ends it.

import { taskState } from '../columns.ts';
import { siteOf } from '../leases.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { asOf, isResting } from '../services.ts';
import type { JobTemplate } from '../model/job.ts';
import type { Rates } from '../model/service.ts';
import { reasonCodes } from './reasons.ts';
import type { Round } from './round.ts';

/** Where the replicas of one service are, with those that this round has placed. */
interface Spreading {
  readonly perSite: Map<number, number>;
  readonly perNode: Map<number, number>;
  /** Indexes of the replicas that still want a place. */
  readonly waiting: Set<number>;
}

/** Places the replicas of services in one round. */
export class Spread {
  readonly #round: Round;
  readonly #sites = new Map<SiteRecord, NodeRecord[]>();
  readonly #services = new Map<number, Spreading>();
  /** Sites without a place for replicas of this template, in the pass with so many leases a slot:
   * places only become fewer. */
  readonly #full = new Map<JobTemplate, Set<SiteRecord>>();
  #perSlot = 0;

  constructor(round: Round, nodes: readonly NodeRecord[]) {
    this.#round = round;
    for (const node of nodes) {
      const site = siteOf(round.state, node);
      const here = this.#sites.get(site);
      if (here === undefined) this.#sites.set(site, [node]);
      else here.push(node);
    }
  }

  /** Gives a place to a replica of one of these jobs; false: none of them wants one that there is. */
  placeOne(jobs: readonly JobRecord[]): boolean {
    if (this.#perSlot !== this.#round.perSlot) this.#full.clear();
    this.#perSlot = this.#round.perSlot;
    for (const job of jobs) {
      if (job.replicas === null) continue;
      const service = this.#services.get(job.number) ?? spreadingOf(this.#round.state, job);
      this.#services.set(job.number, service);
      for (const taskIndex of service.waiting) {
        const own = asOf(job, taskIndex);
        const node = this.#nodeFor(own, service);
        if (node !== null) return this.#give(own, { taskIndex, service, node });
      }
    }
    return false;
  }

  #nodeFor(job: JobRecord, service: Spreading): NodeRecord | null {
    const full = this.#full.get(job.template) ?? new Set();
    this.#full.set(job.template, full);
    while (full.size < this.#sites.size) {
      const site = this.#bestSite(service, full);
      const node = site === null ? null : this.#bestNode(job, service, site);
      if (site === null || node !== null) return node;
      full.add(site);
    }
    return null;
  }

  /** The one with the fewest, and of those alike where services take the smallest part. */
  #bestSite({ perSite }: Spreading, full: ReadonlySet<SiteRecord>): SiteRecord | null {
    let best: SiteRecord | null = null;
    let [fewest, least] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (const site of this.#sites.keys()) {
      const count = perSite.get(site.number) ?? 0;
      if (full.has(site) || count > fewest) continue;
      const part = partOf(site, this.#round.ratesAt(site));
      if (count === fewest && part >= least) continue;
      [best, fewest, least] = [site, count, part];
    }
    return best;
  }

  #bestNode(job: JobRecord, { perNode }: Spreading, site: SiteRecord): NodeRecord | null {
    let best: NodeRecord | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    for (const node of this.#sites.get(site) ?? []) {
      const count = perNode.get(node.number) ?? 0;
      if (count >= fewest || !this.#round.hasPlace(node)) continue;
      if (this.#round.refuse(job, node) === null) [best, fewest] = [node, count];
    }
    return best;
  }

  #give(
    job: JobRecord,
    what: { readonly taskIndex: number; readonly service: Spreading; readonly node: NodeRecord },
  ): true {
    const { taskIndex, service, node } = what;
    const { perSite, perNode, waiting } = service;
    const option = this.#round.optionOf(job, taskIndex, node);
    const figures = [perSite.get(node.siteNumber) ?? 0, perNode.get(node.number) ?? 0] as const;
    this.#round.give({ option, reason: reasonCodes.spread, figures });
    waiting.delete(taskIndex);
    add(perSite, node.siteNumber);
    add(perNode, node.number);
    return true;
  }
}

function spreadingOf(state: State, job: JobRecord): Spreading {
  const perSite = new Map<number, number>();
  const perNode = new Map<number, number>();
  const waiting = new Set<number>();
  for (let index = 0; index < job.template.taskCount; index += 1) {
    const now = taskState(job.tasks, index);
    if (now === 'waiting' && !isResting(job, index)) waiting.add(index);
    const node = now === 'leased' ? state.nodes[job.tasks.node[index] ?? -1] : undefined;
    if (node === undefined) continue;
    add(perSite, node.siteNumber);
    add(perNode, node.number);
  }
  return { perSite, perNode, waiting };
}

function add(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The largest of the parts that services take of its CPUs and of its line, both ways. */
function partOf({ cpuGhz, share, downBps, upBps }: SiteRecord, rates: Rates): number {
  return Math.max(
    rates.cpuGhz / cpuGhz,
    rates.downBps / (share * downBps),
    rates.upBps / (share * upBps),
  );
}
