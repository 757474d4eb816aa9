// What a production scheduler's journal tells, as a world: the sites and nodes as they were last, and
// the jobs with their times of submission and what their tasks were measured to cost.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { JournalError, lookAtJournal } from '../../scheduler/adapters/journal/read-journal.ts';
import type { DurableFact } from '../../scheduler/core/index.ts';
import { State, apply, stateOf } from '../../scheduler/core/index.ts';
import { InputError } from '../scenario/read.ts';
import type { World } from '../world/draw-world.ts';
import type { PastJob } from './past-jobs.ts';
import { PastJobs } from './past-jobs.ts';
import { worldOf } from './past-world.ts';

export interface Replayed {
  readonly world: World;
  /** In the order of the world's jobs: how long each took, from submission to end. */
  readonly seconds: readonly number[];
  /** From the first submission to the last end. */
  readonly makespanSeconds: number;
  /** Jobs that are not in the world, by why. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/** @throws {InputError} when there is no journal, it can't be believed, or nothing in it has ended. */
export function readReplayed(folder: string): Replayed {
  const { state, jobs } = read(folder);
  const ended = jobs.ended();
  const [first] = ended;
  if (first === undefined) {
    const why = [...jobs.leftOut].map(([what, count]) => `${count} ${what}`).join(', ');
    throw new InputError(
      `${folder}: wanted jobs that have ended, found ${why === '' ? 'no job' : why}.`,
    );
  }
  const span = (job: PastJob): number => (job.endedAt - job.submittedAt) / 1000;
  const lastAt = ended.reduce((last, { endedAt }) => Math.max(last, endedAt), 0);
  return {
    world: worldOf(state, ended),
    seconds: ended.map(span),
    makespanSeconds: (lastAt - first.submittedAt) / 1000,
    leftOut: jobs.leftOut,
  };
}

function read(named: string): { readonly state: State; readonly jobs: PastJobs } {
  const inner = join(named, 'journal');
  const folder = resolve(existsSync(inner) ? inner : named);
  const jobs = new PastJobs();
  try {
    const { image, batches } = lookAtJournal(folder);
    const state = image === undefined ? new State() : stateOf(image);
    for (const facts of batches) applyAll(state, facts, jobs);
    for (const job of state.jobs.values()) jobs.saw(job);
    return { state, jobs };
  } catch (error) {
    if (error instanceof JournalError) throw new InputError(error.message, { cause: error });
    const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isGone) throw error;
    const what =
      'a file went while it was read, as the scheduler writes a snapshot: run this again';
    throw new InputError(`${folder}: ${what}.`, { cause: error });
  }
}

function applyAll(state: State, facts: readonly DurableFact[], jobs: PastJobs): void {
  for (const fact of facts) {
    // What is forgotten next can't be asked for later.
    if (fact.kind === 'jobForgotten') jobs.saw(state.jobs.get(fact.jobNumber));
    apply(state, fact);
  }
}
