// Backup attempts for the tail of a job: "when a MapReduce operation is close to completion, the
// master schedules backup executions of the remaining in-progress tasks. The task is marked as
// completed whenever either the primary or the backup execution completes" (Dean and Ghemawat,
// MapReduce, OSDI 2004, section 3.6). Which task: the one with the longest time to its end, only on
// fast nodes, and few at a time (Zaharia et al., LATE, OSDI 2008).

import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { isOfService, siteOf, slotLeases, slotsOf } from '../leases.ts';
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
  if (isEarly || state.leases.size === 0) return { facts: [], effects: [] };
  const looked: Fact = { kind: 'backupsLookedAt', at: now };
  const stragglers = stragglersOf(state, now);
  if (stragglers.length === 0) return { facts: [looked], effects: [] };
  const round = new Round(state, now);
  for (const straggler of stragglers) round.offer(straggler);
  return { facts: [looked, ...round.facts], effects: round.effects };
}

/** Tasks of jobs of which nothing waits, those with the longest to go first. */
function stragglersOf(state: State, now: Instant): readonly Straggler[] {
  const found: Straggler[] = [];
  const ends = new Ends(state, now);
  // Most of the time there is none, and all leases need not be looked at.
  if (![...state.jobs.values()].some(hasTail)) return found;
  for (const lease of state.leases.values()) {
    if (lease.isVoid || lease.phase === 'sending') continue;
    const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
    if (!hasTail(job) || job.backups.has(lease.taskIndex)) continue;
    // It has failed as often as it may, and goes on only since a backup ran then: it gets no more.
    if ((job.tasks.failures[lease.taskIndex] ?? 0) > job.template.retries) continue;
    const secondsToEnd = ends.secondsOf(lease);
    if (secondsToEnd > backupGainSeconds) found.push({ job, lease, secondsToEnd });
  }
  found.sort((a, b) => b.secondsToEnd - a.secondsToEnd || a.lease.leaseId - b.lease.leaseId);
  return found.slice(0, backupCandidates);
}

/** A service has none: its replicas run on. */
function hasTail(job: JobRecord): boolean {
  if (job.replicas !== null) return false;
  return job.state === 'active' && job.waiting === 0 && job.leased > 0;
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
    const running = [...node.leases]
      .map((id) => mustHave(this.#state.leases.get(id), 'lease', id))
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
  /** The fastest first. */
  #idle: readonly NodeRecord[];
  readonly #perJob = new Map<number, number>();

  constructor(state: State, now: Instant) {
    this.#state = state;
    this.#now = now;
    this.#idle = fastestIdle(state);
  }

  get facts(): readonly Fact[] {
    if (this.#rows.length === 0) return [];
    const firstLeaseId = leaseId(this.#state.nextLeaseId);
    return [{ kind: 'tasksLeased', at: this.#now, firstLeaseId, rows: this.#rows }];
  }

  offer({ job, lease, secondsToEnd }: Straggler): void {
    if (!this.#hasPlace(job)) return;
    let best: { readonly node: NodeRecord; readonly seconds: number } | null = null;
    for (const node of this.#idle) {
      const seconds = this.#freshSeconds(job, lease, node);
      if (seconds === null || seconds >= (best?.seconds ?? Infinity)) continue;
      best = { node, seconds };
    }
    if (best === null || secondsToEnd < backupFactor * best.seconds) return;
    if (secondsToEnd - best.seconds < backupGainSeconds) return;
    this.#give(job, lease, best.node);
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
    if (node.number === lease.nodeNumber || refuseNode(job, node, this.#now) !== null) return null;
    const load = loadOf(siteOf(this.#state, node));
    const cost = costOf(job, lease.taskIndex, node);
    const runSeconds = (knownWorkOf(job) ?? 0) / node.inventory.speedGhz;
    const resultWaits = (): number => linkSecondsOf(load).up - runSeconds;
    if (fullWayOf({ load, cost }, { atOnce: 1, resultWaits }) !== null) return null;
    return linkSecondsOf(load, cost).down + runSeconds + cost.upBits / load.upBps;
  }

  #give(job: JobRecord, { taskIndex }: LeaseRecord, node: NodeRecord): void {
    // What is idle at its site is not offered again in this round: the load of its uplink changes.
    this.#idle = this.#idle.filter((other) => other.siteNumber !== node.siteNumber);
    const id = leaseId(this.#state.nextLeaseId + this.effects.length);
    this.#rows.push(job.number, taskIndex, node.number, reasonCodes.backup, 0, 0);
    const { nodeId } = node;
    this.effects.push({ kind: 'grant', nodeId, leaseId: id, jobId: job.jobId, taskIndex });
    this.#perJob.set(job.number, (this.#perJob.get(job.number) ?? 0) + 1);
  }
}

/** The fastest first; a federation may have a million nodes, so that few are ever in order. */
function fastestIdle(state: State): readonly NodeRecord[] {
  const fastest: NodeRecord[] = [];
  for (const node of state.nodes) {
    if (node.health !== 'healthy' || slotLeases(node) >= slotsOf(node)) continue;
    const isFull = fastest.length === backupCandidates;
    if (isFull && speedOf(node) <= speedOf(fastest[backupCandidates - 1])) continue;
    if (isFull) fastest.pop();
    let place = fastest.length;
    while (place > 0 && speedOf(fastest[place - 1]) < speedOf(node)) place -= 1;
    fastest.splice(place, 0, node);
  }
  return fastest;
}

function speedOf(node: NodeRecord | undefined): number {
  return node?.inventory.speedGhz ?? 0;
}
