// How far a run is, on standard error: one line that is written anew on a terminal, and now and then
// a line elsewhere.

import process from 'node:process';
import { spanText } from '../report/summary-rows.ts';
import type { Progress } from '../run/run.ts';

const terminalEveryMs = 200;
const elsewhereEveryMs = 10_000;

export class ProgressLine {
  readonly #startedAt = performance.now();
  readonly #isTerminal = process.stderr.isTTY;
  #toldAt = this.#startedAt;

  tell(progress: Progress): void {
    const now = performance.now();
    const everyMs = this.#isTerminal ? terminalEveryMs : elsewhereEveryMs;
    if (now - this.#toldAt < everyMs) return;
    this.#toldAt = now;
    this.#write(textOf(progress, (now - this.#startedAt) / 1000));
  }

  /** Any text, at once. */
  say(text: string): void {
    this.#write(text);
  }

  /** What is printed next has a line of its own. */
  end(): void {
    if (this.#isTerminal) process.stderr.write('\r\x1b[K');
  }

  #write(text: string): void {
    process.stderr.write(this.#isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
  }
}

function textOf({ nowMs, events, tasks, tasksLeft }: Progress, seconds: number): string {
  const done = tasks - tasksLeft;
  const left = done === 0 ? '?' : spanText((seconds * tasksLeft) / done);
  return [
    `${Math.floor((100 * done) / tasks)} %`,
    `${spanText(nowMs / 1000)} simulated`,
    `${Math.round(done / seconds)} tasks/s`,
    `${Math.round(events / seconds)} events/s`,
    `about ${left} left`,
  ].join(', ');
}
