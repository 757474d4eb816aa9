// Where replicas of services go: to the site with the fewest of the same service, there to the node
// with the fewest, and of those that are alike to where services then take the smallest part of what
// the site has. Whatever the policy: a service is spread so that no one line or plug ends it.

import { taskState } from '../columns.ts';
import { siteOf } from '../leases.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { addRates, asOf, isResting, ratesOf } from '../services.ts';
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

interface Place {
  readonly node: NodeRecord;
  readonly atSite: number;
  readonly onNode: number;
  readonly part: number;
}

/** Places the replicas of services in one round. */
export class Spread {
  readonly #round: Round;
  readonly #nodes: readonly NodeRecord[];
  readonly #services = new Map<number, Spreading>();

  constructor(round: Round, nodes: readonly NodeRecord[]) {
    this.#round = round;
    this.#nodes = nodes;
  }

  /** Gives a place to a replica of one of these jobs; false: none of them wants one that there is. */
  placeOne(jobs: readonly JobRecord[]): boolean {
    for (const job of jobs) {
      if (job.replicas === null) continue;
      const service = this.#services.get(job.number) ?? spreadingOf(this.#round.state, job);
      this.#services.set(job.number, service);
      const stuck = new Set<JobTemplate>();
      for (const taskIndex of service.waiting) {
        const own = asOf(job, taskIndex);
        // Replicas of one revision are alike.
        if (stuck.has(own.template)) continue;
        const place = this.#bestFor(own, service);
        if (place !== null) return this.#give(own, { taskIndex, service, place });
        stuck.add(own.template);
      }
    }
    return false;
  }

  #bestFor(job: JobRecord, service: Spreading): Place | null {
    const round = this.#round;
    let best: Place | null = null;
    for (const node of this.#nodes) {
      if (!round.hasPlace(node)) continue;
      const site = siteOf(round.state, node);
      const place = {
        node,
        atSite: service.perSite.get(site.number) ?? 0,
        onNode: service.perNode.get(node.number) ?? 0,
        part: partOf(site, addRates(round.ratesAt(site), ratesOf(job.template, node), 1)),
      };
      if (best !== null && !isBetter(place, best)) continue;
      if (round.refuse(job, node) === null) best = place;
    }
    return best;
  }

  #give(
    job: JobRecord,
    what: { readonly taskIndex: number; readonly service: Spreading; readonly place: Place },
  ): true {
    const { taskIndex, service, place } = what;
    const { node, atSite, onNode } = place;
    const option = this.#round.optionOf(job, taskIndex, node);
    this.#round.give({ option, reason: reasonCodes.spread, figures: [atSite, onNode] });
    service.waiting.delete(taskIndex);
    add(service.perSite, node.siteNumber);
    add(service.perNode, node.number);
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

function isBetter(one: Place, other: Place): boolean {
  if (one.atSite !== other.atSite) return one.atSite < other.atSite;
  if (one.onNode !== other.onNode) return one.onNode < other.onNode;
  if (one.part !== other.part) return one.part < other.part;
  return one.node.number < other.node.number;
}
