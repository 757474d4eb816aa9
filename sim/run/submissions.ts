// Jobs on their way into the scheduler: each when its time has come, or so long after the job that it
// follows. While the scheduler holds as many as it takes, the next ones wait in line and ask again.

import type { Fact, SubmitJob } from '../../scheduler/core/index.ts';
import { jobId } from '../../scheduler/core/index.ts';
import type { WorldJob } from '../world/draw-jobs.ts';
import type { World } from '../world/draw-world.ts';
import { templateOf } from './job-template.ts';
import { numberOf } from './messages.ts';

export class Submissions {
  readonly #jobs: readonly WorldJob[];
  readonly #submitAt: (atMs: number, job: number) => void;
  readonly #line: number[] = [];
  /** Jobs that follow one. */
  readonly #followers = new Map<number, number[]>();
  /** By the scheduler's number of a job, that of the world. */
  readonly #worldJobs: number[] = [];
  /** When each was handed in, whether it was taken then or not. */
  readonly submittedAt: Float64Array;
  #isFull = false;

  constructor({ jobs }: World, submitAt: (atMs: number, job: number) => void) {
    this.#jobs = jobs;
    this.#submitAt = submitAt;
    this.submittedAt = new Float64Array(jobs.length);
    for (const [job, { submitMs, after }] of jobs.entries()) {
      if (after === null) submitAt(submitMs, job);
      else this.#followers.set(after.job, [...(this.#followers.get(after.job) ?? []), job]);
    }
  }

  /** A job's time has come. */
  due(job: number, now: number): void {
    this.submittedAt[job] = now;
    this.#line.push(job);
  }

  get hasNext(): boolean {
    return !this.#isFull && this.#line.length > 0;
  }

  /** The next one in line; there must be one. */
  next(): SubmitJob {
    const number = this.#line[0] ?? -1;
    const job = this.#jobs[number];
    if (job === undefined) throw new Error(`there is no job ${number}`);
    return {
      kind: 'submitJob',
      jobId: jobId(`j${number}`),
      researcher: job.researcher,
      requestId: `j${number}`,
      template: templateOf(job),
    };
  }

  /** The scheduler takes no more now. */
  refused(): void {
    this.#isFull = true;
  }

  saw(fact: Fact, now: number): void {
    if (fact.kind === 'jobSubmitted') {
      this.#worldJobs[fact.jobNumber] = numberOf(fact.jobId);
      this.#line.shift();
    } else if (fact.kind === 'jobEnded') {
      this.#isFull = false;
      const ended = this.#worldJobs[fact.jobNumber] ?? -1;
      for (const job of this.#followers.get(ended) ?? []) {
        this.#submitAt(now + (this.#jobs[job]?.after?.thinkMs ?? 0), job);
      }
    }
  }
}
