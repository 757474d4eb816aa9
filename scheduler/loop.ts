// Drives the core and decides nothing: takes commands in batches, applies what is decided, puts the
// facts on disk with one sync, and only then lets effects and answers go.

import type { Answer, Command, Effect, Fact, Instant, Policy, View } from './core/index.ts';
import {
  State,
  StateView,
  apply,
  decide,
  defaultPolicy,
  imageOf,
  instant,
  stateOf,
  toJournal,
} from './core/index.ts';
import type { Clock, EffectSink, Journal, Meter } from './ports.ts';

/** Commands decided in one batch; more wait for the next. */
const batchSize = 4_096;
/**
 * Batches begin at least so far apart, unless somebody waits for an answer: under load each then
 * holds many commands, and one sync of the disk and one write to the bus serve them all (10 ms took 152 µs
 * of CPU for a task at 2,200/s, 30 ms 130). What comes after a quiet moment never waits.
 */
export const batchSpanMs = 30;
/**
 * The same when many speak and no task waits for a place: nothing starts any later for it, and a
 * thousand reports a second cost a third less.
 */
export const idleSpanMs = 100;
/** Commands of the batch before, from which on many speak. */
export const manyCommands = 16;
/**
 * Where many speak of long tasks, batches are up to `idleSpanMs` apart too: by this part of the time in which
 * a lease says one thing, so that no slot is kept waiting for longer than that. It is 100 ms with 10,000 agents and tasks of 4.5 s,
 * and 36 with 1,000 and tasks of 0.45 s.
 */
export const waitShare = 0.04;
/** Deadlines are looked at this often. */
const tickMs = 1_000;

interface Entry {
  readonly command: Command;
  readonly resolve: ((answer: Answer) => void) | undefined;
  readonly reject: ((error: Error) => void) | undefined;
}

export interface LoopOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly sink: EffectSink;
  /** Without: the one that federations run. */
  readonly policy?: Policy;
  /** Nobody measures a simulated scheduler. */
  readonly meter?: Meter;
  /** The journal failed, or the core is wrong: nothing may be promised any more. */
  readonly onFatal: (error: Error) => void;
  /** What the journal had to mend when it was read, and snapshots that failed. */
  readonly onWarning: (warning: string) => void;
}

/** Nothing of what was asked has happened. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
  readonly code = 'unavailable';
}

export class Loop {
  readonly #options: LoopOptions;
  readonly #state: State;
  readonly #policy: Policy;
  readonly #view: View;
  /** How far the clock was behind the last fact at the start. */
  readonly #behindMs: number;
  #sequence: number;
  #inbox: Entry[] = [];
  #isRunning = false;
  #isStopped = false;
  #cancelTick: () => void = () => undefined;
  #batchAt = instant(0);
  #batchCommands = 0;
  /** How long it took for them to come. */
  #batchGatheredMs = 0;
  /** Ends the wait for the next batch, when there is one. */
  #stopWaiting: () => void = () => undefined;
  #idle: (() => void)[] = [];
  #snapshot: Promise<void> | undefined;

  private constructor(options: LoopOptions, state: State, sequence: number) {
    this.#options = options;
    this.#policy = options.policy ?? defaultPolicy;
    this.#state = state;
    this.#sequence = sequence;
    this.#behindMs = Math.max(0, state.latest - options.clock.now());
    this.#view = new StateView(state, { now: () => this.now(), policy: this.#policy });
  }

  /**
   * Reads the journal and starts.
   *
   * @throws whatever the journal throws when it can't be read; nothing has been changed then.
   */
  static async start(options: LoopOptions): Promise<Loop> {
    const recovery = await options.journal.recover();
    const state = recovery.image === undefined ? new State() : stateOf(recovery.image);
    for await (const facts of recovery.batches) for (const fact of facts) apply(state, fact);
    for (const warning of recovery.warnings) options.onWarning(warning);
    const loop = new Loop(options, state, recovery.lastSequence());
    if (loop.#behindMs > 0) {
      options.onWarning(
        `The clock is ${loop.#behindMs} ms behind the journal: time goes on from the last entry. Set the clock, then start again.`,
      );
    }
    loop.#scheduleTick();
    return loop;
  }

  get view(): View {
    return this.#view;
  }

  /**
   * The federation's time: the clock's, but after a clock that was set back while nothing ran it
   * goes on from the last fact, so that no deadline stands still until the clock has caught up.
   */
  now(): Instant {
    return instant(Math.max(this.#options.clock.now() + this.#behindMs, this.#state.latest));
  }

  /** Number of batches on disk. */
  get sequence(): number {
    return this.#sequence;
  }

  /** How long a command that nobody waits for would lie in the inbox, if it were given now. */
  restMs(): number {
    return Math.max(0, this.#nextBatchAt() - this.#options.clock.now());
  }

  /** Gives a command and waits for its answer; what it decided is on disk then. */
  submit(command: Command): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#push({ command, resolve, reject });
    });
  }

  /** Gives a command whose answer nobody waits for. */
  post(command: Command): void {
    this.#push({ command, resolve: undefined, reject: undefined });
  }

  /** Finishes the batch under way; later commands are refused. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTick();
    for (const entry of this.#inbox.splice(0)) entry.reject?.(stopped());
    this.#stopWaiting();
    if (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#snapshot;
    await this.#options.journal.close();
  }

  #push(entry: Entry): void {
    if (this.#isStopped) {
      entry.reject?.(stopped());
      return;
    }
    this.#inbox.push(entry);
    if (entry.resolve !== undefined) this.#stopWaiting();
    if (this.#isRunning) return;
    this.#isRunning = true;
    queueMicrotask(() => void this.#drain());
  }

  async #drain(): Promise<void> {
    try {
      while (this.#inbox.length > 0) {
        await this.#untilNextBatch();
        if (this.#isStopped) break;
        await this.#answerBatch(this.#inbox.splice(0, batchSize));
        this.#maybeSnapshot();
      }
    } catch (error) {
      this.#isStopped = true;
      this.#cancelTick();
      for (const entry of this.#inbox.splice(0)) entry.reject?.(stopped());
      this.#options.onFatal(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#isRunning = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  async #untilNextBatch(): Promise<void> {
    const { clock } = this.#options;
    const due = this.#nextBatchAt();
    const isAwaited = (): boolean => this.#inbox.some(({ resolve }) => resolve !== undefined);
    if (clock.now() < due && !isAwaited()) {
      await new Promise<void>((resolve) => {
        const cancel = clock.callAt(due, resolve);
        this.#stopWaiting = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#batchGatheredMs = Math.min(idleSpanMs, clock.now() - this.#batchAt);
    this.#batchAt = clock.now();
    this.#batchCommands = this.#inbox.length;
  }

  #nextBatchAt(): Instant {
    const spanMs = this.#batchCommands < manyCommands ? batchSpanMs : this.#spanOfManyMs();
    return instant(this.#batchAt + spanMs);
  }

  #spanOfManyMs(): number {
    const { waitingJobs, leases } = this.#state;
    if (waitingJobs.size === 0) return idleSpanMs;
    const betweenWordsMs = (leases.size * this.#batchGatheredMs) / this.#batchCommands;
    return Math.min(idleSpanMs, Math.max(batchSpanMs, waitShare * betweenWordsMs));
  }

  /** Every caller hears how it ended, before the process stops. */
  async #answerBatch(entries: readonly Entry[]): Promise<void> {
    try {
      await this.#runBatch(entries);
    } catch (error) {
      for (const entry of entries) entry.reject?.(failed(error));
      throw error;
    }
  }

  async #runBatch(entries: readonly Entry[]): Promise<void> {
    const { meter, sink } = this.#options;
    const ended = meter?.begin('batch');
    const now = this.now();
    const facts: Fact[] = [];
    const effects: Effect[] = [];
    const take = (command: Command): Answer => {
      const decision = decide(this.#state, command, { now, policy: this.#policy });
      for (const fact of decision.facts) {
        apply(this.#state, fact);
        facts.push(fact);
      }
      for (const effect of decision.effects) effects.push(effect);
      return decision.answer;
    };
    const answers = entries.map(({ command }) => take(command));
    take({ kind: 'place' });
    await this.#write(facts, entries);
    if (effects.length > 0) sink.carryOut(effects);
    for (const [index, answer] of answers.entries()) entries[index]?.resolve?.(answer);
    meter?.batch(facts, answers);
    ended?.();
  }

  async #write(facts: readonly Fact[], entries: readonly Entry[]): Promise<void> {
    const durable = toJournal(facts);
    if (durable.length === 0) return;
    try {
      await this.#options.journal.append(durable, this.#sequence);
    } catch (error) {
      const text =
        'The scheduler stops, since it can write nothing more to its journal: nothing of this request was kept. Try again when it is back.';
      for (const entry of entries) entry.reject?.(new StoppedError(text, { cause: error }));
      throw error;
    }
    this.#sequence += 1;
  }

  #scheduleTick(): void {
    const { clock } = this.#options;
    const due = instant(clock.now() + tickMs);
    this.#cancelTick = clock.callAt(due, () => {
      if (this.#isStopped) return;
      this.post({ kind: 'tick' });
      this.#scheduleTick();
    });
  }

  /** Between batches: the copy stops everything for a moment, the writing does not. */
  #maybeSnapshot(): void {
    if (this.#snapshot !== undefined || !this.#options.journal.wantsSnapshot()) return;
    const copied = this.#options.meter?.begin('snapshotPause');
    const image = imageOf(this.#state);
    copied?.();
    this.#snapshot = this.#options.journal
      .snapshot(image, this.#sequence)
      .catch((error: unknown) => {
        // Nothing rests on it: the journal goes on, and wants another one later.
        const why = error instanceof Error ? error.message : String(error);
        this.#options.onWarning(
          `A snapshot of the state could not be written, so restarts take longer: ${why}.`,
        );
      })
      .finally(() => {
        this.#snapshot = undefined;
      });
  }
}

function failed(cause: unknown): StoppedError {
  const text =
    'The scheduler stops over a fault of its own: see, when it is back, whether this request was kept, and try again.';
  return new StoppedError(text, { cause });
}

function stopped(): StoppedError {
  return new StoppedError('The scheduler is stopping: try again when it is back.');
}
