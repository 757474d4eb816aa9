// What nodes do with their leases, as an agent does: ask for their inputs, fetch them when it is
// their turn, run them when a slot is free, send results, and say so. An agent of its own for each
// of 10,000 nodes would take longer than the scheduler that the runs are for; the agents' own core
// is in the federation of sim/world, with faults.

import { freeTransferBytes } from '../../agent/core/index.ts';
import type { Effect } from '../../scheduler/core/index.ts';
import { leaseId } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import { programOf } from '../world/services.ts';
import type { Program } from '../world/services.ts';
import type { Allowance } from './allowance.ts';
import { Attempts, phases } from './attempts.ts';
import { boardOf, emptyMemory, setCarrier, unblocked, without } from './board.ts';
import type { Board } from './board.ts';
import type { Checks } from './checks.ts';
import { numberOf } from './messages.ts';
import type { Messages } from './messages.ts';
import type { Paces } from './paces.ts';
import { Running } from './running.ts';
import type { Direction, Moved, Transfers } from './transfers.ts';
import { Voices } from './voices.ts';

export interface LightNodesOptions {
  readonly world: World;
  readonly transfers: Transfers;
  readonly checks: Checks;
  readonly paces: Paces;
}

export class LightNodes {
  readonly attempts = new Attempts();
  readonly messages: Messages;
  readonly running: Running;
  readonly #options: LightNodesOptions;
  readonly #boards: readonly Board[];
  readonly #voices: Voices;
  /** Nodes at sites without a line. */
  readonly #cut = new Set<number>();

  constructor(options: LightNodesOptions) {
    this.#options = options;
    this.#voices = new Voices(options.world);
    this.messages = this.#voices.messages;
    this.running = new Running({ ...options, attempts: this.attempts });
    this.#boards = options.world.nodes.map(boardOf);
  }

  /** It is switched on, and connects; what it had kept, it tells. */
  switchOn(number: number, now: number): void {
    const board = this.#board(number);
    board.isUp = true;
    this.messages.startedUp(number);
    const { lost } = board;
    board.lost = [];
    for (const lease of lost) {
      board.leases = without(board.leases, lease);
      this.#voices.ended(number, lease, { code: 'lost', runMs: this.#runMs(lease) });
    }
    for (const lease of board.leases) this.#send(lease, now);
    this.#voices.connected(board, now);
  }

  /** What runs is lost, what was not started is forgotten; blobs and results stay on its card. */
  switchOff(number: number, now: number): void {
    const board = this.#board(number);
    board.isUp = false;
    for (const lease of board.leases) {
      const phase = this.attempts.phase[lease] ?? phases.none;
      this.#stopTransfer(board, lease, now);
      if (phase === phases.running) {
        this.attempts.exitedAt[lease] = now;
        this.running.stopped(lease, now);
        this.attempts.phase[lease] = phases.over;
        board.lost = [...board.lost, lease];
      } else if (phase === phases.sendWanted || phase === phases.sending) {
        this.attempts.phase[lease] = phases.sendWanted;
      } else {
        this.attempts.phase[lease] = phases.none;
        board.leases = without(board.leases, lease);
      }
    }
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
      const phase = this.attempts.phase[lease] ?? phases.none;
      const isUnstarted = phase < phases.running;
      if (isUnstarted && allowance.notAccepting !== null) this.#giveBack(board, lease, now);
      if (phase === phases.running && allowance.isEndingTasks) {
        this.#leave(board, lease, now);
        this.#voices.ended(number, lease, { code: 'owner', runMs: this.#runMs(lease) });
      }
    }
    this.#tell(board, now);
  }

  #giveBack(board: Board, lease: number, now: number): void {
    this.#leave(board, lease, now);
    this.#voices.ended(board.number, lease, { code: 'given_back', runMs: 0 });
  }

  /** Those that are on say that they are there, and what they hold. */
  report(now: number): void {
    for (const board of this.#boards) if (board.isUp) this.#tell(board, now);
  }

  /** Its site has no line any more: what moves stops, what runs goes on. */
  cutOff(number: number, now: number): void {
    const board = this.#board(number);
    this.#cut.add(number);
    for (const lease of board.leases) {
      const phase = this.attempts.phase[lease];
      if (phase === phases.running) this.running.cutOff(lease, now);
      if (phase !== phases.moving && phase !== phases.sending) continue;
      this.#stopTransfer(board, lease, now);
      this.attempts.phase[lease] = phase === phases.moving ? phases.wanted : phases.sendWanted;
    }
  }

  mend(number: number, now: number): void {
    this.#cut.delete(number);
    const board = this.#board(number);
    if (!board.isUp) return;
    for (const lease of board.leases) {
      if (this.attempts.phase[lease] === phases.running) this.running.connected(lease, now);
    }
    this.#tell(board, now);
  }

  /** What it holds; and, where messages may be lost, all that the scheduler may not have heard. */
  #tell(board: Board, now: number): void {
    this.#voices.report(board, now);
    if (this.#voices.unheard === null) return;
    this.#voices.endedAgain(board.number);
    for (const lease of board.leases) {
      const phase = this.attempts.phase[lease];
      const bytes = this.attempts.bytes[lease] ?? 0;
      if (phase === phases.running) this.messages.started(board.number, lease);
      if (phase === phases.sendWanted) this.messages.exited(board.number, lease);
      if (phase === phases.wanted) this.#want(lease, 'down', { bytes, now });
      if (phase === phases.sendWanted) this.#want(lease, 'up', { bytes, now });
    }
  }

  carryOut(effect: Effect, now: number): void {
    switch (effect.kind) {
      case 'grant':
        return this.#grant(effect, now);
      case 'transfer':
        return this.#transfer(effect.leaseId, effect.direction, now);
      case 'cancel':
        return this.#cancel(effect.leaseId, now);
      case 'acknowledge':
        return this.#voices.unheard?.acknowledged(numberOf(effect.nodeId), effect.leaseId);
      case 'askReport':
        return this.#asked(this.#board(numberOf(effect.nodeId)), now);
      default:
        return;
    }
  }

  /** A transfer has ended. */
  transferDone({ lease, direction, bytes }: Moved, now: number): void {
    const board = this.#boardOf(lease);
    if (bytes > freeTransferBytes) {
      this.messages.done(board.number, { leaseId: leaseId(lease), direction });
      this.#options.checks.transferOver(board.node.site, direction, lease);
    }
    if (direction === 'up') {
      this.attempts.upBytes[lease] = bytes;
      return this.#sent(lease);
    }
    this.attempts.downBytes[lease] = (this.attempts.downBytes[lease] ?? 0) + bytes;
    this.attempts.fetchedAt[lease] = now;
    this.#fetched(lease, now);
  }

  taskDone(lease: number, now: number): void {
    // It was cancelled before.
    if (this.attempts.phase[lease] !== phases.running) return;
    const board = this.#boardOf(lease);
    if (!this.running.hasEnded(lease, now)) return;
    this.attempts.exitedAt[lease] = now;
    this.#freeSlot(board);
    this.#send(lease, now);
    this.#fill(board, now);
  }

  #send(lease: number, now: number): void {
    const { outputBytes } = this.#programOf(lease);
    if (outputBytes === 0) return this.#sent(lease);
    this.messages.exited(this.attempts.node[lease] ?? -1, lease);
    this.#want(lease, 'up', { bytes: outputBytes, now });
  }

  #grant(effect: Extract<Effect, { kind: 'grant' }>, now: number): void {
    const lease: number = effect.leaseId;
    const job = numberOf(effect.jobId);
    const board = this.#board(numberOf(effect.nodeId));
    // Nobody hears it; or it comes again.
    if (!board.isUp || board.leases.includes(lease)) return;
    if (this.#voices.unheard?.hasEnded(lease) === true) return;
    this.attempts.add(lease, { node: board.number, job, task: effect.taskIndex });
    this.attempts.grantedAt[lease] = now;
    board.leases = [...board.leases, lease];
    board.held += 1;
    if (board.allowance.notAccepting !== null) return this.#giveBack(board, lease, now);
    this.#voices.granted(board);
    this.#options.checks.granted(board.node, this.#programOf(lease), board.held);
    this.#ask(lease, board, now);
  }

  /** Asks for what is missing, or waits for a bundle that another lease brings. */
  #ask(lease: number, board: Board, now: number): void {
    const job = this.attempts.job[lease] ?? -1;
    const { bundleBytes, inputBytes } = this.#programOf(lease);
    const needsBundle = bundleBytes > 0 && !board.bundles.has(job);
    if (needsBundle) setCarrier(board, job, lease);
    // A node that was switched off in between has what it had fetched.
    const isHere = (this.attempts.downBytes[lease] ?? 0) > 0;
    const bytes = (isHere ? 0 : inputBytes) + (needsBundle ? bundleBytes : 0);
    this.#want(lease, 'down', { bytes, now });
  }

  #want(
    lease: number,
    direction: Direction,
    { bytes, now }: { readonly bytes: number; readonly now: number },
  ): void {
    this.attempts.bytes[lease] = bytes;
    if (bytes === 0) {
      if (direction === 'down') this.#fetched(lease, now);
      return;
    }
    this.attempts.phase[lease] = direction === 'down' ? phases.wanted : phases.sendWanted;
    // Small ones go at once: asking would cost as much.
    if (bytes <= freeTransferBytes) return this.#transfer(lease, direction, now);
    const board = this.#boardOf(lease);
    const part = { leaseId: leaseId(lease), direction, sizeBytes: bytes };
    this.messages.wanted(board.number, part);
  }

  #transfer(lease: number, direction: Direction, now: number): void {
    const waits = direction === 'down' ? phases.wanted : phases.sendWanted;
    const board = this.#boardOf(lease);
    if (this.#cut.has(board.number)) return;
    if (this.attempts.phase[lease] !== waits) return this.#decline(board, lease, direction);
    this.attempts.phase[lease] = direction === 'down' ? phases.moving : phases.sending;
    const beganAt = direction === 'down' ? this.attempts.fetchingAt : this.attempts.sendingAt;
    beganAt[lease] = now;
    const { number, node } = board;
    const bytes = this.attempts.bytes[lease] ?? 0;
    const { transfers, checks } = this.#options;
    if (bytes > freeTransferBytes) checks.transferStarted(node.site, direction, lease);
    transfers.start(number, { lease, direction, bytes }, now);
  }

  /** It moves already, or has nothing to move any more: then others may. */
  #decline({ number }: Board, lease: number, direction: Direction): void {
    const moves = direction === 'down' ? phases.moving : phases.sending;
    if (this.#voices.unheard === null || this.attempts.phase[lease] === moves) return;
    this.messages.done(number, { leaseId: leaseId(lease), direction });
  }

  #asked(board: Board, now: number): void {
    if (this.#voices.unheard !== null && board.isUp) this.#tell(board, now);
  }

  #fetched(lease: number, now: number): void {
    const board = this.#boardOf(lease);
    const job = this.attempts.job[lease] ?? -1;
    const carrier = board.bundles.get(job) ?? 0;
    if (carrier !== 0 && carrier !== lease) {
      this.attempts.phase[lease] = phases.blocked;
      board.blocked = [...board.blocked, lease];
      return;
    }
    if (carrier === lease) {
      setCarrier(board, job, 0);
      for (const each of unblocked(board, job, this.attempts.job)) this.#ready(board, each);
    }
    this.#ready(board, lease);
    this.#fill(board, now);
  }

  #ready(board: Board, lease: number): void {
    this.attempts.phase[lease] = phases.ready;
    board.ready = [...board.ready, lease];
  }

  #fill(board: Board, now: number): void {
    while (board.running < board.node.model.slots) {
      const lease = this.running.next(board);
      if (lease === undefined) return;
      board.ready = without(board.ready, lease);
      board.running += 1;
      this.attempts.phase[lease] = phases.running;
      this.attempts.startedAt[lease] = now;
      this.messages.started(board.number, lease);
      this.running.started(lease, { isOnline: !this.#cut.has(board.number), now });
    }
  }

  #freeSlot(board: Board): void {
    board.running -= 1;
    board.held -= 1;
  }

  /** Its result is where the scheduler is. */
  #sent(lease: number): void {
    this.attempts.phase[lease] = phases.over;
    const board = this.#boardOf(lease);
    board.leases = without(board.leases, lease);
    this.#voices.ended(board.number, lease, { code: 'succeeded', runMs: this.#runMs(lease) });
  }

  #runMs(lease: number): number {
    return (this.attempts.exitedAt[lease] ?? 0) - (this.attempts.startedAt[lease] ?? 0);
  }

  /** Another attempt has won: it stops, and nobody waits for its end. */
  #cancel(lease: number, now: number): void {
    const phase = this.attempts.phase[lease] ?? phases.none;
    if (phase === phases.none || phase === phases.over) return;
    const board = this.#boardOf(lease);
    if (!board.isUp) return;
    this.#leave(board, lease, now);
    this.#fill(board, now);
  }

  /** It does nothing more for this lease. */
  #leave(board: Board, lease: number, now: number): void {
    const phase = this.attempts.phase[lease] ?? phases.none;
    board.leases = without(board.leases, lease);
    this.attempts.phase[lease] = phases.over;
    this.#stopTransfer(board, lease, now);
    if (phase === phases.running) {
      this.attempts.exitedAt[lease] = now;
      this.running.stopped(lease, now);
      this.#freeSlot(board);
    } else if (phase < phases.running) {
      board.held -= 1;
      board.ready = without(board.ready, lease);
      board.blocked = without(board.blocked, lease);
      this.#dropCarrier(board, lease, now);
    }
  }

  #stopTransfer(board: Board, lease: number, now: number): void {
    const { transfers, checks } = this.#options;
    const bytes = transfers.stop(lease, now);
    this.attempts.stoppedBytes[lease] = (this.attempts.stoppedBytes[lease] ?? 0) + bytes;
    for (const direction of ['down', 'up'] as const) {
      checks.transferOver(board.node.site, direction, lease);
    }
  }

  /** Whoever waited for its bundle brings it. */
  #dropCarrier(board: Board, lease: number, now: number): void {
    const job = this.attempts.job[lease] ?? -1;
    if (board.bundles.get(job) !== lease) return;
    setCarrier(board, job, null);
    const heir = board.blocked.find((each) => this.attempts.job[each] === job);
    if (heir === undefined) return;
    board.blocked = without(board.blocked, heir);
    setCarrier(board, job, heir);
    this.#want(heir, 'down', { bytes: this.#programOf(heir).bundleBytes, now });
  }

  #boardOf(lease: number): Board {
    return this.#board(this.attempts.node[lease] ?? -1);
  }

  #board(number: number): Board {
    const board = this.#boards[number];
    if (board === undefined) throw new Error(`there is no node ${number}`);
    return board;
  }

  #programOf(lease: number): Program {
    return programOf(this.#options.world, this.attempts.job[lease] ?? -1);
  }
}
