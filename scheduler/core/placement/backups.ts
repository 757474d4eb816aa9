// Backup attempts for the tail of a job: "when a MapReduce operation is close to completion, the
// master schedules backup executions of the remaining in-progress tasks. The task is marked as
// completed whenever either the primary or the backup execution completes" (Dean and Ghemawat,
// MapReduce, OSDI 2004, section 3.6). Which task: the one with the longest time to its end, only on
// fast nodes, and few at a time (Zaharia et al., LATE, OSDI 2008).

import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { stateCode } from '../columns.ts';
import { isOfService, siteOf, slotsOf } from '../leases.ts';
import {
  backupCandidates,
  backupFactor,
  backupGainSeconds,
  backupPart,
  backupsEveryMs,
  leasesLookedAt,
} from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { leaseId } from '../model/ids.ts';
import { refuseQuota } from '../queue/refuse.ts';
import type { JobRecord, LeaseRecord, NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { fullWayOf, linkSecondsOf } from './balance.ts';
import { draw } from './draw.ts';
import { fitOf } from './open/kind.ts';
import { costOf, knownWorkOf, loadOf } from './estimate.ts';
import { refuseNode } from './filter.ts';
import { reasonCodes } from './reasons.ts';

interface Part {
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
}

interface Straggler {
  readonly job: JobRecord;
  readonly lease: LeaseRecord;
  readonly secondsToEnd: number;
}

/** Offers idle slots to the longest tasks of jobs that end: at most one at each site each time. */
export function grantBackups(state: State, now: Instant): Part {
  // What a look costs for each second is bounded, however many leases there are.
  const spanMs = backupsEveryMs * Math.max(1, state.leases.size / leasesLookedAt);
  const isEarly = now - state.backupsLookedAt < spanMs;
  if (isEarly || state.tails.size === 0) return { facts: [], effects: [] };
  const looked: Fact = { kind: 'backupsLookedAt', at: now };
  const stragglers = stragglersOf(state, now);
  if (stragglers.length === 0) return { facts: [looked], effects: [] };
  const round = new Round(state, now);
  for (const straggler of stragglers) round.offer(straggler);
  return { facts: [looked, ...round.facts], effects: round.effects };
}

/** Tasks of jobs of which nothing waits that an idle slot may be worth, the longest to go first. */
function stragglersOf(state: State, now: Instant): readonly Straggler[] {
  const found: Straggler[] = [];
  const fastestGhz = state.openNodes.fastestIdleGhz;
  if (fastestGhz === 0) return found;
  const ends = new Ends(state, now);
  for (const jobNumber of state.tails) {
    const job = mustHave(state.jobs.get(jobNumber), 'job', jobNumber);
    const work = knownWorkOf(job);
    // Two attempts at once may do on the internet what one should.
    if (work === null || job.template.network === 'internet') continue;
    for (const lease of leasesOf(state, job)) {
      if (lease.phase === 'sending' || job.backups.has(lease.taskIndex)) continue;
      // It has failed as often as it may, and goes on only since a backup ran then: it gets no more.
      if ((job.tasks.failures[lease.taskIndex] ?? 0) > job.template.retries) continue;
      const secondsToEnd = ends.secondsOf(lease);
      // Most run where no other slot would be done earlier: nobody looks for one.
      if (isWorth(secondsToEnd, work / fastestGhz)) found.push({ job, lease, secondsToEnd });
    }
  }
  found.sort((a, b) => b.secondsToEnd - a.secondsToEnd || a.lease.leaseId - b.lease.leaseId);
  return found.slice(0, backupCandidates);
}

/** Those that the columns of its tasks name. */
function* leasesOf(state: State, { tasks }: JobRecord): Generator<LeaseRecord> {
  const leased = stateCode('leased');
  for (let at = tasks.state.indexOf(leased); at >= 0; at = tasks.state.indexOf(leased, at + 1)) {
    const id = leaseId(tasks.lease[at] ?? 0);
    yield mustHave(state.leases.get(id), 'lease', id);
  }
}

/** Whether a new attempt that takes so long is clearly earlier. */
function isWorth(secondsToEnd: number, freshSeconds: number): boolean {
  if (secondsToEnd < backupFactor * freshSeconds) return false;
  return secondsToEnd - freshSeconds >= backupGainSeconds;
}

/** When attempts are expected to end, as they stand now. */
class Ends {
  readonly #state: State;
  readonly #now: Instant;
  /** By node: seconds until it has a slot for what is staged. */
  readonly #freeIn = new Map<number, number>();

  constructor(state: State, now: Instant) {
    this.#state = state;
    this.#now = now;
  }

  /**
   * How long an attempt is expected to go on; 0 when nobody knows what its task costs. LATE divides
   * what is left by the rate of progress, and a task here tells no progress: one that has run over
   * its expected time is expected to run over by as much again.
   */
  secondsOf(lease: LeaseRecord): number {
    const state = this.#state;
    const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
    const node = mustHave(state.nodes[lease.nodeNumber], 'node', lease.nodeNumber);
    const work = knownWorkOf(job);
    if (work === null) return 0;
    const runSeconds = work / node.inventory.speedGhz;
    if (lease.phase === 'running') {
      return Math.abs(runSeconds - (this.#now - lease.phaseSince) / 1000);
    }
    const { downBps } = loadOf(siteOf(state, node));
    return (8 * lease.downBytes) / downBps + this.#slotFreeIn(node) + runSeconds;
  }

  /** As far as its running tasks are expected. */
  #slotFreeIn(node: NodeRecord): number {
    const known = this.#freeIn.get(node.number);
    if (known !== undefined) return known;
    const running = node.leases
      .filter((lease) => lease.phase === 'running' && !isOfService(this.#state, lease))
      .map((lease) => this.secondsOf(lease));
    const freeIn = running.length < slotsOf(node) - node.serving ? 0 : Math.min(...running);
    this.#freeIn.set(node.number, freeIn);
    return freeIn;
  }
}

/** One look at the idle slots; remembers what it has given away, since nothing is applied yet. */
class Round {
  readonly effects: Effect[] = [];
  readonly #state: State;
  readonly #now: Instant;
  readonly #rows: number[] = [];
  /** What is idle there is not offered again in this round: the load of the uplink changes. */
  readonly #servedSites = new Set<number>();
  readonly #perJob = new Map<number, number>();

  constructor(state: State, now: Instant) {
    this.#state = state;
    this.#now = now;
  }

  get facts(): readonly Fact[] {
    if (this.#rows.length === 0) return [];
    const firstLeaseId = leaseId(this.#state.nextLeaseId);
    return [{ kind: 'tasksLeased', at: this.#now, firstLeaseId, rows: this.#rows }];
  }

  offer({ job, lease, secondsToEnd }: Straggler): void {
    if (!this.#hasPlace(job)) return;
    let best: { readonly node: NodeRecord; readonly seconds: number } | null = null;
    for (const node of this.#idleFor(job, lease)) {
      const seconds = this.#freshSeconds(job, lease, node);
      if (seconds === null || seconds >= (best?.seconds ?? Infinity)) continue;
      best = { node, seconds };
    }
    if (best !== null && isWorth(secondsToEnd, best.seconds)) this.#give(job, lease, best.node);
  }

  /** A few of the fastest that may fit, others each time: those of one kind are about alike. */
  *#idleFor({ template }: JobRecord, { leaseId: id }: LeaseRecord): Generator<NodeRecord> {
    let left = backupCandidates;
    for (const { idle } of this.#state.openNodes.kindsFor(fitOf(template))) {
      const first = Math.floor(draw(id, this.#now) * idle.size);
      for (let step = 0; step < idle.size && left > 0; step += 1) {
        const number = idle.at((first + step) % idle.size);
        left -= 1;
        yield mustHave(this.#state.nodes[number], 'node', number);
      }
    }
  }

  /** A bounded part of a job's tasks has a backup, and no researcher has more than her quota. */
  #hasPlace(job: JobRecord): boolean {
    const given = this.#perJob.get(job.number) ?? 0;
    const most = Math.max(1, Math.floor(backupPart * job.template.taskCount));
    if (job.backups.size + given >= most) return false;
    // One a round is within a quota that has room.
    const { settings } = mustHave(this.#state.researchers.get(job.researcher), job.researcher);
    if (settings.maxLeases !== null && this.effects.length > 0) return false;
    return refuseQuota(this.#state, job) === null;
  }

  /** What a new attempt on the node would take, its bytes behind those that its site waits for. */
  #freshSeconds(job: JobRecord, lease: LeaseRecord, node: NodeRecord): number | null {
    if (node.number === lease.nodeNumber || this.#servedSites.has(node.siteNumber)) return null;
    if (refuseNode(job, node, this.#now) !== null) return null;
    const load = loadOf(siteOf(this.#state, node));
    const cost = costOf(this.#state, { job, taskIndex: lease.taskIndex }, node);
    const runSeconds = (knownWorkOf(job) ?? 0) / node.inventory.speedGhz;
    const resultWaits = (): number => linkSecondsOf(load).up - runSeconds;
    if (fullWayOf({ load, cost }, { atOnce: 1, resultWaits }) !== null) return null;
    return linkSecondsOf(load, cost).down + runSeconds + cost.upBits / load.upBps;
  }

  #give(job: JobRecord, { taskIndex }: LeaseRecord, node: NodeRecord): void {
    this.#servedSites.add(node.siteNumber);
    const id = leaseId(this.#state.nextLeaseId + this.effects.length);
    this.#rows.push(job.number, taskIndex, node.number, reasonCodes.backup, 0, 0);
    const { nodeId } = node;
    this.effects.push({ kind: 'grant', nodeId, leaseId: id, jobId: job.jobId, taskIndex });
    this.#perJob.set(job.number, (this.#perJob.get(job.number) ?? 0) + 1);
  }
}
