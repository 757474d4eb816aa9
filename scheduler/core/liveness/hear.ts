// One message of a node: who speaks, what it holds, what has started, what has ended, which bytes
// want to move. Every part may come twice, late or out of order.

import { attemptsOf, heirOf } from '../attempts.ts';
import { stateCode, taskState } from '../columns.ts';
import type { AttemptEnd, NodeSpoke, Speaker } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing } from '../decision.ts';
import { hearParts } from '../distribution/hear-parts.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { isLoss } from '../apply-leases.ts';
import { releaseGone } from '../kept.ts';
import { homeOf } from '../leases.ts';
import {
  grantResendMs,
  lateMessagesMs,
  lossesPerTask,
  newsAtOnce,
  newsEveryMs,
  tasksPerJob,
} from '../limits.ts';
import type { Instant, LeaseId, Sha256 } from '../model/ids.ts';
import type { LeasePhase, TaskState } from '../model/job.ts';
import { endCodes, leasePhases } from '../model/job.ts';
import type { JobRecord, LeaseRecord, NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { transferDeadline } from '../transfers/grant.ts';
import { grantOf } from './sweep.ts';
import { allot, othersAtSite } from './allot.ts';
import { jobsOf, voidLeases } from './void-leases.ts';

/** Judges one message of a node. */
export function hear(state: State, command: NodeSpoke, now: Instant): Decision {
  const node = state.nodeById.get(command.nodeId);
  if (node === undefined || node.health === 'revoked') return nothing;
  if (node.health === 'quarantined') {
    return { ...nothing, effects: [{ kind: 'quarantine', nodeId: node.nodeId }] };
  }
  const facts: Fact[] = [];
  if (!isKnownInstance(node, command)) {
    const instance = judgeInstance(state, command, { node, now });
    if (!instance.isCurrent) return instance.decision;
    facts.push(...instance.decision.facts);
  }
  const isFresh = facts.length > 0 || command.sequence > node.sequence;
  if (node.health !== 'healthy') {
    facts.push({ kind: 'nodeHealthChanged', at: now, nodeNumber: node.number, health: 'healthy' });
  }
  if (command.inventory !== null && !sameInventory(node, command) && mayTellNews(node, now)) {
    facts.push({
      kind: 'nodeInventoryChanged',
      at: now,
      nodeNumber: node.number,
      inventory: command.inventory,
    });
  }
  const kept = isFresh ? command.kept : undefined;
  const heard = {
    kind: 'nodeHeard',
    at: now,
    nodeNumber: node.number,
    sequence: command.sequence,
    status: isFresh ? command.status : null,
  } as const;
  if (kept === undefined) facts.push(heard);
  else facts.push({ ...heard, keeper: kept });
  const effects: Effect[] = [];
  if (isFresh) allotAgain(state, node, { command, facts, effects });
  if (kept !== undefined) effects.push(...releaseGone(state, node, kept));
  if (isFresh && command.blobParts !== undefined) {
    const parts = hearParts(state, command.blobParts, { node, now });
    facts.push(...parts.facts);
    effects.push(...parts.effects);
  }
  if (isOnlyHere(node, command)) return { facts, effects, answer: nothing.answer };
  const talk = new Conversation(state, { node, now, facts, effects });
  talk.ended(command.ended);
  for (const leaseId of command.started) talk.advance(leaseId, 'running');
  for (const leaseId of command.exited) talk.advance(leaseId, 'sending');
  if (command.held !== null && isFresh) talk.reconcile(command.held);
  talk.transfers(command);
  return { facts, effects, answer: nothing.answer };
}

/** Told again with each report that does not know of it. */
function allotAgain(
  state: State,
  node: NodeRecord,
  {
    command,
    facts,
    effects,
  }: { readonly command: NodeSpoke; readonly facts: Fact[]; readonly effects: Effect[] },
): void {
  const month = command.status?.month ?? null;
  const bytes = month === null ? null : allot(month, othersAtSite(state, node));
  if (bytes === null) return;
  facts.push({ kind: 'nodeAllotted', nodeNumber: node.number, bytes });
  effects.push({ kind: 'allot', nodeId: node.nodeId, bytes });
}

/** Most messages of a large federation: a node is there, and neither has nor had anything to do. */
function isOnlyHere(node: NodeRecord, command: NodeSpoke): boolean {
  const { held, started, exited, ended, transfersWanted, transfersDone } = command;
  const told = started.length + exited.length + ended.length;
  if (told + transfersWanted.length + transfersDone.length > 0) return false;
  return held === null || held.length + node.leases.length === 0;
}

type Judgement =
  | { readonly isCurrent: true; readonly decision: Decision }
  | { readonly isCurrent: false; readonly decision: Decision };

/** Nearly always: most messages are short, and a federation has many. */
export function isKnownInstance(node: NodeRecord, command: Speaker): boolean {
  const isNewer = command.instanceNumber > node.instanceNumber;
  return !isNewer && command.instanceId === node.instanceId;
}

/** A newer instance replaces an older one; two that alternate, or share a number, are clones. */
function judgeInstance(
  state: State,
  command: NodeSpoke,
  { node, now }: { readonly node: NodeRecord; readonly now: Instant },
): Judgement {
  if (command.instanceNumber > node.instanceNumber) {
    // Its next messages say the same, and what is not acknowledged comes again.
    if (!mayTellNews(node, now)) return { isCurrent: false, decision: nothing };
    const changed: Fact = {
      kind: 'nodeInstanceChanged',
      at: now,
      nodeNumber: node.number,
      instanceNumber: command.instanceNumber,
      instanceId: command.instanceId,
    };
    return { isCurrent: true, decision: { ...nothing, facts: [changed] } };
  }
  const isTwin = command.instanceNumber === node.instanceNumber;
  const isLate = now - node.instanceSince < lateMessagesMs;
  if (!isTwin && isLate) return { isCurrent: false, decision: nothing };
  const held = node.leases;
  const facts: Fact[] = [
    { kind: 'nodeHealthChanged', at: now, nodeNumber: node.number, health: 'quarantined' },
    ...voidLeases(state, held, { at: now, why: 'node_quarantined' }),
  ];
  const effects: Effect[] = [{ kind: 'quarantine', nodeId: node.nodeId }, ...jobsOf(state, held)];
  return { isCurrent: false, decision: { ...nothing, facts, effects } };
}

/** What is on disk for good must not come as fast as a node can speak. */
function mayTellNews(node: NodeRecord, now: Instant): boolean {
  return node.newsUntil - now <= (newsAtOnce - 1) * newsEveryMs;
}

function sameInventory(node: NodeRecord, command: NodeSpoke): boolean {
  return JSON.stringify(node.inventory) === JSON.stringify(command.inventory);
}

/** One number for a task. */
function taskKey({ jobNumber, taskIndex }: LeaseRecord): number {
  return jobNumber * tasksPerJob + taskIndex;
}

const none: never[] = [];

/** Most messages end one at most, and a list that is pushed to has room for seventeen. */
function withOne<T>(list: T[], one: T): T[] {
  if (list === none) return [one];
  list.push(one);
  return list;
}

/** The parts of one message that speak of leases. */
class Conversation {
  readonly #state: State;
  readonly #node: NodeRecord;
  readonly #now: Instant;
  readonly #facts: Fact[];
  readonly #effects: Effect[];
  // Most messages are short, and a federation has many: lists take less than sets, and what few need is
  // made for those.
  /** Leases and tasks that this message has ended. */
  #endedLeases: LeaseId[] = none;
  #endedTasks: number[] = none;

  /** Adds to the facts and effects that the message has brought so far. */
  constructor(
    state: State,
    of: { node: NodeRecord; now: Instant; facts: Fact[]; effects: Effect[] },
  ) {
    const { node, now, facts, effects } = of;
    this.#state = state;
    this.#node = node;
    this.#now = now;
    this.#facts = facts;
    this.#effects = effects;
  }

  ended(ends: readonly AttemptEnd[]): void {
    if (ends.length === 0) return;
    const rows: number[] = [];
    const results: (Sha256 | null)[] = [];
    // Of few jobs, mostly one: a set takes more than to look.
    const jobs: JobRecord[] = [];
    for (const end of ends) {
      const lease = this.#state.leases.get(end.leaseId);
      if (lease === undefined || this.#hasEnded(end.leaseId)) {
        this.#acknowledge(end.leaseId);
        continue;
      }
      // A foreign lease: the node has no business with it.
      if (lease.nodeNumber !== this.#node.number) continue;
      const job = mustHave(this.#state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
      const next = this.#judgeEnd(job, lease, end);
      if (next === 'superseded') {
        this.#acknowledge(end.leaseId);
        continue;
      }
      if (!end.isResultPresent) {
        this.#effects.push({
          kind: 'blobMissing',
          nodeId: this.#node.nodeId,
          leaseId: end.leaseId,
        });
        continue;
      }
      rows.push(
        lease.leaseId,
        endCodes.indexOf(end.code),
        end.exitCode,
        end.cpuMs,
        stateCode(next),
      );
      results.push(end.result?.sha256 ?? null);
      if (!jobs.includes(job)) jobs.push(job);
      this.#endedLeases = withOne(this.#endedLeases, end.leaseId);
      this.#endedTasks = withOne(this.#endedTasks, taskKey(lease));
      if (next !== 'leased') this.#cancelRivals(job, lease);
      this.#acknowledge(end.leaseId);
    }
    if (rows.length > 0) this.#facts.push({ kind: 'tasksEnded', at: this.#now, rows, results });
    for (const job of jobs) this.#effects.push({ kind: 'jobChanged', jobId: job.jobId });
  }

  /** What becomes of the task; `superseded`: this end changes nothing. */
  #judgeEnd(job: JobRecord, lease: LeaseRecord, end: AttemptEnd): TaskState | 'superseded' {
    const index = lease.taskIndex;
    const now = taskState(job.tasks, index);
    if (now !== 'waiting' && now !== 'leased') return 'superseded';
    if (this.#endedTasks.includes(taskKey(lease))) return 'superseded';
    // However the attempt ended, a replica goes on.
    if (job.replicas !== null) return lease.isVoid ? 'superseded' : 'waiting';
    if (end.code === 'succeeded') return 'succeeded';
    if (lease.isVoid) return 'superseded';
    // A backup attempt, or the one that it is a backup of, may still bring the result.
    if (heirOf(this.#state, job, lease) !== undefined) return 'leased';
    if (isLoss(end.code)) {
      return (job.tasks.losses[index] ?? 0) + 1 > lossesPerTask ? 'failed' : 'waiting';
    }
    return (job.tasks.failures[index] ?? 0) + 1 > job.template.retries ? 'failed' : 'waiting';
  }

  /** The first valid result wins: other attempts of the same task stop. */
  #cancelRivals(job: JobRecord, lease: LeaseRecord): void {
    if (job.backups.size === 0 && job.tasks.lease[lease.taskIndex] === lease.leaseId) return;
    for (const rival of attemptsOf(this.#state, job, lease.taskIndex)) {
      if (rival === lease || rival.isVoid) continue;
      const node = mustHave(this.#state.nodes[rival.nodeNumber], 'node', rival.nodeNumber);
      this.#effects.push({ kind: 'cancel', nodeId: node.nodeId, leaseId: rival.leaseId });
    }
  }

  #hasEnded(leaseId: LeaseId): boolean {
    return this.#endedLeases.includes(leaseId);
  }

  #acknowledge(leaseId: LeaseId): void {
    this.#effects.push({ kind: 'acknowledge', nodeId: this.#node.nodeId, leaseId });
  }

  /** Phases only go forward: neither a late message nor a later part of this one takes one back. */
  advance(leaseId: LeaseId, phase: LeasePhase): void {
    const lease = this.#state.leases.get(leaseId);
    if (lease === undefined || lease.nodeNumber !== this.#node.number) return;
    if (this.#hasEnded(leaseId) || lease.isVoid) return;
    const before = this.#toldPhase(leaseId) ?? lease.phase;
    if (leasePhases.indexOf(phase) <= leasePhases.indexOf(before)) return;
    this.#facts.push({ kind: 'leasePhase', at: this.#now, leaseId, phase });
    const job = this.#state.jobs.get(lease.jobNumber);
    if (job !== undefined) this.#effects.push({ kind: 'jobChanged', jobId: job.jobId });
  }

  /** The phase that this message has told: facts are applied when all of it was judged. */
  #toldPhase(leaseId: LeaseId): LeasePhase | undefined {
    for (let place = this.#facts.length - 1; place >= 0; place -= 1) {
      const fact = this.#facts[place];
      if (fact?.kind === 'leasePhase' && fact.leaseId === leaseId) return fact.phase;
    }
    return undefined;
  }

  /** Holds what the node has against what it should have. */
  reconcile(held: readonly LeaseId[]): void {
    const nodeId = this.#node.nodeId;
    const present = new Set(held);
    // The change of instance, if this message brings it, is not applied yet.
    const isNew = this.#facts.some((fact) => fact.kind === 'nodeInstanceChanged');
    const instanceSince = isNew ? this.#now : this.#node.instanceSince;
    for (const leaseId of present) {
      if (this.#hasEnded(leaseId)) continue;
      const lease = this.#state.leases.get(leaseId);
      if (lease === undefined) {
        // Nobody needs it any more: it ends, and its result is acknowledged when it comes.
        this.#effects.push({ kind: 'cancel', nodeId, leaseId });
        continue;
      }
      if (lease.nodeNumber !== this.#node.number) continue;
      if (lease.isVoid) this.#reconcileVoid(lease);
      else this.advance(leaseId, 'held');
    }
    for (const lease of this.#node.leases) {
      if (present.has(lease.leaseId) || this.#hasEnded(lease.leaseId)) continue;
      // The grant may still be on its way; one that is old was lost, and what went to an earlier
      // instance died with it.
      const isOld = this.#now - lease.sentAt >= grantResendMs;
      if (!isOld && lease.sentAt >= instanceSince) continue;
      this.#facts.push({ kind: 'leaseResent', at: this.#now, leaseId: lease.leaseId });
      this.#effects.push(grantOf(this.#state, this.#node, lease));
    }
  }

  /** The node came back with a task that was taken from it. */
  #reconcileVoid(lease: LeaseRecord): void {
    const job = mustHave(this.#state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
    const isWaiting = taskState(job.tasks, lease.taskIndex) === 'waiting';
    if (isWaiting && !this.#endedTasks.includes(taskKey(lease))) {
      this.#facts.push({ kind: 'leaseRevived', at: this.#now, leaseId: lease.leaseId });
      this.#endedTasks = withOne(this.#endedTasks, taskKey(lease));
      return;
    }
    this.#effects.push({
      kind: 'cancel',
      nodeId: this.#node.nodeId,
      leaseId: lease.leaseId,
    });
  }

  transfers(command: NodeSpoke): void {
    for (const { leaseId, direction } of command.transfersDone) {
      if (this.#isOwn(leaseId)) this.#facts.push({ kind: 'transferEnded', leaseId, direction });
    }
    for (const wanted of command.transfersWanted) this.#queue(wanted);
  }

  #queue({ leaseId, direction, sizeBytes }: NodeSpoke['transfersWanted'][number]): void {
    const { nodeId, siteNumber } = this.#node;
    const lease = this.#state.leases.get(leaseId);
    if (lease !== undefined && this.#isOwn(leaseId)) {
      const site = mustHave(this.#state.sites[siteNumber], 'site', siteNumber);
      // One that is granted already: the grant was lost, or its agent begins anew.
      if (site.lanes[direction].active.has(leaseId)) {
        const home = direction === 'down' ? homeOf(this.#state, lease) : null;
        const deadline = transferDeadline(site, { direction, sizeBytes, now: this.#now, home });
        this.#facts.push({ kind: 'transferGranted', leaseId, direction, deadline });
        this.#effects.push({ kind: 'transfer', nodeId, leaseId, direction });
      } else this.#facts.push({ kind: 'transferQueued', leaseId, direction, sizeBytes });
      return;
    }
    if (lease !== undefined) return;
    this.#effects.push({ kind: 'cancel', nodeId, leaseId });
    if (direction === 'up') this.#acknowledge(leaseId);
  }

  #isOwn(leaseId: LeaseId): boolean {
    const lease = this.#state.leases.get(leaseId);
    if (lease === undefined || this.#hasEnded(leaseId)) return false;
    return lease.nodeNumber === this.#node.number;
  }
}
