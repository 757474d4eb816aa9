// The agent's judgement: what to fetch, start, stop, send and say. Changes nothing itself; each
// step is applied to a state of the caller's before the next is judged.

import type { AdoptedAttempt, Command } from './commands.ts';
import type { Effect } from './effects.ts';
import * as limits from './limits.ts';
import type { Allowance, Direction, Exit, Lease } from './model.ts';
import { busyAttempts, startable } from './slots.ts';
import type { AgentState, Attempt } from './state.ts';
import { Turn } from './turn.ts';

/**
 * Takes one command: judges it, applies what was decided, and returns what the edge must do.
 *
 * @param nowMs monotonic milliseconds.
 */
export function take(state: AgentState, command: Command, nowMs: number): readonly Effect[] {
  if (state.isQuarantined && command.kind !== 'exited') return [];
  const turn = new Turn(state, nowMs);
  judge(turn, command);
  startReady(turn);
  turn.tellStarts();
  return turn.effects;
}

function judge(turn: Turn, command: Command): void {
  switch (command.kind) {
    case 'schedulerSpoke':
      return listen(turn, command);
    case 'reportWanted':
      return turn.report();
    case 'connected':
      turn.note({ kind: 'connected' });
      turn.report();
      return sayDue(turn, true);
    case 'adopted':
      for (const attempt of command.attempts) adopt(turn, attempt);
      return endTasks(turn);
    case 'allowanceChanged':
      return allow(turn, command.allowance);
    case 'tick':
      if (turn.state.isConnected && turn.state.nextReportMs <= turn.nowMs) turn.report();
      dropOld(turn);
      endFrozen(turn);
      return sayDue(turn, false);
    default: {
      const attempt = turn.state.attempts.get(command.leaseId);
      if (attempt !== undefined) progress(turn, attempt, command);
    }
  }
}

function startReady(turn: Turn): void {
  if (turn.state.isQuarantined) return;
  for (const { lease } of startable(turn.state)) {
    turn.note({ kind: 'phase', leaseId: lease.leaseId, phase: 'starting' });
    turn.effects.push({ kind: 'start', lease });
  }
}

function listen(turn: Turn, command: Extract<Command, { kind: 'schedulerSpoke' }>): void {
  if (command.isQuarantined) return quarantine(turn);
  const { reportIntervalMs, allotmentBytes } = command;
  if (allotmentBytes !== null) {
    turn.effects.push({ kind: 'allot', bytes: allotmentBytes });
    // Others may be waiting to hear that it keeps to less.
    turn.report();
  }
  if (reportIntervalMs > 0) turn.note({ kind: 'idleReport', spanMs: reportIntervalMs });
  for (const leaseId of command.acknowledged) acknowledged(turn, leaseId);
  for (const leaseId of command.cancels) cancel(turn, leaseId);
  for (const lease of command.grants) grant(turn, lease);
  for (const { leaseId, direction } of command.transfers) transfer(turn, leaseId, direction);
  for (const leaseId of command.blobsMissing) {
    const attempt = turn.state.attempts.get(leaseId);
    if (attempt?.phase !== 'ended' || attempt.result === null) continue;
    if (attempt.exit !== null) turn.collect(attempt, attempt.exit);
  }
  if (command.wantsReport) {
    turn.report();
    sayDue(turn, true);
  }
}

function quarantine(turn: Turn): void {
  for (const attempt of busyAttempts(turn.state)) turn.stop(attempt, 'cancelled', '');
  turn.note({ kind: 'quarantined' });
  turn.effects.push({ kind: 'quarantined' });
}

function acknowledged(turn: Turn, leaseId: number): void {
  const attempt = turn.state.attempts.get(leaseId);
  if (attempt === undefined) return;
  // The acknowledgement of an end that this instance knows nothing of yet: the task is not needed.
  if (busyAttempts(turn.state).includes(attempt)) turn.stop(attempt, 'cancelled', '');
  turn.note({ kind: 'forgotten', leaseId });
  turn.effects.push({ kind: 'forget', leaseId });
}

function cancel(turn: Turn, leaseId: number): void {
  const attempt = turn.state.attempts.get(leaseId);
  if (attempt === undefined) return;
  if (attempt.phase === 'starting' || attempt.phase === 'running') {
    turn.stop(attempt, 'cancelled', 'cancelled');
  } else if (attempt.phase === 'fetching' || attempt.phase === 'ready') {
    turn.endUnstarted(attempt, 'cancelled', 'cancelled before it started');
  }
}

function grant(turn: Turn, lease: Lease): void {
  const { attempts, forgotten, floor } = turn.state;
  const { leaseId } = lease;
  if (attempts.has(leaseId) || forgotten.has(leaseId) || leaseId <= floor) return;
  if (attempts.size >= limits.maxAttempts) return;
  turn.note({ kind: 'taken', lease, phase: 'fetching' });
  const { isAccepting, notAccepting } = turn.state.allowance;
  if (!isAccepting) {
    const attempt = turn.state.attempts.get(leaseId);
    const why = notAccepting?.reason ?? 'no task may start now';
    if (attempt !== undefined) turn.endUnstarted(attempt, 'given_back', why);
    return;
  }
  const refused = whyRefused(turn, lease);
  if (refused !== null) return refuse(turn, lease, refused);
  turn.effects.push({ kind: 'measureInputs', lease });
}

/** Why its owner does not want the lease; null: nothing is said against it. */
function whyRefused({ state }: Turn, { researcher, internet }: Lease): string | null {
  const { refuses, allowsInternet } = state.allowance;
  if (refuses.includes(researcher)) return `its owner refuses work of ${researcher}`;
  if (internet === undefined || allowsInternet) return null;
  return 'its owner allows no tasks with internet';
}

/** What its owner does not want goes back, or ends. */
function refuse(turn: Turn, lease: Lease, why: string): void {
  const attempt = turn.state.attempts.get(lease.leaseId);
  if (attempt === undefined) return;
  const { phase } = attempt;
  if (phase === 'fetching' || phase === 'ready') turn.endUnstarted(attempt, 'given_back', why);
  else if (phase === 'starting' || phase === 'running') turn.stop(attempt, 'owner', why);
}

function transfer(turn: Turn, leaseId: number, direction: Direction): void {
  const attempt = turn.state.attempts.get(leaseId);
  if (attempt?.wanted !== direction || attempt.isGranted) return;
  turn.note({ kind: 'granted', leaseId });
  turn.pause(attempt);
  const { lease } = attempt;
  turn.effects.push(direction === 'down' ? { kind: 'fetch', lease } : { kind: 'upload', lease });
}

function progress(
  turn: Turn,
  attempt: Attempt,
  command: Extract<Command, { readonly leaseId: number }>,
): void {
  const { leaseId } = command;
  switch (command.kind) {
    case 'inputsMeasured':
      if (attempt.phase !== 'fetching') return;
      return turn.ask(attempt, 'down', command.missingBytes);
    case 'fetched':
      if (attempt.phase !== 'fetching') return;
      turn.endTransfer(attempt);
      turn.wait(attempt, null);
      return turn.note({ kind: 'phase', leaseId, phase: 'ready' });
    case 'fetchFailed':
      if (attempt.phase === 'fetching') fetchFailed(turn, attempt, command);
      return;
    case 'started':
      if (attempt.phase !== 'starting') return;
      turn.note({ kind: 'phase', leaseId, phase: 'running' });
      return turn.tellStartLater(attempt);
    case 'exited':
      if (attempt.phase !== 'starting' && attempt.phase !== 'running') return;
      return exited(turn, attempt, command.exit);
    case 'collected':
      if (attempt.phase !== 'collecting') return;
      return collected(turn, attempt, command);
    case 'collectFailed':
      if (attempt.phase === 'collecting') turn.retry(attempt, limits.longestEndRetryMs);
      return;
    case 'uploaded':
      if (attempt.phase !== 'sending') return;
      turn.endTransfer(attempt);
      return turn.end(attempt);
    case 'uploadFailed':
      if (attempt.phase !== 'sending') return;
      turn.endTransfer(attempt);
      return turn.retry(attempt, limits.longestEndRetryMs);
  }
}

function fetchFailed(
  turn: Turn,
  attempt: Attempt,
  command: Extract<Command, { kind: 'fetchFailed' }>,
): void {
  turn.endTransfer(attempt);
  if (command.isFinal) return turn.endUnstarted(attempt, 'not_started', command.detail);
  if (attempt.fetchTries + 1 >= limits.maxFetchTries) {
    return turn.endUnstarted(attempt, 'given_back', command.detail);
  }
  turn.note({ kind: 'tried', leaseId: command.leaseId });
  turn.retry(attempt, limits.longestWantRetryMs);
}

function exited(turn: Turn, attempt: Attempt, exit: Exit): void {
  turn.note({ kind: 'exit', leaseId: attempt.lease.leaseId, exit });
  turn.keep(attempt, 0);
  turn.collect(attempt, exit);
}

function collected(
  turn: Turn,
  attempt: Attempt,
  command: Extract<Command, { kind: 'collected' }>,
): void {
  const { leaseId } = command;
  turn.note({ kind: 'exit', leaseId, exit: command.exit });
  turn.note({ kind: 'result', leaseId, result: command.result });
  if (command.result === null) return turn.end(attempt);
  turn.note({ kind: 'phase', leaseId, phase: 'sending' });
  turn.say({ kind: 'exited', leaseId });
  turn.ask(attempt, 'up', command.sizeBytes);
}

function adopt(turn: Turn, adopted: AdoptedAttempt): void {
  const { lease } = adopted;
  if (turn.state.attempts.has(lease.leaseId)) return;
  turn.note({ kind: 'taken', lease, phase: 'running' });
  const attempt = turn.state.attempts.get(lease.leaseId);
  if (attempt === undefined || adopted.phase === 'running') return;
  if (adopted.phase === 'exited') exited(turn, attempt, adopted.exit);
  else {
    turn.note({ kind: 'exit', leaseId: lease.leaseId, exit: adopted.exit });
    turn.note({ kind: 'result', leaseId: lease.leaseId, result: adopted.result });
    turn.end(attempt);
  }
  turn.keep(attempt, adopted.heldMs);
}

function allow(turn: Turn, allowance: Allowance): void {
  const before = turn.state.allowance;
  turn.note({ kind: 'allowance', allowance });
  if (before.isAccepting && !allowance.isAccepting) {
    const why = allowance.notAccepting?.reason ?? 'no task may start now';
    for (const attempt of [...turn.state.attempts.values()]) {
      const isUnstarted = attempt.phase === 'fetching' || attempt.phase === 'ready';
      if (isUnstarted) turn.endUnstarted(attempt, 'given_back', why);
    }
  }
  for (const { lease } of [...turn.state.attempts.values()]) {
    const why = whyRefused(turn, lease);
    if (why !== null) refuse(turn, lease, why);
  }
  freeze(turn);
  endTasks(turn);
  if (turn.state.isConnected && gist(before) !== gist(allowance)) turn.report();
}

/** What the scheduler must know at once; why in detail it hears with the next report. */
function gist(allowance: Allowance): string {
  const { slots, memoryBytes, notAccepting, hoursEndMinute, monthCapBytes } = allowance;
  const { refuses, allowsInternet } = allowance;
  const once = [slots, memoryBytes, notAccepting?.code, hoursEndMinute, monthCapBytes];
  return [...once, allowsInternet, ...refuses].join(' ');
}

/** Its edge holds the tasks; here is how long. */
function freeze(turn: Turn): void {
  const { allowance, frozenUntilMs } = turn.state;
  if (allowance.isFreezing === (frozenUntilMs !== null)) return;
  const untilMs = allowance.isFreezing ? turn.nowMs + limits.frozenAtMostMs : null;
  turn.note({ kind: 'frozen', untilMs });
}

function endFrozen(turn: Turn): void {
  const { frozenUntilMs } = turn.state;
  if (frozenUntilMs === null || frozenUntilMs > turn.nowMs) return;
  turn.note({ kind: 'frozen', untilMs: Number.POSITIVE_INFINITY });
  endAll(turn);
}

function endTasks(turn: Turn): void {
  if (turn.state.allowance.isEndingTasks) endAll(turn);
}

function endAll(turn: Turn): void {
  const { notAccepting } = turn.state.allowance;
  const why = notAccepting?.reason ?? 'its owner ends tasks now';
  for (const attempt of busyAttempts(turn.state)) turn.stop(attempt, 'owner', why);
}

/** What nobody took in a month goes from the disk; that it is gone is said until it is heard. */
function dropOld(turn: Turn): void {
  for (const attempt of turn.state.attempts.values()) {
    if (attempt.keptUntilMs === null || attempt.keptUntilMs > turn.nowMs) continue;
    const { leaseId } = attempt.lease;
    turn.note({ kind: 'kept', leaseId, untilMs: null });
    turn.note({ kind: 'result', leaseId, result: null });
    turn.effects.push({ kind: 'forget', leaseId });
    turn.endUnstarted(attempt, 'lost', 'its result was kept for 30 days and not taken');
  }
}

/** What is due; all of it when the connection is new. */
function sayDue(turn: Turn, isAll: boolean): void {
  for (const attempt of [...turn.state.attempts.values()]) {
    if (attempt.dueMs === null) continue;
    if (!isAll && attempt.dueMs > turn.nowMs) continue;
    again(turn, attempt);
  }
}

function again(turn: Turn, attempt: Attempt): void {
  const { lease } = attempt;
  if (attempt.phase === 'ended') {
    turn.sayEnd(attempt);
    return turn.retry(attempt, limits.longestEndRetryMs);
  }
  if (attempt.wanted !== null && !attempt.isGranted) {
    turn.sayWant(attempt);
    return turn.retry(attempt, limits.longestWantRetryMs);
  }
  const { exit, transferBytes } = attempt;
  turn.pause(attempt);
  if (attempt.phase === 'fetching') turn.effects.push({ kind: 'measureInputs', lease });
  if (attempt.phase === 'collecting' && exit !== null) {
    turn.effects.push({ kind: 'collect', lease, exit });
  }
  if (attempt.phase === 'sending') turn.ask(attempt, 'up', transferBytes);
}
