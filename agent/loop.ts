// Drives the agent's core and decides nothing: takes commands in batches, hands on what is to be
// done, and wakes it when something is due.

import type { Command, Effect } from './core/index.ts';
import { AgentState, nextDeadlineMs, take } from './core/index.ts';
import type { Clock, EffectSink } from './ports.ts';

export class AgentLoop {
  readonly #clock: Clock;
  readonly #sink: EffectSink;
  readonly #state = new AgentState();
  #inbox: Command[] = [];
  #isScheduled = false;
  #isStopped = false;
  #cancelTimer: () => void = () => undefined;

  constructor(options: { readonly clock: Clock; readonly sink: EffectSink }) {
    this.#clock = options.clock;
    this.#sink = options.sink;
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
    const spanMs = Math.max(0, nextMs - this.#clock.nowMs());
    this.#cancelTimer = this.#clock.callAfter(spanMs, () => this.post({ kind: 'tick' }));
  }
}
