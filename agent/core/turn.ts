// One turn of the agent's core: the state, the effects so far, and the steps that judgements share.

import { apply } from './apply.ts';
import type { Effect } from './effects.ts';
import type { Fact } from './facts.ts';
import * as limits from './limits.ts';
import type { Direction, EndCode, Exit } from './model.ts';
import type { AgentState, Attempt } from './state.ts';

export class Turn {
  readonly effects: Effect[] = [];
  readonly state: AgentState;
  readonly nowMs: number;

  constructor(state: AgentState, nowMs: number) {
    this.state = state;
    this.nowMs = nowMs;
  }

  note(fact: Fact): void {
    apply(this.state, fact);
  }

  /** Asks for the transfer, or starts it at once when it is small. */
  ask(attempt: Attempt, direction: Direction, sizeBytes: number): void {
    const { lease } = attempt;
    if (sizeBytes <= limits.freeTransferBytes) {
      this.effects.push(
        direction === 'down' ? { kind: 'fetch', lease } : { kind: 'upload', lease },
      );
      return;
    }
    this.note({ kind: 'wants', leaseId: lease.leaseId, direction, sizeBytes });
    this.sayWant(attempt);
    this.retry(attempt, limits.longestWantRetryMs);
  }

  /** Says, or says again, that bytes want to move. */
  sayWant(attempt: Attempt): void {
    if (attempt.wanted === null) return;
    this.say({
      kind: 'transferWanted',
      leaseId: attempt.lease.leaseId,
      direction: attempt.wanted,
      sizeBytes: attempt.transferBytes,
    });
  }

  /** Whatever became of it, others may move their bytes. */
  endTransfer(attempt: Attempt): void {
    const { leaseId } = attempt.lease;
    if (attempt.wanted !== null && attempt.isGranted) {
      this.say({ kind: 'transferDone', leaseId, direction: attempt.wanted });
    }
    this.note({ kind: 'transferOver', leaseId });
  }

  /** Names and hashes what it left; again when the scheduler misses it. */
  collect(attempt: Attempt, exit: Exit): void {
    const { lease } = attempt;
    this.note({ kind: 'phase', leaseId: lease.leaseId, phase: 'collecting' });
    this.wait(attempt, null);
    this.effects.push({ kind: 'collect', lease, exit });
  }

  /** Its end is said until it is acknowledged. */
  end(attempt: Attempt): void {
    const { leaseId } = attempt.lease;
    this.note({ kind: 'phase', leaseId, phase: 'ended' });
    this.sayEnd(attempt);
    this.wait(attempt, limits.firstRetryMs);
  }

  sayEnd(attempt: Attempt): void {
    const { exit, result, lease } = attempt;
    if (exit !== null) this.say({ kind: 'ended', leaseId: lease.leaseId, exit, result });
  }

  endUnstarted(attempt: Attempt, code: EndCode, detail: string): void {
    const { leaseId } = attempt.lease;
    const exit: Exit = { code, exitCode: 0, cpuMs: 0, wallMs: 0, detail };
    this.endTransfer(attempt);
    this.note({ kind: 'exit', leaseId, exit });
    // Why it could not start is for the researcher; what an owner or the scheduler ended is not.
    if (code === 'not_started') this.collect(attempt, exit);
    else this.end(attempt);
  }

  /** Only the first reason counts. */
  stop(attempt: Attempt, code: 'cancelled' | 'owner', detail: string): void {
    if (attempt.isStopping) return;
    const { leaseId } = attempt.lease;
    this.note({ kind: 'stopping', leaseId });
    this.effects.push({ kind: 'stop', leaseId, code, detail });
  }

  /** Sets until when its result is kept; it has been for `heldMs`. */
  keep(attempt: Attempt, heldMs: number): void {
    const untilMs = this.nowMs + limits.resultKeptMs - heldMs;
    this.note({ kind: 'kept', leaseId: attempt.lease.leaseId, untilMs });
  }

  say(part: Extract<Effect, { kind: 'say' }>['part']): void {
    this.effects.push({ kind: 'say', part });
  }

  /** What it holds, and how far each is: that it was said before is lost, perhaps. */
  report(): void {
    const { attempts } = this.state;
    const held = [...attempts.keys()];
    this.say({ kind: 'report', held });
    for (const [leaseId, { phase }] of attempts) {
      if (phase !== 'fetching') this.say({ kind: 'transferDone', leaseId, direction: 'down' });
      if (phase === 'running') this.say({ kind: 'started', leaseId });
      if (phase === 'collecting' || phase === 'sending') this.say({ kind: 'exited', leaseId });
    }
    const spanMs = held.length > 0 ? limits.busyReportMs : this.state.idleReportMs;
    this.note({ kind: 'reported', nextReportMs: this.nowMs + spanMs });
  }

  tellStartLater({ lease }: Attempt): void {
    const tellByMs = this.nowMs + limits.startToldWithinMs;
    this.note({ kind: 'startUntold', leaseId: lease.leaseId, tellByMs });
  }

  /** Starts go with whatever is said, or when they have waited long enough; that of an attempt that has
   * exited since is no news. */
  tellStarts(): void {
    const { startsUntold, tellStartsMs, attempts } = this.state;
    if (startsUntold.size === 0) return;
    const isSaying = this.effects.some(({ kind }) => kind === 'say');
    if (!isSaying && tellStartsMs > this.nowMs) return;
    for (const leaseId of startsUntold) {
      if (attempts.get(leaseId)?.phase === 'running') this.say({ kind: 'started', leaseId });
    }
    this.note({ kind: 'startsTold' });
  }

  /** Due again after twice the last span. */
  retry(attempt: Attempt, longestMs: number): void {
    const retryMs = Math.min(longestMs, Math.max(limits.firstRetryMs, 2 * attempt.retryMs));
    const { leaseId } = attempt.lease;
    this.note({ kind: 'due', leaseId, dueMs: this.nowMs + retryMs, retryMs });
  }

  /** Nothing is due; the back-off goes on if what is done now fails. */
  pause(attempt: Attempt): void {
    const { retryMs, lease } = attempt;
    this.note({ kind: 'due', leaseId: lease.leaseId, dueMs: null, retryMs });
  }

  /** Sets when something is due, from the beginning of its back-off; null: nothing is. */
  wait(attempt: Attempt, spanMs: number | null): void {
    this.note({
      kind: 'due',
      leaseId: attempt.lease.leaseId,
      dueMs: spanMs === null ? null : this.nowMs + spanMs,
      retryMs: spanMs ?? 0,
    });
  }
}
