// What a node does with its leases, as an agent does: ask for their inputs, fetch them when it is their
// turn, run them when a slot is free, send results, and say so.

import { freeTransferBytes } from '../../agent/core/index.ts';
import type { Effect, EndCode } from '../../scheduler/core/index.ts';
import { isExchanged, leaseId } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import { programOf } from '../world/services.ts';
import type { Program } from '../world/services.ts';
import { Attempts, phases } from './attempts.ts';
import { boardAt, boardOf, bySite, setCarrier, unblocked, without } from './board.ts';
import type { Board } from './board.ts';
import type { Checks } from './checks.ts';
import { Exchanges } from './exchanges.ts';
import { programHash } from './job-template.ts';
import { numberOf } from './messages.ts';
import type { Paces } from './paces.ts';
import { Running } from './running.ts';
import type { Direction, Moved, Transfers } from './transfers.ts';
import { Voices } from './voices.ts';

export interface LeaseWorkOptions {
  readonly world: World;
  readonly transfers: Transfers;
  readonly checks: Checks;
  readonly paces: Paces;
  /** Asks for `exchanges.copied` with this number then. */
  readonly copiedAt: (atMs: number, call: number) => void;
}

export class LeaseWork {
  readonly attempts = new Attempts();
  readonly boards: readonly Board[];
  readonly voices: Voices;
  readonly running: Running;
  readonly exchanges: Exchanges;
  readonly #options: LeaseWorkOptions;

  constructor(options: LeaseWorkOptions) {
    this.#options = options;
    this.boards = options.world.nodes.map(boardOf);
    this.voices = new Voices(options.world);
    this.running = new Running({ ...options, attempts: this.attempts });
    this.exchanges = new Exchanges({
      ...{ ...options, attempts: this.attempts, messages: this.voices.messages },
      onWhole: (node, job, now) => this.#bundleHere(boardAt(this.boards, node), job, now),
    });
  }

  grant(effect: Extract<Effect, { kind: 'grant' }>, now: number): void {
    const lease: number = effect.leaseId;
    const job = numberOf(effect.jobId);
    const board = boardAt(this.boards, numberOf(effect.nodeId));
    // Nobody hears it; or it comes again.
    if (!board.isUp || board.leases.includes(lease)) return;
    if (this.voices.unheard?.hasEnded(lease) === true) return;
    this.attempts.add(lease, { node: board.number, job, task: effect.taskIndex });
    this.attempts.grantedAt[lease] = now;
    board.leases = [...board.leases, lease];
    board.held += 1;
    if (board.allowance.notAccepting !== null) {
      return this.giveUp(board, lease, { code: 'given_back', now });
    }
    this.voices.granted(board);
    this.#options.checks.granted(board, this.#programOf(lease));
    this.#ask(lease, board, now);
  }

  /** Asks for what is missing, or waits for a bundle that another lease brings, or the site's exchange. */
  #ask(lease: number, board: Board, now: number): void {
    const job = this.attempts.job[lease] ?? -1;
    const { bundleBytes } = this.#programOf(lease);
    const needsBundle = bundleBytes > 0 && !board.bundles.has(job);
    if (bundleBytes > 0 && isExchanged({ sha256: programHash(job), sizeBytes: bundleBytes })) {
      if (board.bundles.get(job) === 0) this.exchanges.offer(board, job);
      else return this.#join(lease, board, now);
    }
    if (needsBundle) setCarrier(board, job, lease);
    this.#wantOwn(lease, { more: needsBundle ? bundleBytes : 0, now });
  }

  /** Its own input is asked for when the bundle is here. */
  #join(lease: number, board: Board, now: number): void {
    const job = this.attempts.job[lease] ?? -1;
    this.#block(lease, board);
    this.attempts.fetchingAt[lease] = now;
    if (board.bundles.has(job)) return;
    setCarrier(board, job, bySite);
    this.exchanges.join(board, job, now);
  }

  /** A node that was switched off in between has what it had fetched. */
  #wantOwn(lease: number, { more, now }: { readonly more: number; readonly now: number }): void {
    const isHere = (this.attempts.downBytes[lease] ?? 0) > 0;
    const isBorn = this.#programOf(lease).home === this.#boardOf(lease).node.site;
    const own = isHere || isBorn ? 0 : this.#programOf(lease).inputBytes;
    this.want(lease, 'down', { bytes: more + own, now });
  }

  /** The site does not exchange it: the node fetches it alone. */
  notExchanged(effect: Extract<Effect, { kind: 'exchange' }>, now: number): void {
    const job = this.exchanges.close(effect);
    if (job !== null) this.#handOn(boardAt(this.boards, numberOf(effect.nodeId)), job, now);
  }

  want(
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
    if (bytes <= freeTransferBytes) return this.transfer(lease, direction, now);
    const board = this.#boardOf(lease);
    const part = { leaseId: leaseId(lease), direction, sizeBytes: bytes };
    this.voices.messages.wanted(board.number, part);
  }

  transfer(lease: number, direction: Direction, now: number): void {
    const waits = direction === 'down' ? phases.wanted : phases.sendWanted;
    const board = this.#boardOf(lease);
    if (board.isCut) return;
    if (this.attempts.phase[lease] !== waits) return this.#decline(board, lease, direction);
    this.attempts.phase[lease] = direction === 'down' ? phases.moving : phases.sending;
    const beganAt = direction === 'down' ? this.attempts.fetchingAt : this.attempts.sendingAt;
    beganAt[lease] = now;
    const { number, node } = board;
    const bytes = this.attempts.bytes[lease] ?? 0;
    const { transfers, checks } = this.#options;
    if (bytes > freeTransferBytes) checks.transferStarted(node.site, direction, lease);
    const home = direction === 'down' ? this.#homeOf(lease) : undefined;
    if (home !== undefined && bytes > freeTransferBytes) checks.transferStarted(home, 'up', lease);
    transfers.start(number, { lease, direction, bytes, home }, now);
  }

  /** It moves already, or has nothing to move any more: then others may. */
  #decline({ number }: Board, lease: number, direction: Direction): void {
    const moves = direction === 'down' ? phases.moving : phases.sending;
    if (this.voices.unheard === null || this.attempts.phase[lease] === moves) return;
    this.voices.messages.done(number, { leaseId: leaseId(lease), direction });
  }

  /** A transfer has ended. */
  transferDone({ lease, direction, bytes }: Moved, now: number): void {
    if (lease < 0) return this.exchanges.brought(-lease, now);
    const board = this.#boardOf(lease);
    if (bytes > freeTransferBytes) {
      this.voices.messages.done(board.number, { leaseId: leaseId(lease), direction });
      this.#options.checks.transferOver(board.node.site, direction, lease);
      const home = direction === 'down' ? this.#homeOf(lease) : undefined;
      if (home !== undefined) this.#options.checks.transferOver(home, 'up', lease);
    }
    if (direction === 'up') {
      this.attempts.upBytes[lease] = bytes;
      return this.#sent(lease);
    }
    this.attempts.downBytes[lease] = (this.attempts.downBytes[lease] ?? 0) + bytes;
    this.attempts.fetchedAt[lease] = now;
    this.#fetched(lease, now);
  }

  #fetched(lease: number, now: number): void {
    const board = this.#boardOf(lease);
    const job = this.attempts.job[lease] ?? -1;
    const carrier = board.bundles.get(job) ?? 0;
    if (carrier !== 0 && carrier !== lease) return this.#block(lease, board);
    if (carrier === lease) this.#bundleHere(board, job, now);
    this.#ready(board, lease);
    this.#fill(board, now);
  }

  #block(lease: number, board: Board): void {
    this.attempts.phase[lease] = phases.blocked;
    board.blocked = [...board.blocked, lease];
  }

  #bundleHere(board: Board, job: number, now: number): void {
    setCarrier(board, job, 0);
    for (const each of unblocked(board, job, this.attempts.job)) {
      this.attempts.fetchedAt[each] = now;
      this.#wantOwn(each, { more: 0, now });
    }
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
      this.voices.messages.started(board.number, lease);
      this.running.started(lease, { isOnline: !board.isCut, now });
    }
  }

  taskDone(lease: number, now: number): void {
    // It was cancelled before.
    if (this.attempts.phase[lease] !== phases.running) return;
    const board = this.#boardOf(lease);
    if (!this.running.hasEnded(lease, now)) return;
    this.attempts.exitedAt[lease] = now;
    this.#freeSlot(board);
    this.send(lease, now);
    this.#fill(board, now);
  }

  #freeSlot(board: Board): void {
    board.running -= 1;
    board.held -= 1;
  }

  send(lease: number, now: number): void {
    const { outputBytes } = this.#programOf(lease);
    if (outputBytes === 0) return this.#sent(lease);
    this.voices.messages.exited(this.attempts.node[lease] ?? -1, lease);
    this.want(lease, 'up', { bytes: outputBytes, now });
  }

  /** Its result is where the scheduler is. */
  #sent(lease: number): void {
    this.attempts.phase[lease] = phases.over;
    const board = this.#boardOf(lease);
    board.leases = without(board.leases, lease);
    this.end(board.number, lease, 'succeeded');
  }

  /** Another attempt has won: it stops, and nobody waits for its end. */
  cancel(lease: number, now: number): void {
    const phase = this.attempts.phase[lease] ?? phases.none;
    if (phase === phases.none || phase === phases.over) return;
    const board = this.#boardOf(lease);
    if (!board.isUp) return;
    this.#leave(board, lease, now);
    this.#fill(board, now);
  }

  /** It does nothing more for this lease, and says why. */
  giveUp(board: Board, lease: number, of: { readonly code: EndCode; readonly now: number }): void {
    this.#leave(board, lease, of.now);
    this.end(board.number, lease, of.code);
  }

  /** It says how the attempt has ended. */
  end(node: number, lease: number, code: EndCode): void {
    const { exitedAt, startedAt } = this.attempts;
    const runMs = (exitedAt[lease] ?? 0) - (startedAt[lease] ?? 0);
    this.voices.ended(node, lease, { code, runMs });
  }

  /** It does nothing more for this lease. */
  #leave(board: Board, lease: number, now: number): void {
    const phase = this.attempts.phase[lease] ?? phases.none;
    board.leases = without(board.leases, lease);
    this.attempts.phase[lease] = phases.over;
    this.stopTransfer(board, lease, now);
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

  stopTransfer(board: Board, lease: number, now: number): void {
    const { transfers, checks } = this.#options;
    const bytes = transfers.stop(lease, now);
    this.attempts.stoppedBytes[lease] = (this.attempts.stoppedBytes[lease] ?? 0) + bytes;
    for (const direction of ['down', 'up'] as const) {
      checks.transferOver(board.node.site, direction, lease);
    }
    const home = this.#homeOf(lease);
    if (home !== undefined) checks.transferOver(home, 'up', lease);
  }

  /** Whoever waited for its bundle brings it. */
  #dropCarrier(board: Board, lease: number, now: number): void {
    const job = this.attempts.job[lease] ?? -1;
    if (board.bundles.get(job) === lease) this.#handOn(board, job, now);
  }

  #handOn(board: Board, job: number, now: number): void {
    setCarrier(board, job, null);
    const heir = board.blocked.find((each) => this.attempts.job[each] === job);
    if (heir === undefined) return;
    board.blocked = without(board.blocked, heir);
    setCarrier(board, job, heir);
    this.#wantOwn(heir, { more: this.#programOf(heir).bundleBytes, now });
  }

  /** Another site where its input was born. */
  #homeOf(lease: number): number | undefined {
    const { home } = this.#programOf(lease);
    return home === null || home === this.#boardOf(lease).node.site ? undefined : home;
  }

  #boardOf(lease: number): Board {
    return boardAt(this.boards, this.attempts.node[lease] ?? -1);
  }

  #programOf(lease: number): Program {
    return programOf(this.#options.world, this.attempts.job[lease] ?? -1);
  }
}
