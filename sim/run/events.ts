// What is to happen in a run, and when: an event is a kind and a number of that kind, of a node, a
// lease, a job or a call.

import { EventQueue } from '../kernel/event-queue.ts';

export const kinds = {
  batch: 0,
  task: 1,
  submit: 2,
  beat: 3,
  power: 4,
  tick: 5,
  plan: 6,
  lines: 7,
  fault: 8,
  late: 9,
  owner: 10,
  coming: 11,
  pace: 12,
  stop: 13,
  copy: 14,
} as const;

type Kind = (typeof kinds)[keyof typeof kinds];

const kindCount = Object.keys(kinds).length;

export class Events {
  readonly #queue = new EventQueue();

  get size(): number {
    return this.#queue.size;
  }

  /** When the next one is due; Infinity: there is none. */
  get nextAt(): number {
    return this.#queue.nextAt;
  }

  push(kind: Kind, atMs: number, of = 0): void {
    this.#queue.push(atMs, of * kindCount + kind);
  }

  /** For those who push events of one kind alone. */
  pusher(kind: Kind): (atMs: number, of?: number) => void {
    return (atMs, of) => this.push(kind, atMs, of);
  }

  /** Takes the next one: one number for both, since a run has millions. */
  pop(): number {
    return this.#queue.pop();
  }
}

export function kindOf(event: number): number {
  return event % kindCount;
}

export function numberIn(event: number): number {
  return Math.floor(event / kindCount);
}
