// Fills free slots. Only nodes where something changed are looked at; each takes one task in turn,
// idle slots of all of them before a second lease for any slot that is busy.

import { taskState } from '../columns.ts';
import type { Decision } from '../decision.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { cancelWaiting } from '../dependencies.ts';
import { isOpen, siteOf, slotLeases, slotsOf } from '../leases.ts';
import { endedJobsKept, leasesPerSlot } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { leaseId } from '../model/ids.ts';
import { Turns } from '../queue/turns.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { grantTransfers } from '../transfers/grant.ts';
import { grantBackups } from './backups.ts';
import type { Balance, TaskCost } from './balance.ts';
import { balanceWith } from './balance.ts';
import { downBytesOf, loadOf, upBytesOf, workOf } from './estimate.ts';
import { refuseNode } from './filter.ts';
import { refuseHours } from './hours-left.ts';
import { reasonCodes } from './reasons.ts';

/** Grants leases and transfers for all that changed, and ends jobs whose tasks all have. */
export function place(state: State, now: Instant): Decision {
  const ended = endJobs(state, now);
  const transfers = grantTransfers(state, now);
  const slots = fillSlots(state, now);
  // What nobody waits for is offered to the tails of jobs.
  const leases = slots.facts.length > 0 ? slots : grantBackups(state, now);
  const facts = [...leases.facts, ...transfers.facts];
  const isQuiet = state.nodesToPlace.size + state.sitesToGrant.size + state.jobsToCheck.size === 0;
  if (!isQuiet) facts.push({ kind: 'placementSettled' });
  // After that: a job that waited for one of these may start, and nodes are looked at once more.
  facts.push(...ended.facts);
  const effects = [...ended.effects, ...leases.effects, ...transfers.effects];
  return { facts, effects, answer: { kind: 'done' } };
}

interface Part {
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
}

function endJobs(state: State, now: Instant): Part {
  const facts: Fact[] = [];
  const effects: Effect[] = [];
  for (const jobNumber of state.jobsToCheck) {
    const job = state.jobs.get(jobNumber);
    if (job === undefined || job.state !== 'active' || job.waiting + job.leased > 0) continue;
    const end = job.failed > 0 ? 'failed' : 'succeeded';
    facts.push({ kind: 'jobEnded', at: now, jobNumber, state: end });
    effects.push({ kind: 'jobChanged', jobId: job.jobId });
    if (end === 'succeeded') continue;
    const others = cancelWaiting(state, job, { as: end, now });
    facts.push(...others.facts);
    effects.push(...others.effects);
  }
  let surplus = state.endedJobs.size - endedJobsKept;
  for (const jobNumber of state.endedJobs) {
    if (surplus <= 0) break;
    facts.push({ kind: 'jobForgotten', at: now, jobNumber });
    surplus -= 1;
  }
  return { facts, effects };
}

function fillSlots(state: State, now: Instant): Part {
  const isIdle = state.waitingJobs.size === 0 || state.nodesToPlace.size === 0;
  return isIdle ? { facts: [], effects: [] } : new Placement(state, now).run();
}

interface Choice {
  readonly job: JobRecord;
  readonly taskIndex: number;
  readonly balance: Balance;
  /** No other job of its group had a task for the node. */
  readonly isOnly: boolean;
}

/** One round of filling free slots; remembers what it has given away, since nothing is applied yet. */
class Placement {
  readonly #state: State;
  readonly #now: Instant;
  readonly #rows: number[] = [];
  readonly #effects: Effect[] = [];
  readonly #added = new Map<number, number>();
  readonly #work = new Map<number, number>();
  readonly #loads = new Map<number, { work: number; down: number; up: number }>();
  readonly #cursors = new Map<number, number>();
  readonly #taken = new Map<number, number>();
  readonly #jobsOnNode = new Set<string>();
  readonly #turns: Turns;

  constructor(state: State, now: Instant) {
    this.#state = state;
    this.#now = now;
    this.#turns = new Turns(state, now);
  }

  run(): Part {
    const state = this.#state;
    const nodes: NodeRecord[] = [];
    for (const number of state.nodesToPlace) {
      const node = mustHave(state.nodes[number], `node ${number}`);
      if (isOpen(node)) nodes.push(node);
    }
    for (let perSlot = 1; perSlot <= leasesPerSlot; perSlot += 1) this.#fill(nodes, perSlot);
    if (this.#rows.length === 0) return { facts: [], effects: [] };
    const firstLeaseId = leaseId(state.nextLeaseId);
    const fact: Fact = { kind: 'tasksLeased', at: this.#now, firstLeaseId, rows: this.#rows };
    return { facts: [fact], effects: this.#effects };
  }

  /** Rounds over the nodes, one task each, until nobody takes another. */
  #fill(nodes: readonly NodeRecord[], perSlot: number): void {
    let round = nodes;
    while (round.length > 0) {
      const willing: NodeRecord[] = [];
      for (const node of round) {
        const held = slotLeases(node) + (this.#added.get(node.number) ?? 0);
        if (held < perSlot * slotsOf(node) && this.#placeOn(node)) willing.push(node);
      }
      round = willing;
    }
  }

  /** A task of the first group of jobs, in the order of their turn, that has one for the node. */
  #placeOn(node: NodeRecord): boolean {
    const site = siteOf(this.#state, node);
    for (const jobs of this.#turns.groups()) {
      const choice = this.#choose(node, site, jobs);
      if (choice === null) continue;
      this.#give(node, site, choice);
      return true;
    }
    return false;
  }

  #choose(node: NodeRecord, site: SiteRecord, jobs: readonly JobRecord[]): Choice | null {
    let best: Omit<Choice, 'isOnly'> | null = null;
    let kinds = 0;
    for (const job of jobs) {
      const taskIndex = this.#nextTask(job);
      if (taskIndex === null || this.#refuses(node, job)) continue;
      const load = loadOf(site, this.#loads.get(site.number));
      const balance = balanceWith(load, this.#costOf(node, job, taskIndex));
      if (balance === null) continue;
      kinds += 1;
      if (best === null || balance.imbalance < best.balance.imbalance) {
        best = { job, taskIndex, balance };
      }
    }
    return best === null ? null : { ...best, isOnly: kinds === 1 };
  }

  /** With what this round has given to the node already. */
  #refuses(node: NodeRecord, job: JobRecord): boolean {
    if (refuseNode(job, node, this.#now) !== null) return true;
    const leases = this.#added.get(node.number) ?? 0;
    const given = { leases, workGhzSeconds: this.#work.get(node.number) ?? 0 };
    return leases > 0 && refuseHours(job, node, { now: this.#now, given }) !== null;
  }

  #costOf(node: NodeRecord, job: JobRecord, taskIndex: number): TaskCost {
    return {
      workGhzSeconds: workOf(job),
      downBits: 8 * this.#downBytes(job, taskIndex, node),
      upBits: 8 * upBytesOf(job),
    };
  }

  /** The job's shared blobs count once for each node, in this round too. */
  #downBytes(job: JobRecord, taskIndex: number, node: NodeRecord): number {
    const isSeen = this.#jobsOnNode.has(`${job.number} ${node.number}`);
    if (isSeen) return job.template.taskInputBytes[taskIndex] ?? 0;
    return downBytesOf(job, taskIndex, node);
  }

  #give(node: NodeRecord, site: SiteRecord, choice: Choice): void {
    const { job, taskIndex, balance } = choice;
    const cost = this.#costOf(node, job, taskIndex);
    const load = this.#loads.get(site.number) ?? { work: 0, down: 0, up: 0 };
    load.work += cost.workGhzSeconds;
    load.down += cost.downBits / 8;
    load.up += cost.upBits / 8;
    this.#loads.set(site.number, load);
    const { workGhzSeconds, downBits, upBits } = cost;
    this.#turns.give(job, { workGhzSeconds, bits: downBits + upBits });
    this.#jobsOnNode.add(`${job.number} ${node.number}`);
    const id = leaseId(this.#state.nextLeaseId + this.#effects.length);
    this.#rows.push(
      job.number,
      taskIndex,
      node.number,
      choice.isOnly ? reasonCodes.onlyKind : reasonCodes.balance,
      rounded(balance.cpuSeconds),
      rounded(balance.linkSeconds),
    );
    const { nodeId } = node;
    this.#effects.push({ kind: 'grant', nodeId, leaseId: id, jobId: job.jobId, taskIndex });
    this.#work.set(node.number, (this.#work.get(node.number) ?? 0) + workGhzSeconds);
    this.#added.set(node.number, (this.#added.get(node.number) ?? 0) + 1);
    this.#cursors.set(job.number, taskIndex + 1);
    this.#taken.set(job.number, (this.#taken.get(job.number) ?? 0) + 1);
  }

  /** The job's first waiting task that this round has not given away. */
  #nextTask(job: JobRecord): number | null {
    if ((this.#taken.get(job.number) ?? 0) >= job.waiting) return null;
    let index = this.#cursors.get(job.number) ?? job.cursor;
    while (index < job.template.taskCount && taskState(job.tasks, index) !== 'waiting') index += 1;
    this.#cursors.set(job.number, index);
    return index < job.template.taskCount ? index : null;
  }
}

/** Two digits after the point are enough for a reason, and short in the journal. */
function rounded(seconds: number): number {
  return Math.round(100 * seconds) / 100;
}
