// How far a run is, on standard error: one line that is written anew on a terminal, and now and then
// a line elsewhere.

import process from 'node:process';
import { spanText } from '../report/summary-rows.ts';
import type { Progress } from '../run/run.ts';
import type { PoolProgress } from './run-pool.ts';

const terminalEveryMs = 200;
const elsewhereEveryMs = 10_000;

export class ProgressLine {
  readonly #startedAt = performance.now();
  readonly #isTerminal = process.stderr.isTTY;
  #toldAt = this.#startedAt;
  #runsDone = 0;

  tell(progress: Progress): void {
    const now = performance.now();
    if (!this.#isDue(now)) return;
    this.#toldAt = now;
    this.#write(textOf(progress, (now - this.#startedAt) / 1000));
  }

  /** At once when a run is over. */
  tellRuns(progress: PoolProgress): void {
    const { done } = progress;
    const now = performance.now();
    if (done === this.#runsDone && !this.#isDue(now)) return;
    this.#runsDone = done;
    this.#toldAt = now;
    this.#write(runsText(progress, (now - this.#startedAt) / 1000));
  }

  /** What is printed next has a line of its own. */
  end(): void {
    if (this.#isTerminal) process.stderr.write('\r\x1b[K');
  }

  #isDue(now: number): boolean {
    return now - this.#toldAt >= (this.#isTerminal ? terminalEveryMs : elsewhereEveryMs);
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

function runsText({ done, of, part }: PoolProgress, seconds: number): string {
  const runs = `${done} of ${of} runs`;
  if (done === of) return runs;
  const left = part === 0 ? '?' : spanText((seconds * (1 - part)) / part);
  return `${runs}, ${Math.floor(100 * part)} % of all, about ${left} left`;
}
