// Drives the agent's core and decides nothing: takes commands in batches, hands on what is to be
// done, and wakes it when something is due.

import type { AttemptPhase, Command, Effect, Lease } from './core/index.ts';
import { AgentState, blobsInUse, nextDeadlineMs, take } from './core/index.ts';
import type { Clock, EffectSink } from './ports.ts';

export interface LoopOptions {
  readonly clock: Clock;
  readonly sink: EffectSink;
  /** How often this node reports when idle; absent: the core's own span. */
  readonly idleReportMs?: number;
}

export class AgentLoop {
  readonly #clock: Clock;
  readonly #sink: EffectSink;
  readonly #state: AgentState;
  #inbox: Command[] = [];
  #isScheduled = false;
  #isStopped = false;
  #cancelTimer: () => void = () => undefined;

  constructor({ clock, sink, idleReportMs }: LoopOptions) {
    this.#clock = clock;
    this.#sink = sink;
    this.#state = new AgentState(idleReportMs);
  }

  /** All that this node holds, and how far it is. */
  attempts(): readonly { readonly lease: Lease; readonly phase: AttemptPhase }[] {
    return [...this.#state.attempts.values()];
  }

  /** Hashes of the blobs that tasks run from, or will. */
  blobsInUse(): ReadonlySet<string> {
    return blobsInUse(this.#state);
  }

  post(command: Command): void {
    if (this.#isStopped) return;
    this.#inbox.push(command);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#run());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  #run(): void {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    const effects: Effect[] = [];
    const nowMs = this.#clock.nowMs();
    for (const command of this.#inbox.splice(0)) effects.push(...take(this.#state, command, nowMs));
    if (effects.length > 0) this.#sink.carryOut(effects);
    this.#cancelTimer();
    const nextMs = nextDeadlineMs(this.#state);
    if (nextMs === null) return;
    const spanMs = Math.min(longestTimerMs, Math.max(0, nextMs - this.#clock.nowMs()));
    this.#cancelTimer = this.#clock.callAfter(spanMs, () => this.post({ kind: 'tick' }));
  }
}

/** Node's timers end at 2^31 ms; a tick that comes early does no harm. */
const longestTimerMs = 24 * 3_600_000;
