// Jobs and services on their way into the scheduler: each when its time has come, or so long after the
// job that it follows. While the scheduler holds as many as it takes, the next ones wait in line and
// ask again. And services on their way out.

import type { CancelJob, Fact, JobId, SubmitJob } from '../../scheduler/core/index.ts';
import { jobId } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import { programOf } from '../world/services.ts';
import { serviceTemplateOf, templateOf } from './job-template.ts';
import { numberOf } from './messages.ts';

export interface SubmissionsOptions {
  readonly world: World;
  /** Ask for `due` and for `over` with the number of a job or a service then. */
  readonly submitAt: (atMs: number, job: number) => void;
  readonly stopAt: (atMs: number, job: number) => void;
}

export class Submissions {
  readonly #world: World;
  readonly #submitAt: (atMs: number, job: number) => void;
  #line: number[] = [];
  /** Services whose time is over. */
  readonly #over: number[] = [];
  /** Jobs that follow one. */
  readonly #followers = new Map<number, number[]>();
  /** By the scheduler's number of a job, that of the world. */
  readonly #worldJobs: number[] = [];
  /** When each was handed in, whether it was taken then or not. */
  readonly submittedAt: Float64Array;
  #isFull = false;

  constructor({ world, submitAt, stopAt }: SubmissionsOptions) {
    const { jobs, services } = world;
    this.#world = world;
    this.#submitAt = submitAt;
    this.submittedAt = new Float64Array(jobs.length + services.length);
    for (const [job, { submitMs, after }] of jobs.entries()) {
      if (after === null) submitAt(submitMs, job);
      else this.#followers.set(after.job, [...(this.#followers.get(after.job) ?? []), job]);
    }
    for (const [place, { fromMs, untilMs }] of services.entries()) {
      submitAt(fromMs, jobs.length + place);
      if (untilMs < Infinity) stopAt(untilMs, jobs.length + place);
    }
  }

  /** A job's time has come. */
  due(job: number, now: number): void {
    this.submittedAt[job] = now;
    this.#line.push(job);
  }

  /** A service's time is over. */
  over(service: number): void {
    this.#over.push(service);
  }

  /** There is nothing to say. */
  get isQuiet(): boolean {
    return !this.hasNext && this.#over.length === 0;
  }

  get hasNext(): boolean {
    return !this.#isFull && this.#line.length > 0;
  }

  /** The next one in line; there must be one. */
  next(): SubmitJob {
    const number = this.#line[0] ?? -1;
    const program = programOf(this.#world, number);
    const { researcher } = program;
    const template =
      'replicas' in program ? serviceTemplateOf(program, number) : templateOf(program, number);
    return {
      kind: 'submitJob',
      jobId: idOf(number),
      researcher,
      requestId: `j${number}`,
      template,
    };
  }

  /** Of services whose time is over; one that is still in line does not come any more. */
  stops(): readonly CancelJob[] {
    const over = this.#over.splice(0);
    const known = over.filter((service) => !this.#line.includes(service));
    this.#line = this.#line.filter((job) => !over.includes(job));
    return known.map((service) => ({ kind: 'cancelJob', jobId: idOf(service) }));
  }

  /** The scheduler takes no more now. */
  refused(): void {
    this.#isFull = true;
  }

  saw(fact: Fact, now: number): void {
    if (fact.kind === 'jobSubmitted') {
      this.#worldJobs[fact.jobNumber] = numberOf(fact.jobId);
      this.#line.shift();
    } else if (fact.kind === 'jobEnded' || fact.kind === 'jobCancelled') {
      this.#isFull = false;
      const ended = this.#worldJobs[fact.jobNumber] ?? -1;
      for (const job of this.#followers.get(ended) ?? []) {
        this.#submitAt(now + (this.#world.jobs[job]?.after?.thinkMs ?? 0), job);
      }
    }
  }
}

function idOf(number: number): JobId {
  return jobId(`j${number}`);
}
