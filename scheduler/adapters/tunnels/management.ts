// A connection to the management socket of one OpenVPN server: commands and their answers, one after
// another. OpenVPN serves one such connection at a time.

import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { AnswerReader } from './answer-reader.ts';

/** An answer to `status` with thousands of clients takes OpenVPN some 0.1 s. */
const answerWithinMs = 10_000;
/** Commands that wait for their answers: nobody asks for so many. */
const waitingMost = 1_000;

export class ManagementError extends Error {
  override readonly name = 'ManagementError';
}

interface Waiting {
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
}

export class Management {
  readonly #socket: Socket;
  readonly #path: string;
  readonly #waiting: Waiting[] = [];
  readonly #closed: Promise<void>;
  #why = 'it closed the connection';
  #timer: NodeJS.Timeout | undefined;
  #greeted: () => void = () => undefined;

  private constructor(path: string) {
    this.#path = path;
    this.#socket = connect(path);
    const reader = new AnswerReader({
      answer: (text) => this.#answered(text),
      // The first is its greeting; of others there is none that anybody waits for.
      notice: () => this.#greeted(),
    });
    this.#socket.on('data', (bytes) => {
      try {
        reader.take(bytes);
      } catch (error) {
        this.#fail(error instanceof Error ? error.message : String(error));
      }
    });
    this.#socket.on('error', (error) => (this.#why = error.message));
    this.#closed = new Promise((resolve) => {
      this.#socket.once('close', () => {
        clearTimeout(this.#timer);
        const error = this.#error();
        for (const { reject } of this.#waiting.splice(0)) reject(error);
        resolve();
      });
    });
  }

  /** Throws a ManagementError when nobody answers there within `withinMs`. */
  static async open(path: string, withinMs = answerWithinMs): Promise<Management> {
    const management = new Management(path);
    const silent = `it says nothing for ${withinMs} ms: another program may be connected to it, and it serves one at a time`;
    const timer = setTimeout(() => management.#fail(silent), withinMs);
    const greeting = new Promise<true>((resolve) => {
      management.#greeted = () => resolve(true);
    });
    const isThere = await Promise.race([greeting, management.#closed]);
    clearTimeout(timer);
    if (isThere !== true) throw management.#error();
    return management;
  }

  /** Resolves when the connection is no more, whoever ended it. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** The whole answer to a command. Throws a ManagementError when the connection ends before. */
  ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= waitingMost) this.#fail(`it owes ${waitingMost} answers`);
      if (this.#socket.destroyed) return reject(this.#error());
      this.#waiting.push({ resolve, reject });
      if (this.#waiting.length === 1) this.#watch();
      this.#socket.write(`${command}\n`);
    });
  }

  close(): Promise<void> {
    this.#why = 'this scheduler closed the connection';
    this.#socket.destroy();
    return this.#closed;
  }

  #answered(text: string): void {
    const first = this.#waiting.shift();
    if (first === undefined) return this.#fail('it answers what nobody asked');
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0) this.#watch();
    first.resolve(text);
  }

  /** The first that waits must be answered in time. */
  #watch(): void {
    const late = `it gives no answer for ${answerWithinMs} ms`;
    this.#timer = setTimeout(() => this.#fail(late), answerWithinMs);
  }

  #fail(why: string): void {
    this.#why = why;
    this.#socket.destroy();
  }

  #error(): ManagementError {
    return new ManagementError(`OpenVPN's management socket ${this.#path}: ${this.#why}`);
  }
}
