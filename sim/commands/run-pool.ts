// Runs beside each other, each in a process of its own: a run takes one core, and much memory.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { extname, join } from 'node:path';
import { CheckFailed } from '../run/checks.ts';
import type { ReleaseRun, WantedRelease } from '../distribution/simulate-release.ts';
import type { Failure } from './failure.ts';
import { errorOf } from './failure.ts';
import type { Ran, WantedRun } from './run-here.ts';
import { heapMb, semiSpaceMb, v8Flag } from './run-memory.ts';

/** What a worker answers. */
export type Answer<Done> =
  | { readonly kind: 'done'; readonly ran: Done }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What it says: which part is done, and then its answer. */
export type Said<Done> = Answer<Done> | { readonly kind: 'progress'; readonly part: number };

export interface PoolProgress {
  /** Runs that are over, of so many. */
  readonly done: number;
  readonly of: number;
  /** Of all that is to be run. */
  readonly part: number;
}

export interface Watch<Want> {
  readonly onProgress: (progress: PoolProgress) => void;
  /** A policy has left tasks undone; what this throws ends all. */
  readonly onStuck: (wanted: Want, error: CheckFailed) => void;
}

/** Runs of policies, or releases. */
export class RunPool<
  Want extends WantedRun | WantedRelease = WantedRun,
  Done extends Ran | ReleaseRun = Ran,
> {
  readonly #workers: number;

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** In the order in which they are wanted, but those that got stuck. Any other failure ends all. */
  async run(wanted: readonly Want[], watch: Watch<Want>): Promise<readonly Done[]> {
    const runs = new Array<Done | undefined>(wanted.length).fill(undefined);
    const parts = wanted.map(() => 0);
    let next = 0;
    let done = 0;
    const tell = (): void => {
      const part = parts.reduce((sum, each) => sum + each, 0) / wanted.length;
      watch.onProgress({ done, of: wanted.length, part });
    };
    const children = Array.from({ length: Math.min(this.#workers, wanted.length) }, startWorker);
    const serve = async (child: ChildProcess): Promise<void> => {
      for (;;) {
        const place = next;
        const want = wanted[place];
        if (want === undefined) return;
        next += 1;
        const onPart = (part: number): void => {
          parts[place] = part;
          tell();
        };
        runs[place] = await ask<Done>(child, want, onPart).catch((error: unknown) => {
          if (!(error instanceof CheckFailed) || !error.isStuck) throw error;
          watch.onStuck(want, error);
          return undefined;
        });
        done += 1;
        onPart(1);
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
  const sizes = [`--max-old-space-size=${heapMb}`, `--max-semi-space-size=${semiSpaceMb}`];
  return fork(file, [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [...process.execArgv, ...sizes, v8Flag],
  });
}

/** `onPart` is told which part of it is done. */
function ask<Done>(
  child: ChildProcess,
  wanted: WantedRun | WantedRelease,
  onPart: (part: number) => void,
): Promise<Done> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => {
      reject(new Error(`a worker ended (${code}); its last words are above`));
    };
    // Only run-worker writes here.
    const onMessage = (said: Said<Done>): void => {
      if (said.kind === 'progress') return onPart(said.part);
      child.removeListener('exit', onExit);
      child.removeListener('message', onMessage);
      if (said.kind === 'done') resolve(said.ran);
      else reject(errorOf(said.failure));
    };
    child.once('exit', onExit);
    child.on('message', onMessage);
    child.send(wanted);
  });
}
