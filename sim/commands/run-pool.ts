// Runs beside each other, each in a process of its own: a run takes one core, and much memory.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { extname, join } from 'node:path';
import { CheckFailed } from '../run/checks.ts';
import type { Wanted } from '../run/simulate.ts';
import type { Failure } from './failure.ts';
import { errorOf } from './failure.ts';
import type { Ran, WantedRun } from './run-here.ts';

/** What a worker answers. */
export type Answer =
  | { readonly kind: 'done'; readonly ran: Ran }
  | { readonly kind: 'failed'; readonly failure: Failure };

export interface Watch {
  readonly onDone: (done: number) => void;
  /** A policy has left tasks undone; what this throws ends all. */
  readonly onStuck: (wanted: Wanted, error: CheckFailed) => void;
}

export class RunPool {
  readonly #workers: number;

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** In the order in which they are wanted, but those that got stuck. Any other failure ends all. */
  async run(wanted: readonly WantedRun[], watch: Watch): Promise<readonly Ran[]> {
    const runs = new Array<Ran | undefined>(wanted.length).fill(undefined);
    let next = 0;
    let done = 0;
    const children = Array.from({ length: Math.min(this.#workers, wanted.length) }, startWorker);
    const serve = async (child: ChildProcess): Promise<void> => {
      for (;;) {
        const place = next;
        const want = wanted[place];
        if (want === undefined) return;
        next += 1;
        runs[place] = await ask(child, want).catch((error: unknown) => {
          if (!(error instanceof CheckFailed) || !error.isStuck) throw error;
          watch.onStuck(want, error);
          return undefined;
        });
        done += 1;
        watch.onDone(done);
      }
    };
    try {
      await Promise.all(children.map(serve));
    } finally {
      for (const child of children) child.kill();
    }
    return runs.filter((ran) => ran !== undefined);
  }
}

function startWorker(): ChildProcess {
  // The same kind of file as this one, loaded in the same way: source or built.
  const file = join(import.meta.dirname, `run-worker${extname(import.meta.filename)}`);
  return fork(file, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

function ask(child: ChildProcess, wanted: WantedRun): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => {
      reject(new Error(`a worker ended (${code}); its last words are above`));
    };
    child.once('exit', onExit);
    // Only run-worker writes here.
    child.once('message', (answer: Answer) => {
      child.removeListener('exit', onExit);
      if (answer.kind === 'done') resolve(answer.ran);
      else reject(errorOf(answer.failure));
    });
    child.send(wanted);
  });
}
