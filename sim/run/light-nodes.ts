// What becomes of nodes: they are switched on and off, their owners allow this and that, their lines are
// cut and mended, and the scheduler tells them what to do. An agent of its own for each of 10,000 nodes
// would take longer than the scheduler that the runs are for; the agents' own core is in the
// federation of sim/world, with faults.

import type { Effect } from '../../scheduler/core/index.ts';
import type { Allowance } from './allowance.ts';
import { phases } from './attempts.ts';
import { boardAt, emptyMemory, without } from './board.ts';
import type { Board } from './board.ts';
import type { LeaseWork } from './lease-work.ts';
import { numberOf } from './messages.ts';

export class LightNodes {
  readonly #work: LeaseWork;

  constructor(work: LeaseWork) {
    this.#work = work;
  }

  /** It is switched on, and connects; what it had kept, it tells. */
  switchOn(number: number, now: number): void {
    const board = this.#board(number);
    board.isUp = true;
    this.#work.voices.messages.startedUp(number);
    const { lost } = board;
    board.lost = [];
    for (const lease of lost) {
      board.leases = without(board.leases, lease);
      this.#work.end(number, lease, 'lost');
    }
    for (const lease of board.leases) this.#work.send(lease, now);
    this.#work.voices.connected(board, now);
  }

  /** What runs is lost, what was not started is forgotten; blobs and results stay on its card. */
  switchOff(number: number, now: number): void {
    const board = this.#board(number);
    board.isUp = false;
    for (const lease of board.leases) {
      const phase = this.#work.attempts.phase[lease] ?? phases.none;
      this.#work.stopTransfer(board, lease, now);
      if (phase === phases.running) {
        this.#work.attempts.exitedAt[lease] = now;
        this.#work.running.stopped(lease, now);
        this.#work.attempts.phase[lease] = phases.over;
        board.lost = [...board.lost, lease];
      } else if (phase === phases.sendWanted || phase === phases.sending) {
        this.#work.attempts.phase[lease] = phases.sendWanted;
      } else {
        this.#work.attempts.phase[lease] = phases.none;
        board.leases = without(board.leases, lease);
      }
    }
    this.#work.exchanges.switchOff(board, now);
    emptyMemory(board);
  }

  isUp(number: number): boolean {
    return this.#board(number).isUp;
  }

  /** It is on, and its owner lets tasks start. */
  isAvailable(number: number): boolean {
    const { isUp, allowance } = this.#board(number);
    return isUp && allowance.notAccepting === null;
  }

  /** Its owner allows something else from now on: it says so, and what must not go on ends. */
  allow(number: number, allowance: Allowance, now: number): void {
    const board = this.#board(number);
    board.allowance = allowance;
    if (!board.isUp) return;
    for (const lease of board.leases) {
      const phase = this.#work.attempts.phase[lease] ?? phases.none;
      const isUnstarted = phase < phases.running;
      if (isUnstarted && allowance.notAccepting !== null) {
        this.#work.giveUp(board, lease, { code: 'given_back', now });
      }
      if (phase === phases.running && allowance.isEndingTasks) {
        this.#work.giveUp(board, lease, { code: 'owner', now });
      }
    }
    this.#tell(board, now);
  }

  /** Those that are on say that they are there, and what they hold. */
  report(now: number): void {
    const { voices } = this.#work;
    for (const board of this.#work.boards) {
      if (!board.isUp) continue;
      if (voices.isIdle(board)) voices.messages.idle(board.number);
      else this.#tell(board, now);
    }
  }

  /** Its site has no line any more: what moves stops, what runs goes on. */
  cutOff(number: number, now: number): void {
    const board = this.#board(number);
    board.isCut = true;
    this.#work.exchanges.cutOff(board, now);
    for (const lease of board.leases) {
      const phase = this.#work.attempts.phase[lease];
      if (phase === phases.running) this.#work.running.cutOff(lease, now);
      if (phase !== phases.moving && phase !== phases.sending) continue;
      this.#work.stopTransfer(board, lease, now);
      this.#work.attempts.phase[lease] =
        phase === phases.moving ? phases.wanted : phases.sendWanted;
    }
  }

  mend(number: number, now: number): void {
    const board = this.#board(number);
    board.isCut = false;
    if (!board.isUp) return;
    for (const lease of board.leases) {
      const isRunning = this.#work.attempts.phase[lease] === phases.running;
      if (isRunning) this.#work.running.connected(lease, now);
    }
    this.#tell(board, now);
  }

  carryOut(effect: Effect, now: number): void {
    switch (effect.kind) {
      case 'grant':
        return this.#work.grant(effect, now);
      case 'transfer':
        return this.#work.transfer(effect.leaseId, effect.direction, now);
      case 'cancel':
        return this.#work.cancel(effect.leaseId, now);
      case 'acknowledge':
        return this.#work.voices.unheard?.acknowledged(numberOf(effect.nodeId), effect.leaseId);
      case 'leaseChunks':
        return this.#work.exchanges.lease(effect, now);
      case 'exchange':
        // Who takes part knows whom of its site to ask.
        return effect.isClosed ? this.#work.notExchanged(effect, now) : undefined;
      case 'askReport':
        return this.#asked(this.#board(numberOf(effect.nodeId)), now);
      default:
        return;
    }
  }

  #asked(board: Board, now: number): void {
    if (this.#work.voices.unheard !== null && board.isUp) this.#tell(board, now);
  }

  /** What it holds; and, where messages may be lost, all that the scheduler may not have heard. */
  #tell(board: Board, now: number): void {
    this.#work.voices.report(board, now);
    if (this.#work.voices.unheard === null) return;
    this.#work.voices.endedAgain(board.number);
    this.#work.exchanges.tell(board);
    for (const lease of board.leases) {
      const phase = this.#work.attempts.phase[lease];
      const bytes = this.#work.attempts.bytes[lease] ?? 0;
      if (phase === phases.running) this.#work.voices.messages.started(board.number, lease);
      if (phase === phases.sendWanted) this.#work.voices.messages.exited(board.number, lease);
      if (phase === phases.wanted) this.#work.want(lease, 'down', { bytes, now });
      if (phase === phases.sendWanted) this.#work.want(lease, 'up', { bytes, now });
    }
  }

  #board(number: number): Board {
    return boardAt(this.#work.boards, number);
  }
}
