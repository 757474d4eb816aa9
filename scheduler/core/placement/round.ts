// One round of filling free slots: what it has given away so far, since nothing of it is applied
// yet, and what is left to give.

import { taskState } from '../columns.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { ghzOf, siteOf, slotLeases } from '../leases.ts';
import { firstToLookAt, inputKeeper, isInputHere, passOver } from '../kept.ts';
import { tasksLookedAt } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { leaseId } from '../model/ids.ts';
import { Turns } from '../queue/turns.ts';
import type { Rates } from '../model/service.ts';
import { addRates, claimOf, ratesOf, templateOf } from '../services.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { SiteLoad } from './balance.ts';
import { balanceWith } from './balance.ts';
import { draw } from './draw.ts';
import {
  downBytesOf,
  hasShared,
  loadOf,
  nothingMore,
  ownBytesAt,
  relayOf,
  underWay,
  upBytesOf,
  workOf,
} from './estimate.ts';
import type { More } from './estimate.ts';
import { isAtSite, isSuited, refuseNode, refuseRates, refuseSuited } from './filter.ts';
import type { Refusal } from './filter.ts';
import { refuseHours } from './hours-left.ts';
import type { Fit } from './open/kind.ts';
import { fitOf } from './open/kind.ts';
import type { NodeGifts } from './node-gifts.ts';
import { noGifts } from './node-gifts.ts';
import type { Tail } from './plan/plan.ts';
import { RoundAhead } from './plan/round-ahead.ts';
import { RoundShares } from './plan/round-shares.ts';
import { isPiloted } from './pilots.ts';
import type { JobAt, NodeUse, Option, Pick, Policy, RoundView } from './policy.ts';
import { SiteHolds } from './site-holds.ts';

export class Round implements RoundView {
  readonly state: State;
  readonly now: Instant;
  readonly soonest: Tail;
  readonly turns: Turns;
  /** Leases that a slot may hold in this pass. */
  perSlot = 1;
  readonly #policy: Policy;
  readonly #siteHolds: SiteHolds;
  readonly #rows: number[] = [];
  readonly #effects: Effect[] = [];
  readonly #nodes = new Map<number, NodeGifts>();
  readonly #ahead: RoundAhead;
  readonly #shares: RoundShares;
  readonly #sites = new Map<number, More>();
  /** Known as long as nothing is given to the site. */
  readonly #loads = new Map<number, SiteLoad>();
  /** Nodes of the tasks given, of jobs that nobody knows. */
  readonly #pilots = new Map<number, NodeRecord[]>();
  readonly #cursors = new Map<number, number>();
  readonly #taken = new Map<number, number>();
  /** By job: GHz of the nodes that it came to first with what this round has given. */
  readonly #newHolders = new Map<number, number>();
  /** By job: numbers of the sites that this round has given tasks of it to. */
  readonly #givenAt = new Map<number, Set<number>>();
  /** Tasks given away beyond their job's cursor. */
  readonly #beyond = new Set<string>();
  readonly #fits = new Map<JobRecord, Fit>();
  #drawn = 0;

  constructor(
    state: State,
    about: { readonly now: Instant; readonly policy: Policy; readonly soonest?: Tail },
  ) {
    const { now, policy, soonest = state.soonest } = about;
    this.state = state;
    this.soonest = soonest;
    this.now = now;
    this.turns = new Turns(state, now);
    this.#ahead = new RoundAhead(state, now);
    this.#shares = new RoundShares(state, this.turns);
    this.#policy = policy;
    this.#siteHolds = new SiteHolds(this, policy);
  }

  /** What was given: at most one fact, and an effect for each lease. */
  get given(): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
    if (this.#rows.length === 0) return { facts: [], effects: [] };
    const firstLeaseId = leaseId(this.state.nextLeaseId);
    const fact: Fact = { kind: 'tasksLeased', at: this.now, firstLeaseId, rows: this.#rows };
    return { facts: [fact], effects: this.#effects };
  }

  hasPlace(nodeNumber: number): boolean {
    return this.#placesOf(nodeNumber, this.perSlot) > 0;
  }

  #placesOf(nodeNumber: number, perSlot: number): number {
    return this.state.places.placesOf(nodeNumber, perSlot, this.#nodes.get(nodeNumber));
  }

  used(node: NodeRecord): NodeUse {
    const gifts = this.#nodes.get(node.number);
    let memoryBytes = gifts?.memoryBytes ?? 0;
    for (const lease of node.leases) {
      if (lease.phase === 'sending') continue;
      const job = this.state.jobs.get(lease.jobNumber);
      memoryBytes += job === undefined ? 0 : templateOf(job, lease.taskIndex).memoryBytes;
    }
    const leases = slotLeases(node) + (gifts?.leases ?? 0);
    const places = leases + this.#placesOf(node.number, this.perSlot);
    return { leases, places, memoryBytes };
  }

  planned(at: JobAt): number | null {
    return this.#shares.of(at);
  }

  leastPlanned(at: JobAt): number {
    return this.#shares.leastAt(at);
  }

  isStaged(node: NodeRecord): boolean {
    return this.#placesOf(node.number, 1) <= 0;
  }

  hasShared(node: NodeRecord, job: JobRecord): boolean {
    return hasShared(node, job) || this.#nodes.get(node.number)?.jobs.has(job.number) === true;
  }

  /** Numbers of the jobs that the node has the program of, or is to fetch it; some may have ended. */
  programsOf({ number, programs }: NodeRecord): readonly number[] {
    const given = this.#nodes.get(number)?.jobs;
    if (given === undefined) return programs;
    return [...programs, ...[...given].filter((job) => !programs.includes(job))];
  }

  isGivenAt({ job, site }: JobAt): boolean {
    return this.#givenAt.get(job.number)?.has(site.number) === true;
  }

  secondsLeft(job: JobRecord): number {
    const ghz = job.holderGhz + (this.#newHolders.get(job.number) ?? 0);
    const waiting = job.waiting - (this.#taken.get(job.number) ?? 0);
    return ghz === 0 ? Number.POSITIVE_INFINITY : (waiting * workOf(job)) / ghz;
  }

  leasesOf(job: JobRecord): number {
    return job.leased + (this.#taken.get(job.number) ?? 0);
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
    return this.#ahead.freeIn(node);
  }

  resultWaits(option: Option): number {
    return this.#ahead.resultWaits(option);
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

  /** See `SiteHolds.unheld`. */
  unheld(jobs: readonly JobRecord[], node: NodeRecord): readonly JobRecord[] {
    return this.#siteHolds.unheld(jobs, node);
  }

  /** See `SiteHolds.unheldElse`. */
  unheldElse(jobs: readonly JobRecord[], node: NodeRecord): readonly JobRecord[] {
    return this.#siteHolds.unheldElse(jobs, node);
  }

  /** Tasks that this round has given to sites like this one: as many as before, and no figure of `planned` or
   * `leastPlanned` there has changed. */
  givenAlike(site: SiteRecord): number {
    return this.#shares.givenAlike(site);
  }

  option(job: JobRecord, node: NodeRecord): Option | null {
    const taskIndex = this.#taskFor(node, job);
    if (taskIndex === null || !this.hasPlace(node.number)) return null;
    if (!this.#isSuited(job, node) || this.#isUnwilling(job, node)) return null;
    if (this.#refuseMore(job, node) !== null) return null;
    const option = this.optionOf(job, taskIndex, node);
    return this.hold(option) === null ? option : null;
  }

  /** Where all of a node's kind fit, it need not be looked at itself. */
  #isSuited(job: JobRecord, node: NodeRecord): boolean {
    const suitsKind = this.state.openNodes.suitsKind(this.#fitOf(job), node.number);
    return suitsKind ? isAtSite(job.template, node) : isSuited(job, node);
  }

  #fitOf(job: JobRecord): Fit {
    const known = this.#fits.get(job);
    if (known !== undefined) return known;
    const fit = fitOf(job.template);
    this.#fits.set(job, fit);
    return fit;
  }

  /** Most are willing, and are not asked one by one. */
  #isUnwilling(job: JobRecord, node: NodeRecord): boolean {
    if (this.state.places.isWilling(node.number)) return false;
    return refuseSuited(job, node, this.now) !== null;
  }

  /** Whether the policy holds all that waits at the node's site: then none of its nodes is asked. */
  isHeld(nodeNumber: number): boolean {
    return this.#siteHolds.holdsAll(this.state.places.siteOf(nodeNumber));
  }

  /** Why the policy would rather leave the slot idle; null: it would not. */
  hold(option: Option): Refusal | null {
    return this.#policy.hold(option, this);
  }

  /** Whatever the node or the policy says to it. */
  optionOf(job: JobRecord, taskIndex: number, node: NodeRecord): Option {
    const site = siteOf(this.state, node);
    const load = this.load(site);
    const downBits = 8 * this.#downBytes(job, taskIndex, node);
    const cost = { workGhzSeconds: workOf(job), downBits, upBits: 8 * upBytesOf(job) };
    return { job, taskIndex, node, site, load, cost };
  }

  load(site: SiteRecord): SiteLoad {
    const known = this.#loads.get(site.number);
    if (known !== undefined) return known;
    const load = loadOf(site, this.#sites.get(site.number));
    this.#loads.set(site.number, load);
    return load;
  }

  /** Why the node does not fit, with what this round has given to it and its site already. */
  refuse(job: JobRecord, node: NodeRecord): Refusal | null {
    return refuseNode(job, node, this.now) ?? this.#refuseMore(job, node);
  }

  /** For what the site's services use, and for what this round has given. */
  #refuseMore(job: JobRecord, node: NodeRecord): Refusal | null {
    if (job.template.service !== null) {
      const site = siteOf(this.state, node);
      const no = refuseRates(job, node, { site, used: this.ratesAt(site) });
      if (no !== null) return no;
    }
    const gifts = this.#nodes.get(node.number);
    if (gifts === undefined || node.closesAt === null) return null;
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
    if (this.hasShared(node, job)) return ownBytesAt(job, taskIndex, node.siteNumber);
    return downBytesOf(this.state, { job, taskIndex }, node);
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
      incoming: more.incoming + (downBytes > (job.template.internetBytes ?? 0) ? 1 : 0),
      outgoing: more.outgoing + (upBits > 0 ? 1 : 0),
      rates: addRates(more.rates, rates, 1),
    });
    this.#loads.delete(site.number);
    this.#giveRelay(option);
    if (isPiloted(job)) this.#countPilot(job, node);
    const isService = job.template.service !== null;
    const claim = isService ? claimOf(rates) : { workGhzSeconds, bits: downBits + upBits };
    this.turns.give(job, claim);
    this.#shares.give(option);
    const gifts = this.#nodes.get(node.number) ?? noGifts();
    if (!job.holders.has(node.number) && !gifts.jobs.has(job.number)) {
      this.#newHolders.set(job.number, (this.#newHolders.get(job.number) ?? 0) + ghzOf(node));
    }
    gifts.jobs.add(job.number);
    const sites = this.#givenAt.get(job.number);
    if (sites === undefined) this.#givenAt.set(job.number, new Set([site.number]));
    else sites.add(site.number);
    gifts.leases += 1;
    if (isService) gifts.serving += 1;
    gifts.work += workGhzSeconds;
    gifts.memoryBytes += job.template.memoryBytes;
    this.#nodes.set(node.number, gifts);
    this.#ahead.give(node, { work: workGhzSeconds, upBits });
    if (taskIndex === this.nextTask(job)) this.#cursors.set(job.number, taskIndex + 1);
    else this.#beyond.add(`${job.number} ${taskIndex}`);
    this.#taken.set(job.number, (this.#taken.get(job.number) ?? 0) + 1);
    this.#siteHolds.given(option);
  }

  /** Its input crosses another site's line as well. */
  #giveRelay({ job, taskIndex, site }: Option): void {
    const relay = relayOf(this.state, { job, taskIndex }, site.number);
    if (relay === null) return;
    const { number } = relay.home;
    const more = this.#sites.get(number) ?? nothingMore;
    this.#sites.set(number, { ...more, up: more.up + relay.bytes });
    this.#loads.delete(number);
  }

  #countPilot(job: JobRecord, node: NodeRecord): void {
    const pilots = this.#pilots.get(job.number);
    if (pilots === undefined) this.#pilots.set(job.number, [node]);
    else pilots.push(node);
  }

  /** Whether the job has a task, no replica, that its researcher may have placed now. */
  wants(job: JobRecord): boolean {
    return job.replicas === null && this.turns.mayHave(job) && this.nextTask(job) !== null;
  }

  /** Whether the job has a waiting task that this round has not given away. */
  hasTask(job: JobRecord): boolean {
    return (this.#taken.get(job.number) ?? 0) < job.waiting;
  }

  /** The job's first waiting task, no replica, that this round has not given away. */
  nextTask(job: JobRecord): number | null {
    if (!this.hasTask(job)) return null;
    const known = this.#cursors.get(job.number);
    let index = known ?? firstToLookAt(this.state, job);
    while (index < job.template.taskCount && !this.#isThere(job, index)) index += 1;
    this.#cursors.set(job.number, index);
    if (known === undefined && this.#beyond.size === 0) passOver(this.state, job, index);
    return index < job.template.taskCount ? index : null;
  }

  /** Of the first few waiting tasks one whose checkpoint, or whose kept input, lies on the node; else the first. */
  #taskFor(node: NodeRecord, job: JobRecord): number | null {
    const first = this.nextTask(job);
    const { keepsCheckpoint, outputsOf, taskCount } = job.template;
    if (first === null || (keepsCheckpoint !== true && outputsOf === undefined)) return first;
    const lies = (index: number): boolean =>
      keepsCheckpoint === true
        ? job.tasks.node[index] === node.number
        : inputKeeper(this.state, job, index) === node;
    const end = Math.min(first + tasksLookedAt, taskCount);
    for (let index = first; index < end; index += 1) {
      if (lies(index) && this.#isThere(job, index)) return index;
    }
    return first;
  }

  #isThere(job: JobRecord, index: number): boolean {
    if (taskState(job.tasks, index) !== 'waiting') return false;
    if (job.template.outputsOf !== undefined && !isInputHere(this.state, job, index)) return false;
    return this.#beyond.size === 0 || !this.#beyond.has(`${job.number} ${index}`);
  }
}

/** Two digits after the point are enough for a reason, and short in the journal. */
function rounded(seconds: number): number {
  return Math.round(100 * seconds) / 100;
}
