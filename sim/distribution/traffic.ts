// Time of a run, and the lines whose rates all transfers of it share by max-min fairness.

import { EventQueue } from '../kernel/event-queue.ts';
import { FlowNetwork } from '../network/flow-network.ts';
import { CheckFailed } from '../run/checks.ts';

type Due = () => void;

export class Traffic {
  readonly #network = new FlowNetwork();
  readonly #acts = new EventQueue();
  /** By number; one that is over leaves its number to another. */
  readonly #waiting: (Due | null)[] = [];
  readonly #spare: number[] = [];
  /** By the flow's number. */
  readonly #ends: (Due | null)[] = [];

  get nowMs(): number {
    return 1000 * this.#network.now;
  }

  /** Returns the line's number. */
  addLine(bitsPerSecond: number): number {
    return this.#network.addLink(bitsPerSecond / 8);
  }

  after(spanMs: number, due: Due): void {
    const act = this.#spare.pop() ?? this.#waiting.length;
    this.#waiting[act] = due;
    this.#acts.push(this.#network.now + spanMs / 1000, act);
  }

  /** Bytes over some lines, from now on. Returns a number that is another's once they are there. */
  start(lines: readonly number[], bytes: number, ended: Due): number {
    const flow = this.#network.start(lines, bytes);
    this.#ends[flow] = ended;
    return flow;
  }

  /** Returns the bytes that have not come. */
  cut(flow: number): number {
    this.#ends[flow] = null;
    return this.#network.cancel(flow);
  }

  /** Until nothing moves and nobody waits any more. */
  run(): void {
    for (;;) {
      const next = Math.min(this.#network.nextCompletion(), this.#acts.nextAt);
      if (next === Infinity) return;
      // All are taken out first: a new flow gets the number of one that has ended.
      const ended = this.#network.advance(next).map((flow) => this.#takeOut(flow));
      for (const due of ended) due();
      while (this.#acts.nextAt <= next) this.#act();
    }
  }

  #takeOut(flow: number): Due {
    const due = this.#ends[flow] ?? null;
    if (due === null) throw new CheckFailed(`flow ${flow} is nobody's`);
    this.#ends[flow] = null;
    return due;
  }

  #act(): void {
    const act = this.#acts.pop();
    const due = this.#waiting[act] ?? null;
    this.#waiting[act] = null;
    this.#spare.push(act);
    due?.();
  }
}
