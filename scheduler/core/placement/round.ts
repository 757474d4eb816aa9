// One round of filling free slots: what it has given away so far, since nothing of it is applied
// yet, and what is left to give.

import { taskState } from '../columns.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { placesOf, siteOf, slotLeases } from '../leases.ts';
import { checkpointsLookedAt } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { leaseId } from '../model/ids.ts';
import { Turns } from '../queue/turns.ts';
import type { Rates } from '../model/service.ts';
import { addRates, claimOf, ratesOf, templateOf } from '../services.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { balanceWith } from './balance.ts';
import { draw } from './draw.ts';
import { downBytesOf, loadOf, nothingMore, underWay, upBytesOf, workOf } from './estimate.ts';
import type { More } from './estimate.ts';
import { refuseNode, refuseRates } from './filter.ts';
import type { Refusal } from './filter.ts';
import { refuseHours } from './hours-left.ts';
import { cellOf, fitsNowhere } from './plan/plan.ts';
import type { Plan } from './plan/plan.ts';
import { freeIn, resultsOf, waitBehind } from './plan/slots-ahead.ts';
import type { MoreWork, Result } from './plan/slots-ahead.ts';
import { readyIn } from './plan/tail.ts';
import { isPiloted } from './pilots.ts';
import type { NodeUse, Option, Pick, Policy, RoundView } from './policy.ts';

/** Tasks; a solver's crumbs are less. */
const leastShare = 1e-6;

interface NodeGifts {
  /** Jobs that it has a task of. */
  readonly jobs: Set<number>;
  leases: number;
  /** Of them, those of services. */
  serving: number;
  work: number;
  readonly works: MoreWork[];
  memoryBytes: number;
}

export class Round implements RoundView {
  readonly state: State;
  readonly now: Instant;
  readonly turns: Turns;
  /** Leases that a slot may hold in this pass. */
  perSlot = 1;
  readonly #policy: Policy;
  readonly #rows: number[] = [];
  readonly #effects: Effect[] = [];
  readonly #nodes = new Map<number, NodeGifts>();
  readonly #freeIn = new Map<number, number>();
  readonly #results = new Map<number, readonly Result[]>();
  readonly #sites = new Map<number, More>();
  /** Nodes of the tasks given, of jobs that nobody knows. */
  readonly #pilots = new Map<number, NodeRecord[]>();
  readonly #cursors = new Map<number, number>();
  readonly #taken = new Map<number, number>();
  /** Leases by place in the plan. */
  readonly #planned = new Map<number, number>();
  /** Of the classes that wait, the least progress in a group. */
  readonly #leastPlanned = new Map<number, number>();
  #kinds: ReadonlySet<number> | null = null;
  /** Tasks given away beyond their job's cursor. */
  readonly #ahead = new Set<string>();
  #drawn = 0;

  constructor(state: State, { now, policy }: { readonly now: Instant; readonly policy: Policy }) {
    this.state = state;
    this.now = now;
    this.turns = new Turns(state, now);
    this.#policy = policy;
  }

  /** What was given: at most one fact, and an effect for each lease. */
  get given(): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
    if (this.#rows.length === 0) return { facts: [], effects: [] };
    const firstLeaseId = leaseId(this.state.nextLeaseId);
    const fact: Fact = { kind: 'tasksLeased', at: this.now, firstLeaseId, rows: this.#rows };
    return { facts: [fact], effects: this.#effects };
  }

  hasPlace(node: NodeRecord): boolean {
    return placesOf(node, this.perSlot, this.#nodes.get(node.number)) > 0;
  }

  used(node: NodeRecord): NodeUse {
    const gifts = this.#nodes.get(node.number);
    let memoryBytes = gifts?.memoryBytes ?? 0;
    for (const id of node.leases) {
      const lease = mustHave(this.state.leases.get(id), 'lease', id);
      if (lease.phase === 'sending') continue;
      const job = this.state.jobs.get(lease.jobNumber);
      memoryBytes += job === undefined ? 0 : templateOf(job, lease.taskIndex).memoryBytes;
    }
    const leases = slotLeases(node) + (gifts?.leases ?? 0);
    const places = leases + placesOf(node, this.perSlot, gifts);
    return { leases, places, memoryBytes };
  }

  planned({ job, site }: Option): number | null {
    const { plan } = this.state;
    const cell = plan === null ? null : cellOf(plan, job.number, site.number);
    if (plan === null || cell === null) return null;
    return this.#progressOf(plan, cell);
  }

  #progressOf(plan: Plan, cell: number): number {
    const share = plan.shares[cell] ?? 0;
    if (share < leastShare) return Number.POSITIVE_INFINITY;
    const given = (plan.given[cell] ?? 0) + (this.#planned.get(cell) ?? 0);
    return given >= share ? Number.POSITIVE_INFINITY : (given + 0.5) / share;
  }

  leastPlanned({ site }: Option): number {
    const { plan } = this.state;
    const group = plan?.groupOf.get(site.number);
    if (plan === null || group === undefined) return Number.POSITIVE_INFINITY;
    const known = this.#leastPlanned.get(group);
    if (known !== undefined) return known;
    let least = Number.POSITIVE_INFINITY;
    for (const kind of this.#waitingKinds(plan)) {
      least = Math.min(least, this.#progressOf(plan, kind * plan.groups + group));
    }
    this.#leastPlanned.set(group, least);
    return least;
  }

  #waitingKinds(plan: Plan): ReadonlySet<number> {
    if (this.#kinds !== null) return this.#kinds;
    const kinds = new Set<number>();
    for (const job of this.state.waitingJobs) {
      const kind = plan.classOf.get(job);
      if (kind !== undefined && kind !== fitsNowhere) kinds.add(kind);
    }
    this.#kinds = kinds;
    return kinds;
  }

  isStaged(node: NodeRecord): boolean {
    return placesOf(node, 1, this.#nodes.get(node.number)) <= 0;
  }

  *pilots(job: JobRecord): Generator<NodeRecord> {
    for (let index = 0, left = job.leased; left > 0; index += 1) {
      if (taskState(job.tasks, index) !== 'leased') continue;
      left -= 1;
      yield mustHave(this.state.nodes[job.tasks.node[index] ?? -1], 'node of task', index);
    }
    yield* this.#pilots.get(job.number) ?? [];
  }

  freeIn(node: NodeRecord): number {
    const known = this.#freeIn.get(node.number);
    if (known !== undefined) return known;
    const more = this.#moreOf(node);
    const seconds = freeIn(this.state, node, { now: this.now, more })[0] ?? 0;
    this.#freeIn.set(node.number, seconds);
    return seconds;
  }

  resultWaits({ node, site, load, cost }: Option): number {
    const { upBps } = load;
    const readySeconds = readyIn(this.freeIn(node), load, { node, cost });
    return waitBehind(this.#resultsOf(site), { upBps, readySeconds });
  }

  #resultsOf(site: SiteRecord): readonly Result[] {
    const known = this.#results.get(site.number);
    if (known !== undefined) return known;
    const nodes = site.nodeNumbers.map((each) => mustHave(this.state.nodes[each], 'node', each));
    const moreOf = (node: NodeRecord): readonly MoreWork[] => this.#moreOf(node);
    const results = resultsOf(this.state, nodes, { now: this.now, moreOf });
    this.#results.set(site.number, results);
    return results;
  }

  #moreOf(node: NodeRecord): readonly MoreWork[] {
    return this.#nodes.get(node.number)?.works ?? [];
  }

  draw(): number {
    this.#drawn += 1;
    return draw(this.state.nextLeaseId + this.#effects.length, this.#drawn);
  }

  /** One for each of the jobs that has something for the node, services apart. */
  *options(node: NodeRecord, jobs: readonly JobRecord[]): Generator<Option> {
    for (const job of jobs) {
      if (job.replicas !== null) continue;
      const option = this.option(job, node);
      if (option !== null) yield option;
    }
  }

  option(job: JobRecord, node: NodeRecord): Option | null {
    const taskIndex = this.#taskFor(node, job);
    if (taskIndex === null || !this.hasPlace(node) || this.refuse(job, node) !== null) return null;
    const option = this.optionOf(job, taskIndex, node);
    return this.hold(option) === null ? option : null;
  }

  /** Why the policy would rather leave the slot idle; null: it would not. */
  hold(option: Option): Refusal | null {
    return this.#policy.hold(option, this);
  }

  /** Whatever the node or the policy says to it. */
  optionOf(job: JobRecord, taskIndex: number, node: NodeRecord): Option {
    const site = siteOf(this.state, node);
    const load = loadOf(site, this.#sites.get(site.number));
    const downBits = 8 * this.#downBytes(job, taskIndex, node);
    const cost = { workGhzSeconds: workOf(job), downBits, upBits: 8 * upBytesOf(job) };
    return { job, taskIndex, node, site, load, cost };
  }

  /** Why the node does not fit, with what this round has given to it and its site already. */
  refuse(job: JobRecord, node: NodeRecord): Refusal | null {
    const site = siteOf(this.state, node);
    const used = this.ratesAt(site);
    const no = refuseNode(job, node, this.now) ?? refuseRates(job, node, { site, used });
    const gifts = this.#nodes.get(node.number);
    if (no !== null || gifts === undefined) return no;
    const given = { leases: gifts.leases - gifts.serving, workGhzSeconds: gifts.work };
    return refuseHours(job, node, { now: this.now, given });
  }

  /** What services use at the site. */
  ratesAt(site: SiteRecord): Rates {
    const given = this.#sites.get(site.number)?.rates;
    return given === undefined ? site.serving : addRates(site.serving, given, 1);
  }

  /** The job's shared blobs count once for each node, in this round too. */
  #downBytes(job: JobRecord, taskIndex: number, node: NodeRecord): number {
    const isSeen = this.#nodes.get(node.number)?.jobs.has(job.number);
    if (isSeen === true) return job.template.taskInputBytes[taskIndex] ?? 0;
    return downBytesOf(job, taskIndex, node);
  }

  give({ option, reason, figures }: Pick): void {
    const { job, taskIndex, node, site, load, cost } = option;
    const { cpuSeconds, linkSeconds } = balanceWith(load, cost);
    const [first, second] = figures ?? [rounded(cpuSeconds), rounded(linkSeconds)];
    const id = leaseId(this.state.nextLeaseId + this.#effects.length);
    this.#rows.push(job.number, taskIndex, node.number, reason, first, second);
    const { nodeId } = node;
    this.#effects.push({ kind: 'grant', nodeId, leaseId: id, jobId: job.jobId, taskIndex });
    const { workGhzSeconds, downBits, upBits } = cost;
    const downBytes = underWay(downBits / 8);
    const more = this.#sites.get(site.number) ?? nothingMore;
    const rates = ratesOf(job.template, node);
    this.#sites.set(site.number, {
      work: more.work + workGhzSeconds,
      down: more.down + downBytes,
      up: more.up + upBits / 8,
      incoming: more.incoming + (downBytes > 0 ? 1 : 0),
      outgoing: more.outgoing + (upBits > 0 ? 1 : 0),
      rates: addRates(more.rates, rates, 1),
    });
    this.#countPlanned(option);
    if (isPiloted(job)) this.#countPilot(job, node);
    const isService = job.template.service !== null;
    const claim = isService ? claimOf(rates) : { workGhzSeconds, bits: downBits + upBits };
    this.turns.give(job, claim);
    const gifts = this.#nodes.get(node.number) ?? noGifts();
    gifts.jobs.add(job.number);
    gifts.leases += 1;
    if (isService) gifts.serving += 1;
    gifts.works.push({ work: workGhzSeconds, upBits });
    gifts.work += workGhzSeconds;
    gifts.memoryBytes += job.template.memoryBytes;
    this.#nodes.set(node.number, gifts);
    this.#freeIn.delete(node.number);
    this.#results.delete(site.number);
    if (taskIndex === this.nextTask(job)) this.#cursors.set(job.number, taskIndex + 1);
    else this.#ahead.add(`${job.number} ${taskIndex}`);
    this.#taken.set(job.number, (this.#taken.get(job.number) ?? 0) + 1);
  }

  #countPilot(job: JobRecord, node: NodeRecord): void {
    const pilots = this.#pilots.get(job.number);
    if (pilots === undefined) this.#pilots.set(job.number, [node]);
    else pilots.push(node);
  }

  #countPlanned({ job, site }: Option): void {
    const { plan } = this.state;
    const cell = plan === null ? null : cellOf(plan, job.number, site.number);
    if (plan === null || cell === null) return;
    this.#planned.set(cell, (this.#planned.get(cell) ?? 0) + 1);
    this.#leastPlanned.delete(cell % plan.groups);
  }

  /** Whether the job has a task, no replica, that its researcher may have placed now. */
  wants(job: JobRecord): boolean {
    return job.replicas === null && this.turns.mayHave(job) && this.nextTask(job) !== null;
  }

  /** The job's first waiting task, no replica, that this round has not given away. */
  nextTask(job: JobRecord): number | null {
    if ((this.#taken.get(job.number) ?? 0) >= job.waiting) return null;
    let index = this.#cursors.get(job.number) ?? job.cursor;
    while (index < job.template.taskCount && !this.#isThere(job, index)) index += 1;
    this.#cursors.set(job.number, index);
    return index < job.template.taskCount ? index : null;
  }

  /** Of the first few waiting tasks one whose checkpoint lies on the node; else the first. */
  #taskFor(node: NodeRecord, job: JobRecord): number | null {
    const first = this.nextTask(job);
    if (first === null || job.template.keepsCheckpoint !== true) return first;
    const end = Math.min(first + checkpointsLookedAt, job.template.taskCount);
    for (let index = first; index < end; index += 1) {
      if (job.tasks.node[index] === node.number && this.#isThere(job, index)) return index;
    }
    return first;
  }

  #isThere(job: JobRecord, index: number): boolean {
    if (taskState(job.tasks, index) !== 'waiting') return false;
    return this.#ahead.size === 0 || !this.#ahead.has(`${job.number} ${index}`);
  }
}

/** Two digits after the point are enough for a reason, and short in the journal. */
function rounded(seconds: number): number {
  return Math.round(100 * seconds) / 100;
}

function noGifts(): NodeGifts {
  return { jobs: new Set(), leases: 0, serving: 0, work: 0, works: [], memoryBytes: 0 };
}
