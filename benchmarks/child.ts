// A process of its own for one side of a benchmark: asked and answered by process messages. One
// that ended, or does not answer, is an error for whoever asks; none is waited for without a bound.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { cpuMsOf } from './machine.ts';

/**
 * Questions are answered at once: what takes longer is begun, and followed by asking again. One that
 * is at work may be late for it on a busy machine, as long as it gets on.
 */
const answerWithinMs = 20_000;
const answerAtLastMs = 300_000;
/** To close its connections at the end. */
const stopWithinMs = 10_000;
/** Characters of what it said last that an error repeats. */
const lastWordsLength = 4_000;

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Nothing that was started outlives a benchmark that is broken off. */
export function endWithUs(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Waits for its end, for which somebody has asked already; then it is killed. */
export async function untilEnded(child: ChildProcess, withinMs: number): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
  await ended;
  clearTimeout(timer);
}

/** What the build made of `<name>.ts` in this folder: tsx would take most of a second to load that. */
export function builtFile(name: string): string {
  return join(import.meta.dirname, `../dist/benchmarks/${name}.cjs`);
}

/** Runs what was built of `<name>.ts`, which serves with `answerParent`. */
export class Child<Question, Answer> {
  readonly #child: ChildProcess;
  readonly #name: string;
  #lastWords = '';

  constructor(name: string) {
    this.#name = name;
    this.#child = fork(builtFile(name), [], {
      // Not this process's own, which make tsx load.
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    endWithUs(this.#child);
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      this.#lastWords = (this.#lastWords + String(bytes)).slice(-lastWordsLength);
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined || hasEnded(this.#child)) throw new Error(this.#ended());
    return pid;
  }

  /**
   * One question at a time. Rejects when the process ends, or gives no answer: for 20 s in which it did
   * nothing, or for five minutes.
   */
  ask(question: Question): Promise<Answer> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      if (hasEnded(child)) return reject(new Error(this.#ended()));
      const settle = (act: () => void): void => {
        clearInterval(timer);
        child.removeListener('close', onClose);
        child.removeListener('message', onMessage);
        act();
      };
      // Not at its exit: what it said last may come after that.
      const onClose = (): void => settle(() => reject(new Error(this.#ended())));
      // Only answerParent writes here, with what the file of that name declares.
      const onMessage = (answer: Answer): void => settle(() => resolve(answer));
      const askedMs = performance.now();
      let cpuMs = cpuMsOf(this.pid);
      const timer = setInterval(() => {
        const waitedMs = performance.now() - askedMs;
        const before = cpuMs;
        if (!hasEnded(child)) cpuMs = cpuMsOf(this.pid);
        if (cpuMs > before && waitedMs < answerAtLastMs) return;
        const text = `${this.#name} gave no answer for ${Math.round(waitedMs / 1000)} s to ${JSON.stringify(question).slice(0, 200)}`;
        settle(() => reject(new Error(text)));
      }, answerWithinMs);
      child.once('close', onClose);
      child.once('message', onMessage);
      // A channel that is closed: the exit tells of it.
      child.send(question as object, () => undefined);
    });
  }

  #ended(): string {
    const { exitCode, signalCode } = this.#child;
    return `${this.#name} has ended (${signalCode ?? `exit ${exitCode}`}): ${this.#lastWords}`;
  }

  /** Ends it; it closes its connections first, and is killed when that takes too long. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await untilEnded(this.#child, stopWithinMs);
  }
}

/** In the child: answers each question; ends with the parent, or when it is disconnected. */
export function answerParent<Question, Answer>(
  answer: (question: Question) => Promise<Answer> | Answer,
  stop: () => Promise<void>,
): void {
  process.on('message', (question: Question) => {
    void (async () => {
      try {
        process.send?.(await answer(question));
      } catch (error) {
        process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
        process.exit(1);
      }
    })();
  });
  process.once('disconnect', () => {
    void stop().finally(() => process.exit(0));
  });
}
