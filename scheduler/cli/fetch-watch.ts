// Fetches the outputs of tasks as they succeed, until the job ends. What has come is kept whatever
// happens: the scheduler may go away meanwhile, and another fetch goes on where this one ended.
import { JobState, type Job } from '../../proto/gen/punnet/v1/job.ts';
import type { Connection } from './connection.ts';
import { CliError, exitCodes } from './errors.ts';
import { fetchOutputs, type Fetched, type FetchOptions } from './fetch.ts';
import { followJob } from './watch.ts';

export interface FetchWatch extends FetchOptions {
  readonly signal: AbortSignal;
  /** A word to the user. */
  readonly note: (text: string) => void;
}

/** Resolves when the job has ended and all its outputs are here. Throws the first failure. */
export async function fetchAsTheyCome(
  connection: Connection,
  jobId: string,
  options: FetchWatch,
): Promise<{ readonly job: Job; readonly fetched: Fetched }> {
  const rounds = new Rounds(connection, jobId, options);
  const end = new AbortController();
  const stop = (): void => end.abort();
  options.signal.addEventListener('abort', stop, { once: true });
  rounds.onFault = stop;
  try {
    const job = await followJob(connection, jobId, {
      signal: end.signal,
      stopped: 'stopped fetching; the job goes on: fetch again, what is here is kept',
      show: (state) => rounds.hear(state),
      note: options.note,
    }).catch((error: unknown) => {
      throw rounds.fault ?? error;
    });
    return { job, fetched: await rounds.finish() };
  } finally {
    options.signal.removeEventListener('abort', stop);
    await rounds.idle();
  }
}

/** Fetches again whenever more tasks have succeeded; one round at a time. */
class Rounds {
  readonly #fetch: (leavesKept: boolean) => Promise<Fetched>;
  readonly #done = new Set<number>();
  #sum: Fetched = { tasks: 0, files: 0, skippedFiles: 0, bytes: 0 };
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  /** Tasks that have succeeded, and how many had when the last round began. */
  #succeeded = 0;
  #fetched = 0;
  /** What ended the fetching; the scheduler's going away is not one. */
  fault: unknown;
  onFault: () => void = () => undefined;

  constructor(connection: Connection, jobId: string, options: FetchOptions) {
    this.#fetch = (leavesKept) =>
      fetchOutputs(connection, jobId, {
        ...{ ...options, leavesKept },
        isWanted: (index) => options.isWanted(index) && !this.#done.has(index),
        progress: (came) => {
          if (came.task !== undefined) this.#done.add(came.task);
          options.progress?.(came);
        },
      });
  }

  /** How the job is now. The end is left to `finish`. */
  hear({ state, counts }: Job): void {
    this.#succeeded = state === JobState.ACTIVE ? (counts?.succeeded ?? 0) : 0;
    if (!this.#isRunning) this.#running = this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#succeeded > this.#fetched && this.fault === undefined) {
        const succeeded = this.#succeeded;
        // A node that is away may be back before the job ends.
        await this.#round({ leavesKept: true });
        this.#fetched = succeeded;
      }
    } catch (error) {
      // Once the scheduler is back, it tells the job's state anew.
      if (!(error instanceof CliError && error.exitCode === exitCodes.unreachable)) {
        this.fault = error;
        this.onFault();
      }
    } finally {
      this.#isRunning = false;
    }
  }

  async #round({ leavesKept }: { readonly leavesKept: boolean }): Promise<void> {
    const { files, skippedFiles, bytes } = await this.#fetch(leavesKept);
    this.#sum = {
      // Not their sum: some were asked for in several rounds.
      tasks: this.#done.size,
      files: this.#sum.files + files,
      skippedFiles: this.#sum.skippedFiles + skippedFiles,
      bytes: this.#sum.bytes + bytes,
    };
  }

  /** The rest, and what all rounds did together. */
  async finish(): Promise<Fetched> {
    await this.#running;
    if (this.fault !== undefined) throw this.fault;
    await this.#round({ leavesKept: false });
    return this.#sum;
  }

  /** Resolves when nothing is under way any more. */
  idle(): Promise<void> {
    return this.#running;
  }
}
