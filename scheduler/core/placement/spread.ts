// Where replicas of services go: to the site with the fewest of the same service, of those alike to the
// one where services take the smallest part of what it has, and there to the node with the fewest.
// Whatever the policy: a service is spread so that no one line or plug ends it.

import { taskState } from '../columns.ts';
import { siteOf } from '../leases.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { asOf, isResting } from '../services.ts';
import type { JobTemplate } from '../model/job.ts';
import type { Rates } from '../model/service.ts';
import { reasonCodes } from './reasons.ts';
import type { Round } from './round.ts';
import type { Occasion } from './search.ts';
import { fastestFirst } from './search.ts';

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
  readonly #occasion: Occasion;
  /** With nodes that may have a place; made when the first replica wants one. */
  #sites: ReadonlyMap<SiteRecord, readonly NodeRecord[]> | undefined;
  readonly #services = new Map<number, Spreading>();
  /** Sites without a place for replicas of this template, in the pass with so many leases a slot:
   * places only become fewer. */
  readonly #full = new Map<JobTemplate, Set<SiteRecord>>();
  /** Services of which no replica finds a place in this pass. */
  readonly #stuck = new Set<JobRecord>();
  /** Of groups of jobs, those that are services: each node asks for them, and most groups have none. */
  readonly #servicesOf = new Map<readonly JobRecord[], readonly JobRecord[]>();
  #perSlot = 0;

  constructor(round: Round, occasion: Occasion) {
    this.#round = round;
    this.#occasion = occasion;
  }

  /** Whether the job is a service with a replica that may find a place. */
  wants(job: JobRecord): boolean {
    if (job.replicas === null || !this.#round.turns.mayHave(job)) return false;
    this.#enterPass();
    return !this.#stuck.has(job) && this.#spreadingOf(job).waiting.size > 0;
  }

  /** Gives a place to a replica of one of these jobs; false: none of them wants one that there is. */
  placeOne(jobs: readonly JobRecord[]): boolean {
    for (const job of this.#servicesAmong(jobs)) {
      if (!this.wants(job)) continue;
      const service = this.#spreadingOf(job);
      for (const taskIndex of service.waiting) {
        const own = asOf(job, taskIndex);
        const node = this.#nodeFor(own, service);
        if (node !== null) return this.#give(own, { taskIndex, service, node });
      }
      this.#stuck.add(job);
    }
    return false;
  }

  #servicesAmong(jobs: readonly JobRecord[]): readonly JobRecord[] {
    const known = this.#servicesOf.get(jobs);
    if (known !== undefined) return known;
    const services = jobs.filter(({ replicas }) => replicas !== null);
    this.#servicesOf.set(jobs, services);
    return services;
  }

  #enterPass(): void {
    if (this.#perSlot === this.#round.perSlot) return;
    this.#perSlot = this.#round.perSlot;
    this.#full.clear();
    this.#stuck.clear();
  }

  #spreadingOf(job: JobRecord): Spreading {
    const known = this.#services.get(job.number);
    if (known !== undefined) return known;
    const fresh = spreadingOf(this.#round.state, job);
    this.#services.set(job.number, fresh);
    return fresh;
  }

  #nodeFor(job: JobRecord, service: Spreading): NodeRecord | null {
    const full = this.#full.get(job.template) ?? new Set();
    this.#full.set(job.template, full);
    const sites = this.#sitesHere();
    while (full.size < sites.size) {
      const site = this.#bestSite(service, full);
      const node = site === null ? null : this.#bestNode(job, service, site);
      if (site === null || node !== null) return node;
      full.add(site);
    }
    return null;
  }

  #sitesHere(): ReadonlyMap<SiteRecord, readonly NodeRecord[]> {
    this.#sites ??= bySite(this.#round.state, nodesFor(this.#round.state, this.#occasion));
    return this.#sites;
  }

  /** The one with the fewest, and of those alike where services take the smallest part. */
  #bestSite({ perSite }: Spreading, full: ReadonlySet<SiteRecord>): SiteRecord | null {
    let best: SiteRecord | null = null;
    let [fewest, least] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (const site of this.#sitesHere().keys()) {
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
    for (const node of this.#sitesHere().get(site) ?? []) {
      const count = perNode.get(node.number) ?? 0;
      if (count >= fewest || !this.#round.hasPlace(node.number)) continue;
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

/** A new service may go anywhere, one that has been looked for before only to what has changed. */
function nodesFor(state: State, { changed, fresh }: Occasion): Iterable<number> {
  if (fresh.some((job) => job.replicas !== null)) return state.openNodes.all();
  return fastestFirst(state, changed);
}

function bySite(
  state: State,
  nodeNumbers: Iterable<number>,
): ReadonlyMap<SiteRecord, readonly NodeRecord[]> {
  const sites = new Map<SiteRecord, NodeRecord[]>();
  for (const number of nodeNumbers) {
    const node = mustHave(state.nodes[number], 'node', number);
    const site = siteOf(state, node);
    const here = sites.get(site);
    if (here === undefined) sites.set(site, [node]);
    else here.push(node);
  }
  return sites;
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
