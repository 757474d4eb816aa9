// A process of its own for one side of a benchmark: asked and answered by process messages.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Nothing that was started outlives a benchmark that is broken off. */
export function endWithUs(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

/** Runs `<name>.ts` of this folder, which serves with `answerParent`. */
export class Child<Question, Answer> {
  readonly #child: ChildProcess;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    this.#child = fork(join(import.meta.dirname, `${name}.ts`), [], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.#name} has no process`);
    return pid;
  }

  /** One question at a time. Rejects when the process ends. */
  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error(`${this.#name} ended; its words are above`));
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return ended();
      this.#child.once('exit', ended);
      // Only answerParent writes here, with what the file of that name declares.
      this.#child.once('message', (answer: Answer) => {
        this.#child.removeListener('exit', ended);
        resolve(answer);
      });
      this.#child.send(question as object);
    });
  }

  /** Ends it; it closes its connections first. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await ended;
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
