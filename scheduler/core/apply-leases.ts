// How facts about leases, their ends and their transfers change the state.

import { waitsAgain } from './kept.ts';
import { attemptsOf, backupOf, heirOf } from './attempts.ts';
import { stateCode, taskState, writeResult } from './columns.ts';
import type { Fact } from './facts.ts';
import {
  bytesArrived,
  noneToCome,
  dropLease,
  enterForce,
  enterPhaseCounts,
  grantLease,
  homeOf,
  isOfService,
  leaveForce,
  nodeOf,
  placeFreed,
  remaining,
  siteOf,
  slotFreed,
  willChanged,
} from './leases.ts';
import {
  failuresBeforeRest,
  longestRestMs,
  restAfterFailuresMs,
  restAfterGivingBackMs,
  pilotTasks,
} from './limits.ts';
import type { Instant } from './model/ids.ts';
import { instant, leaseId } from './model/ids.ts';
import { endCodes, taskStates } from './model/job.ts';
import type { EndCode, TaskState } from './model/job.ts';
import { cellOf } from './placement/plan/plan.ts';
import type { PlanRequest } from './placement/plan/plan.ts';
import { reasonCodes } from './placement/reasons.ts';
import { countUse, joinQueue, researcherOf, stopWaiting } from './queue/researchers.ts';
import { afterEnd } from './services.ts';
import { endedRowLength, leasedRowLength, rowsOf, voidedRowLength } from './rows.ts';
import type { JobRecord, LeaseRecord, NodeRecord, State } from './state.ts';
import { mustHave } from './state.ts';

type LeaseFact = Extract<
  Fact,
  {
    readonly kind:
      | 'tasksLeased'
      | 'tasksEnded'
      | 'leasesVoided'
      | 'leaseRevived'
      | 'leasePhase'
      | 'leaseResent'
      | 'transferQueued'
      | 'transferGranted'
      | 'transferEnded';
  }
>;

export function applyLeaseFact(state: State, fact: LeaseFact): void {
  switch (fact.kind) {
    case 'tasksLeased':
      return grant(state, fact);
    case 'tasksEnded':
      for (let row = 0; row * endedRowLength < fact.rows.length; row += 1) {
        endAttempt(state, fact, row);
      }
      return;
    case 'leasesVoided':
      for (const row of rowsOf(fact.rows, voidedRowLength)) voidLease(state, fact, row);
      return;
    case 'leaseRevived':
      return revive(state, leaseOf(state, fact.leaseId));
    case 'leasePhase':
      return enterPhase(state, leaseOf(state, fact.leaseId), fact);
    case 'leaseResent': {
      const lease = leaseOf(state, fact.leaseId);
      lease.sentAt = fact.at;
      lease.resends += 1;
      return;
    }
    default:
      return applyTransferFact(state, fact);
  }
}

function leaseOf(state: State, id: number | undefined): LeaseRecord {
  return mustHave(state.leases.get(leaseId(id ?? 0)), 'lease', id);
}

function grant(state: State, fact: Extract<LeaseFact, { kind: 'tasksLeased' }>): void {
  const { rows } = fact;
  let id: number = fact.firstLeaseId;
  // Grants and ends are most of what a scheduler does: no array is made for each.
  for (let at = 0; at < rows.length; at += leasedRowLength) {
    const taskIndex = rows[at + 1] ?? -1;
    const nodeNumber = rows[at + 2] ?? -1;
    const jobNumber = rows[at] ?? -1;
    const job = mustHave(state.jobs.get(jobNumber), 'job', jobNumber);
    if (job.replicas !== null) forgetLost(state, job, taskIndex);
    const lease = grantLease(state, job, {
      leaseId: leaseId(id),
      taskIndex,
      nodeNumber,
      at: fact.at,
    });
    id += 1;
    countPlanned(state, job.number, nodeNumber);
    // Of a task that has a lease in force: a backup attempt.
    if (taskState(job.tasks, taskIndex) === 'leased') {
      job.backups.set(taskIndex, lease.leaseId);
      continue;
    }
    setTaskState(state, job, { index: taskIndex, next: 'leased' });
    nameLease(job, lease, rows[at + 3] ?? 0);
    job.tasks.reasonCpuSeconds[taskIndex] = rows[at + 4] ?? 0;
    job.tasks.reasonLinkSeconds[taskIndex] = rows[at + 5] ?? 0;
  }
  state.nextLeaseId = Math.max(state.nextLeaseId, id);
  state.leasedAt = fact.at;
}

/** A lost attempt of a replica brings no result that is worth waiting for, and it may have lost many. */
function forgetLost(state: State, job: JobRecord, taskIndex: number): void {
  for (const lost of attemptsOf(state, job, taskIndex)) dropLease(state, lost);
}

/** The plan, and the one that is being solved, hear what has been given since. */
function countPlanned(state: State, jobNumber: number, nodeNumber: number): void {
  const { siteNumber } = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
  if (state.plan !== null) countIn(state.plan, jobNumber, siteNumber);
  if (state.planAsked !== null) countIn(state.planAsked, jobNumber, siteNumber);
}

function countIn(plan: PlanRequest, jobNumber: number, siteNumber: number): void {
  const cell = cellOf(plan, jobNumber, siteNumber);
  if (cell !== null) plan.given[cell] = (plan.given[cell] ?? 0) + 1;
}

/** The task's columns name this lease. */
function nameLease(job: JobRecord, lease: LeaseRecord, reason: number): void {
  job.tasks.node[lease.taskIndex] = lease.nodeNumber;
  job.tasks.lease[lease.taskIndex] = lease.leaseId;
  job.tasks.leasedAt[lease.taskIndex] = lease.grantedAt;
  job.tasks.reason[lease.taskIndex] = reason;
}

/** The other attempt of the task has ended badly, or this one has won: it is the task's now. */
function inherit(state: State, job: JobRecord, heir: LeaseRecord): void {
  if (job.tasks.lease[heir.taskIndex] === heir.leaseId) return;
  job.backups.delete(heir.taskIndex);
  nameLease(job, heir, reasonCodes.backup);
  enterPhaseCounts(state, heir, 1);
}

function endAttempt(
  state: State,
  { at, rows, results }: Extract<LeaseFact, { kind: 'tasksEnded' }>,
  row: number,
): void {
  const first = row * endedRowLength;
  const code = rows[first + 1] ?? 0;
  const cpuMs = rows[first + 3] ?? 0;
  const next = rows[first + 4] ?? 0;
  const lease = leaseOf(state, rows[first]);
  const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
  const node = nodeOf(state, lease);
  const endCode = mustHave(endCodes[code], 'end code', code);
  const index = lease.taskIndex;
  const nextState = mustHave(taskStates[next], 'task state', next);
  // A task that stays leased goes on with its other attempt; one that has ended needs none.
  const heir = nextState === 'leased' ? heirOf(state, job, lease) : undefined;
  if (heir === undefined) {
    const isBackup = backupOf(state, job, index) === lease;
    for (const rival of attemptsOf(state, job, index)) if (rival !== lease) dropLease(state, rival);
    // The columns tell when and why the attempt that ended the task was placed.
    if (isBackup) inherit(state, job, lease);
  }
  dropLease(state, lease);
  const { speedGhz, cpuShare = 1 } = node.inventory;
  const workGhzSeconds = (cpuMs / 1000) * (speedGhz / cpuShare);
  if (endCode !== 'given_back') countUse(state, lease, { at, workGhzSeconds });
  if (heir === undefined) {
    setTaskState(state, job, { index, next: nextState });
    job.tasks.node[index] = node.number;
    job.tasks.lease[index] = lease.leaseId;
  } else inherit(state, job, heir);
  job.tasks.endedAt[index] = at;
  job.tasks.cpuMs[index] = cpuMs;
  job.tasks.endCode[index] = code + 1;
  job.tasks.exitCode[index] = rows[first + 2] ?? 0;
  writeResult(job.tasks, index, results[row] ?? null);
  restReplica(job, index, at);
  countAttempt(job, node, { index, code: endCode, workGhzSeconds });
  // Its pilots have shown what it costs: now it can be planned.
  if (endCode === 'succeeded' && job.workCount === pilotTasks) state.isPlanNews = true;
  restNode(state, node, { code: endCode, at });
  state.jobsToCheck.add(job.number);
}

function restReplica(job: JobRecord, index: number, endedAt: Instant): void {
  const replica = job.replicas?.[index];
  if (replica === undefined) return;
  const placedAt = job.tasks.leasedAt[index] ?? 0;
  job.replicas?.splice(index, 1, afterEnd(replica, { placedAt, endedAt }));
}

/** Ends that say nothing against the task: its node went, or gave it back. */
const losses: ReadonlySet<EndCode> = new Set(['lost', 'owner', 'cancelled', 'given_back']);

export function isLoss(code: EndCode): boolean {
  return losses.has(code);
}

function countAttempt(
  job: JobRecord,
  node: NodeRecord,
  end: { readonly index: number; readonly code: EndCode; readonly workGhzSeconds: number },
): void {
  const { index, code, workGhzSeconds } = end;
  if (code === 'succeeded') {
    node.tasksSucceeded += 1;
    // How long a replica happened to run says nothing of the next.
    if (job.replicas !== null) return;
    job.workSumGhzSeconds += workGhzSeconds;
    job.workCount += 1;
  } else if (isLoss(code)) {
    job.tasks.losses[index] = Math.min(255, (job.tasks.losses[index] ?? 0) + 1);
  } else {
    node.tasksFailed += 1;
    job.tasks.failures[index] = Math.min(255, (job.tasks.failures[index] ?? 0) + 1);
  }
}

function restNode(
  state: State,
  node: NodeRecord,
  { code, at }: { readonly code: EndCode; readonly at: Instant },
): void {
  if (code === 'succeeded') {
    node.consecutiveFailures = 0;
    return;
  }
  node.consecutiveFailures += 1;
  const beyond = node.consecutiveFailures - failuresBeforeRest;
  const failing = beyond < 0 ? 0 : Math.min(longestRestMs, restAfterFailuresMs * 2 ** beyond);
  const rest = isLoss(code) ? Math.max(failing, restAfterGivingBackMs) : failing;
  node.restsUntil = instant(Math.max(node.restsUntil, at + rest));
  willChanged(state, node);
  state.deadlines.changed(state, node);
}

function voidLease(
  state: State,
  fact: Extract<LeaseFact, { kind: 'leasesVoided' }>,
  [id, next]: readonly number[],
): void {
  const lease = leaseOf(state, id);
  const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
  const heir = heirOf(state, job, lease);
  // No late result of an overdue or drained lease is waited for; of others it may come.
  if (fact.why === 'overdue' || fact.why === 'drained') dropLease(state, lease);
  else leaveForce(state, lease);
  job.tasks.losses[lease.taskIndex] = Math.min(255, (job.tasks.losses[lease.taskIndex] ?? 0) + 1);
  if (heir !== undefined) return inherit(state, job, heir);
  restReplica(job, lease.taskIndex, fact.at);
  const nextState = mustHave(taskStates[next ?? -1], 'task state', next);
  setTaskState(state, job, { index: lease.taskIndex, next: nextState });
  if (nextState === 'failed') job.tasks.endedAt[lease.taskIndex] = fact.at;
  state.jobsToCheck.add(job.number);
}

function revive(state: State, lease: LeaseRecord): void {
  const job = mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
  lease.phase = 'held';
  enterForce(state, job, lease);
  setTaskState(state, job, { index: lease.taskIndex, next: 'leased' });
  job.tasks.node[lease.taskIndex] = lease.nodeNumber;
  job.tasks.lease[lease.taskIndex] = lease.leaseId;
}

/** Moves a task between the job's counts, and the job in and out of the waiting ones. */
export function setTaskState(
  state: State,
  job: JobRecord,
  { index, next }: { readonly index: number; readonly next: TaskState },
): void {
  const before = mustHave(taskStates[job.tasks.state[index] ?? -1], 'task', index);
  if (before === next) return;
  job[before] -= 1;
  job[next] += 1;
  job.tasks.state[index] = stateCode(next);
  countTail(state, job);
  const researcher = researcherOf(state, job.researcher);
  if (next === 'waiting') {
    job.cursor = Math.min(job.cursor, index);
    waitsAgain(job);
    researcher.waitingTasks += 1;
    joinQueue(state, job);
  } else if (before === 'waiting') {
    if (index === job.cursor) job.cursor = firstWaiting(job);
    researcher.waitingTasks -= 1;
    if (job.waiting > 0) return;
    state.waitingJobs.delete(job.number);
    stopWaiting(state, job);
  }
}

/** One that waited again may have been far before the next one: who asks must not pass all between. */
function firstWaiting({ template, tasks, waiting, cursor }: JobRecord): number {
  if (waiting === 0) return template.taskCount;
  const code = stateCode('waiting');
  let index = cursor + 1;
  while (index < template.taskCount && tasks.state[index] !== code) index += 1;
  return index;
}

/** Nothing of the job waits, and something runs: idle slots may back it up. A service has no end. */
export function countTail(state: State, job: JobRecord): void {
  const isTail = job.state === 'active' && job.waiting === 0 && job.leased > 0;
  if (isTail && job.replicas === null) state.tails.add(job.number);
  else state.tails.delete(job.number);
}

function enterPhase(
  state: State,
  lease: LeaseRecord,
  { phase, at }: { readonly phase: LeaseRecord['phase']; readonly at: Instant },
): void {
  const node = nodeOf(state, lease);
  const site = siteOf(state, node);
  enterPhaseCounts(state, lease, -1);
  // Phases go forward only: nothing comes back from sending.
  if (!lease.isVoid && lease.phase !== 'sending' && phase === 'sending') {
    node.sending += 1;
    if (isOfService(state, lease)) node.serving -= 1;
  }
  lease.phase = phase;
  lease.phaseSince = at;
  state.nodeTasks.changed(node.number);
  enterPhaseCounts(state, lease, 1);
  if (phase === 'running') bytesArrived(state, lease);
  if (phase === 'sending') noneToCome(state, lease);
  if (phase === 'sending') {
    site.pendingWorkGhzSeconds = remaining(site.pendingWorkGhzSeconds, lease.workGhzSeconds);
    node.pendingWorkGhzSeconds = remaining(node.pendingWorkGhzSeconds, lease.workGhzSeconds);
    lease.workGhzSeconds = 0;
    slotFreed(state, node);
  }
}

function applyTransferFact(
  state: State,
  fact: Extract<LeaseFact, { kind: 'transferQueued' | 'transferGranted' | 'transferEnded' }>,
): void {
  const lease = state.leases.get(fact.leaseId);
  if (lease === undefined) return;
  const site = siteOf(state, nodeOf(state, lease));
  const lane = site.lanes[fact.direction];
  state.sitesToGrant.add(site.number);
  switch (fact.kind) {
    case 'transferQueued':
      if (fact.direction === 'up') countResult(state, lease, fact.sizeBytes);
      lane.queue.set(fact.leaseId, { leaseId: fact.leaseId, sizeBytes: fact.sizeBytes });
      if (fact.direction === 'down') homeOf(state, lease)?.relaysTo.add(site.number);
      return;
    case 'transferGranted':
      lane.queue.delete(fact.leaseId);
      lane.active.set(fact.leaseId, fact.deadline);
      state.sitesMoving.add(site.number);
      if (fact.direction === 'down') occupyHome(state, lease, fact.deadline);
      return;
    case 'transferEnded':
      lane.active.delete(fact.leaseId);
      placeFreed(state, site);
      if (fact.direction === 'down') bytesArrived(state, lease);
      return;
  }
}

/** Bytes go up one line and down the other as they come. */
function occupyHome(state: State, lease: LeaseRecord, deadline: Instant): void {
  const home = homeOf(state, lease);
  if (home === null) return;
  home.lanes.up.active.set(lease.leaseId, deadline);
  state.sitesMoving.add(home.number);
}

/** One that asks again counts again, and leaves the mean as it is. */
function countResult(state: State, { jobNumber }: LeaseRecord, sizeBytes: number): void {
  const job = state.jobs.get(jobNumber);
  if (job === undefined) return;
  job.resultBytes += sizeBytes;
  job.resultCount += 1;
}
