// A policy that is watched from another thread: what it is being asked stands in memory that both
// threads see, so that one that never answers can be named.

import type { Policy } from '../../scheduler/core/index.ts';
import { askedPolicy } from './asked-policy.ts';

const textBytes = 400;

/** How many questions have begun and been answered, together; while it is odd, one is open. */
const turns = 0;
const length = 1;

export class Question {
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  readonly #text: Uint8Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8 + textBytes)) {
    this.memory = memory;
    this.#numbers = new Int32Array(memory, 0, 2);
    this.#text = new Uint8Array(memory, 8);
  }

  /** Grows with each question and each answer. */
  get turn(): number {
    return Atomics.load(this.#numbers, turns);
  }

  get isOpen(): boolean {
    return this.turn % 2 === 1;
  }

  get text(): string {
    // Text is not decoded from memory that others may write to.
    return new TextDecoder().decode(this.#text.slice(0, Atomics.load(this.#numbers, length)));
  }

  say(text: string): void {
    const { written } = new TextEncoder().encodeInto(text, this.#text);
    Atomics.store(this.#numbers, length, written);
  }

  step(): void {
    Atomics.add(this.#numbers, turns, 1);
  }
}

export function watchedPolicy(policy: Policy, question: Question): Policy {
  const open: string[] = [];
  return askedPolicy(policy, ({ rule, text }, think) => {
    const what = `${text()} (${rule})`;
    question.say(what);
    if (open.length === 0) question.step();
    open.push(what);
    try {
      return think();
    } finally {
      open.pop();
      const before = open.at(-1);
      if (before === undefined) question.step();
      else question.say(before);
    }
  });
}
