// The agent's judgement: what to fetch, start, stop, send and say. Changes nothing itself; each
// step is applied to a state of the caller's before the next is judged.

import { apply } from './apply.ts';
import type { AdoptedAttempt, Command } from './commands.ts';
import type { Effect } from './effects.ts';
import type { Fact } from './facts.ts';
import * as limits from './limits.ts';
import type { Allowance, Direction, EndCode, Exit, Lease } from './model.ts';
import type { AgentState, Attempt } from './state.ts';
import { busySlots } from './state.ts';

/**
 * Takes one command: judges it, applies what was decided, and returns what the edge must do.
 *
 * @param nowMs monotonic milliseconds.
 */
export function take(state: AgentState, command: Command, nowMs: number): readonly Effect[] {
  const turn = new Turn(state, nowMs);
  turn.run(command);
  return turn.effects;
}

class Turn {
  readonly effects: Effect[] = [];
  readonly #state: AgentState;
  readonly #nowMs: number;

  constructor(state: AgentState, nowMs: number) {
    this.#state = state;
    this.#nowMs = nowMs;
  }

  run(command: Command): void {
    if (this.#state.isQuarantined && command.kind !== 'exited') return;
    this.#judge(command);
    this.#startReady();
  }

  #judge(command: Command): void {
    switch (command.kind) {
      case 'schedulerSpoke':
        return this.#listen(command);
      case 'connected':
        this.#note({ kind: 'connected' });
        this.#report();
        return this.#sayDue(true);
      case 'adopted':
        for (const attempt of command.attempts) this.#adopt(attempt);
        return;
      case 'allowanceChanged':
        return this.#allow(command.allowance);
      case 'tick':
        if (this.#state.isConnected && this.#state.nextReportMs <= this.#nowMs) this.#report();
        return this.#sayDue(false);
      default: {
        const attempt = this.#state.attempts.get(command.leaseId);
        if (attempt !== undefined) this.#progress(attempt, command);
      }
    }
  }

  #note(fact: Fact): void {
    apply(this.#state, fact);
  }

  // --- what the scheduler says

  #listen(command: Extract<Command, { kind: 'schedulerSpoke' }>): void {
    if (command.isQuarantined) return this.#quarantine();
    const { reportIntervalMs } = command;
    if (reportIntervalMs > 0) this.#note({ kind: 'idleReport', spanMs: reportIntervalMs });
    for (const leaseId of command.acknowledged) this.#acknowledged(leaseId);
    for (const leaseId of command.cancels) this.#cancel(leaseId);
    for (const lease of command.grants) this.#grant(lease);
    for (const { leaseId, direction } of command.transfers) this.#transfer(leaseId, direction);
    for (const leaseId of command.blobsMissing) {
      const attempt = this.#state.attempts.get(leaseId);
      if (attempt?.phase !== 'ended' || attempt.result === null) continue;
      this.#note({ kind: 'phase', leaseId, phase: 'sending' });
      this.#wait(attempt, null);
      this.effects.push({ kind: 'upload', lease: attempt.lease });
    }
    if (command.wantsReport) {
      this.#report();
      this.#sayDue(true);
    }
  }

  #quarantine(): void {
    for (const { lease, phase } of this.#state.attempts.values()) {
      if (phase === 'starting' || phase === 'running') {
        this.effects.push({ kind: 'stop', leaseId: lease.leaseId, code: 'cancelled' });
      }
    }
    this.#note({ kind: 'quarantined' });
    this.effects.push({ kind: 'quarantined' });
  }

  #acknowledged(leaseId: number): void {
    const attempt = this.#state.attempts.get(leaseId);
    if (attempt === undefined) return;
    // The acknowledgement of an end that this instance knows nothing of yet: the task is not needed.
    if (attempt.phase === 'starting' || attempt.phase === 'running') {
      this.effects.push({ kind: 'stop', leaseId, code: 'cancelled' });
    }
    this.#note({ kind: 'forgotten', leaseId });
    this.effects.push({ kind: 'forget', leaseId });
  }

  #cancel(leaseId: number): void {
    const attempt = this.#state.attempts.get(leaseId);
    if (attempt === undefined || attempt.isStopping) return;
    if (attempt.phase === 'starting' || attempt.phase === 'running') {
      this.#note({ kind: 'stopping', leaseId });
      this.effects.push({ kind: 'stop', leaseId, code: 'cancelled' });
    } else if (attempt.phase === 'fetching' || attempt.phase === 'ready') {
      this.#endUnstarted(attempt, 'cancelled', 'cancelled before it started');
    }
  }

  #grant(lease: Lease): void {
    const { attempts, forgotten, floor } = this.#state;
    const { leaseId } = lease;
    if (attempts.has(leaseId) || forgotten.has(leaseId) || leaseId <= floor) return;
    if (attempts.size >= limits.maxAttempts) return;
    this.#note({ kind: 'taken', lease, phase: 'fetching' });
    const { isAccepting, notAccepting } = this.#state.allowance;
    if (!isAccepting) {
      const attempt = this.#state.attempts.get(leaseId);
      const why = notAccepting?.reason ?? 'no task may start now';
      if (attempt !== undefined) this.#endUnstarted(attempt, 'given_back', why);
      return;
    }
    this.effects.push({ kind: 'measureInputs', lease });
  }

  #transfer(leaseId: number, direction: Direction): void {
    const attempt = this.#state.attempts.get(leaseId);
    if (attempt?.wanted !== direction || attempt.isGranted) return;
    this.#note({ kind: 'granted', leaseId });
    this.#wait(attempt, null);
    const { lease } = attempt;
    this.effects.push(direction === 'down' ? { kind: 'fetch', lease } : { kind: 'upload', lease });
  }

  // --- what the edge says

  #progress(attempt: Attempt, command: Extract<Command, { readonly leaseId: number }>): void {
    const { leaseId } = command;
    switch (command.kind) {
      case 'inputsMeasured':
        if (attempt.phase !== 'fetching') return;
        return this.#ask(attempt, 'down', command.missingBytes);
      case 'fetched':
        if (attempt.phase !== 'fetching') return;
        this.#endTransfer(attempt);
        return this.#note({ kind: 'phase', leaseId, phase: 'ready' });
      case 'fetchFailed':
        if (attempt.phase === 'fetching') this.#fetchFailed(attempt, command);
        return;
      case 'started':
        if (attempt.phase !== 'starting') return;
        this.#note({ kind: 'phase', leaseId, phase: 'running' });
        return this.#say({ kind: 'started', leaseId });
      case 'exited':
        if (attempt.phase !== 'starting' && attempt.phase !== 'running') return;
        return this.#exited(attempt, command.exit);
      case 'collected':
        if (attempt.phase !== 'collecting') return;
        return this.#collected(attempt, command);
      case 'uploaded':
        if (attempt.phase !== 'sending') return;
        this.#endTransfer(attempt);
        return this.#end(attempt);
      case 'uploadFailed':
        if (attempt.phase === 'sending') this.#retry(attempt, limits.longestEndRetryMs);
        return;
    }
  }

  #fetchFailed(attempt: Attempt, command: Extract<Command, { kind: 'fetchFailed' }>): void {
    const { leaseId } = command;
    this.#endTransfer(attempt);
    if (command.isFinal) return this.#endUnstarted(attempt, 'not_started', command.detail);
    if (attempt.tries + 1 >= limits.maxFetchTries) {
      return this.#endUnstarted(attempt, 'given_back', command.detail);
    }
    this.#retry(attempt, limits.longestWantRetryMs);
    this.#note({ kind: 'phase', leaseId, phase: 'fetching' });
  }

  #exited(attempt: Attempt, exit: Exit): void {
    const { leaseId } = attempt.lease;
    this.#note({ kind: 'exit', leaseId, exit });
    this.#note({ kind: 'phase', leaseId, phase: 'collecting' });
    this.effects.push({ kind: 'collect', lease: attempt.lease, exit });
  }

  #collected(attempt: Attempt, command: Extract<Command, { kind: 'collected' }>): void {
    const { leaseId } = command;
    this.#note({ kind: 'exit', leaseId, exit: command.exit });
    this.#note({ kind: 'result', leaseId, result: command.result });
    if (command.result === null) return this.#end(attempt);
    this.#note({ kind: 'phase', leaseId, phase: 'sending' });
    this.#say({ kind: 'exited', leaseId });
    this.#ask(attempt, 'up', command.sizeBytes);
  }

  // --- steps they share

  /** Asks for the transfer, or starts it at once when it is small. */
  #ask(attempt: Attempt, direction: Direction, sizeBytes: number): void {
    const { lease } = attempt;
    if (sizeBytes <= limits.freeTransferBytes) {
      this.#wait(attempt, null);
      this.effects.push(
        direction === 'down' ? { kind: 'fetch', lease } : { kind: 'upload', lease },
      );
      return;
    }
    this.#note({ kind: 'wants', leaseId: lease.leaseId, direction, sizeBytes });
    this.#sayWant(attempt);
    this.#wait(attempt, limits.firstRetryMs);
  }

  #sayWant(attempt: Attempt): void {
    if (attempt.wanted === null) return;
    this.#say({
      kind: 'transferWanted',
      leaseId: attempt.lease.leaseId,
      direction: attempt.wanted,
      sizeBytes: attempt.transferBytes,
      isSlotIdle: attempt.wanted === 'down' && busySlots(this.#state) < this.#state.allowance.slots,
    });
  }

  #endTransfer(attempt: Attempt): void {
    const { leaseId } = attempt.lease;
    if (attempt.wanted !== null && attempt.isGranted) {
      this.#say({ kind: 'transferDone', leaseId, direction: attempt.wanted });
    }
    this.#note({ kind: 'transferOver', leaseId });
    this.#note({ kind: 'due', leaseId, dueMs: null, retryMs: 0, tries: attempt.tries });
  }

  #end(attempt: Attempt): void {
    const { leaseId } = attempt.lease;
    this.#note({ kind: 'phase', leaseId, phase: 'ended' });
    this.#sayEnd(attempt);
    this.#wait(attempt, limits.firstRetryMs);
  }

  #sayEnd(attempt: Attempt): void {
    const { exit, result, lease } = attempt;
    if (exit !== null) this.#say({ kind: 'ended', leaseId: lease.leaseId, exit, result });
  }

  #endUnstarted(attempt: Attempt, code: EndCode, detail: string): void {
    const { leaseId } = attempt.lease;
    const exit: Exit = { code, exitCode: 0, cpuMs: 0, wallMs: 0, detail };
    this.#endTransfer(attempt);
    this.#note({ kind: 'exit', leaseId, exit });
    this.#end(attempt);
  }

  #adopt(adopted: AdoptedAttempt): void {
    const { lease } = adopted;
    if (this.#state.attempts.has(lease.leaseId)) return;
    this.#note({ kind: 'taken', lease, phase: 'running' });
    const attempt = this.#state.attempts.get(lease.leaseId);
    if (adopted.phase === 'exited' && attempt !== undefined) this.#exited(attempt, adopted.exit);
  }

  #allow(allowance: Allowance): void {
    const before = this.#state.allowance;
    this.#note({ kind: 'allowance', allowance });
    if (before.isAccepting && !allowance.isAccepting) {
      const why = allowance.notAccepting?.reason ?? 'no task may start now';
      for (const attempt of [...this.#state.attempts.values()]) {
        const isUnstarted = attempt.phase === 'fetching' || attempt.phase === 'ready';
        if (isUnstarted) this.#endUnstarted(attempt, 'given_back', why);
      }
    }
    const isNews = before.isAccepting !== allowance.isAccepting || before.slots !== allowance.slots;
    if (isNews && this.#state.isConnected) this.#report();
  }

  /** Fills free slots with what is ready, the oldest lease first. */
  #startReady(): void {
    if (this.#state.isQuarantined) return;
    let free = this.#state.allowance.slots - busySlots(this.#state);
    if (free <= 0) return;
    const ready = [...this.#state.attempts.values()].filter(({ phase }) => phase === 'ready');
    ready.sort((a, b) => a.lease.leaseId - b.lease.leaseId);
    for (const attempt of ready) {
      if (free <= 0) return;
      free -= 1;
      this.#note({ kind: 'phase', leaseId: attempt.lease.leaseId, phase: 'starting' });
      this.effects.push({ kind: 'start', lease: attempt.lease });
    }
  }

  // --- saying, and saying again

  #say(part: Extract<Effect, { kind: 'say' }>['part']): void {
    this.effects.push({ kind: 'say', part });
  }

  /** What it holds, and how far each is: that it was said before is lost, perhaps. */
  #report(): void {
    const { attempts } = this.#state;
    const held = [...attempts.keys()];
    this.#say({ kind: 'report', held });
    for (const [leaseId, { phase }] of attempts) {
      if (phase !== 'fetching') this.#say({ kind: 'transferDone', leaseId, direction: 'down' });
      if (phase === 'running') this.#say({ kind: 'started', leaseId });
      if (phase === 'collecting' || phase === 'sending') this.#say({ kind: 'exited', leaseId });
    }
    const spanMs = held.length > 0 ? limits.busyReportMs : this.#state.idleReportMs;
    this.#note({ kind: 'reported', nextReportMs: this.#nowMs + spanMs });
  }

  /** What is due; all of it when the connection is new. */
  #sayDue(isAll: boolean): void {
    for (const attempt of [...this.#state.attempts.values()]) {
      if (attempt.dueMs === null) continue;
      if (!isAll && attempt.dueMs > this.#nowMs) continue;
      this.#again(attempt);
    }
  }

  #again(attempt: Attempt): void {
    const { lease } = attempt;
    if (attempt.phase === 'ended') {
      this.#sayEnd(attempt);
      return this.#retry(attempt, limits.longestEndRetryMs);
    }
    if (attempt.wanted !== null && !attempt.isGranted) {
      this.#sayWant(attempt);
      return this.#retry(attempt, limits.longestWantRetryMs);
    }
    this.#wait(attempt, null);
    if (attempt.phase === 'fetching') this.effects.push({ kind: 'measureInputs', lease });
    if (attempt.phase === 'sending') this.effects.push({ kind: 'upload', lease });
  }

  #retry(attempt: Attempt, longestMs: number): void {
    const retryMs = Math.min(longestMs, Math.max(limits.firstRetryMs, 2 * attempt.retryMs));
    const { leaseId } = attempt.lease;
    const dueMs = this.#nowMs + retryMs;
    this.#note({ kind: 'due', leaseId, dueMs, retryMs, tries: attempt.tries + 1 });
  }

  /** Sets when something is due, from the beginning of its back-off; null: nothing is. */
  #wait(attempt: Attempt, spanMs: number | null): void {
    this.#note({
      kind: 'due',
      leaseId: attempt.lease.leaseId,
      dueMs: spanMs === null ? null : this.#nowMs + spanMs,
      retryMs: spanMs ?? 0,
      tries: attempt.tries,
    });
  }
}
