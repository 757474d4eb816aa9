// Writes jobs that have ended into the journal of a scheduler that does not run, as it would have
// written them itself: facts in batches, read back by the next start.

import { join } from 'node:path';
import { FileJournal } from '../scheduler/adapters/journal/file-journal.ts';
import type { Command, DurableFact, JobId, State } from '../scheduler/core/index.ts';
import {
  apply,
  decide,
  defaultPolicy,
  endCodes,
  instant,
  jobId,
  leaseId,
  sha256,
  stateOf,
  State as FreshState,
  taskStates,
  toJournal,
} from '../scheduler/core/index.ts';
import { enrolNodes, templateOf } from './busy-state.ts';

/** Tasks that are leased, and then ended, by one batch. */
const tasksInBatch = 1_000;
/** Of so many tasks the last one failed: what is rare is looked for too. */
export const tasksAFailure = 100_000;

export interface PastJobs {
  /** Of the scheduler. */
  readonly folder: string;
  /** Tasks of each job. */
  readonly tasks: readonly number[];
}

/** Appends the jobs, and returns their ids. */
export async function writePast({ folder, tasks }: PastJobs): Promise<readonly JobId[]> {
  const journal = FileJournal.open(join(folder, 'scheduler/journal'));
  const { image, imageSequence, batches } = await journal.recover();
  const past = new Past(journal, image === undefined ? new FreshState() : stateOf(image));
  past.sequence = imageSequence;
  for await (const batch of batches) past.take(batch);
  await past.give(enrolNodes(1, past.state.latest));
  const ids: JobId[] = [];
  for (const count of tasks) ids.push(await past.runJob(count));
  await journal.close();
  return ids;
}

class Past {
  readonly state: State;
  sequence = 0;
  readonly #journal: FileJournal;

  constructor(journal: FileJournal, state: State) {
    this.#journal = journal;
    this.state = state;
  }

  take(batch: readonly DurableFact[]): void {
    for (const fact of batch) apply(this.state, fact);
    this.sequence += 1;
  }

  async give(commands: Iterable<Command>): Promise<void> {
    for (const command of commands) {
      const { facts } = decide(this.state, command, {
        now: this.state.latest,
        policy: defaultPolicy,
      });
      for (const fact of facts) apply(this.state, fact);
      await this.#append(toJournal(facts));
    }
  }

  async runJob(count: number): Promise<JobId> {
    const { nextJobNumber: jobNumber, latest: at } = this.state;
    const id = jobId(`j${String(jobNumber).padStart(10, '0')}`);
    const template = { ...templateOf(count), manifest: null, taskInputBytes: [] };
    const who = { jobId: id, researcher: 'ada', requestId: id };
    await this.#write({ kind: 'jobSubmitted', at, jobNumber, ...who, template });
    for (let from = 0; from < count; from += tasksInBatch) {
      await this.#runTasks(jobNumber, from, Math.min(count, from + tasksInBatch));
    }
    const state = count >= tasksAFailure ? 'failed' : 'succeeded';
    await this.#write({ kind: 'jobEnded', at, jobNumber, state });
    return id;
  }

  async #runTasks(jobNumber: number, from: number, to: number): Promise<void> {
    const { nextLeaseId: first, latest } = this.state;
    const at = instant(latest + 1_000);
    const leased: number[] = [];
    const ended: number[] = [];
    for (let index = from; index < to; index += 1) {
      leased.push(jobNumber, index, 0, 1, 2.5, 1.5);
      const isBad = (index + 1) % tasksAFailure === 0;
      const [code, next] = isBad
        ? (['exited', 'failed'] as const)
        : (['succeeded', 'succeeded'] as const);
      const id = first + index - from;
      ended.push(id, endCodes.indexOf(code), isBad ? 1 : 0, 1_234, taskStates.indexOf(next));
    }
    await this.#write({ kind: 'tasksLeased', at, firstLeaseId: leaseId(first), rows: leased });
    const results = Array.from({ length: to - from }, (_, row) =>
      sha256((first + row).toString(16).padStart(64, '0')),
    );
    await this.#write({ kind: 'tasksEnded', at, rows: ended, results });
  }

  async #write(fact: DurableFact): Promise<void> {
    apply(this.state, fact);
    await this.#append([fact]);
  }

  async #append(facts: readonly DurableFact[]): Promise<void> {
    if (facts.length === 0) return;
    await this.#journal.append(facts, this.sequence);
    this.sequence += 1;
  }
}
