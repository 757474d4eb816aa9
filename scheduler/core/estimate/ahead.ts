// What comes before a job on the sites: earlier jobs of its researcher, and what other researchers get
// in the same time by their weights.

import { upBytesOf, workOf } from '../placement/estimate.ts';
import type { JobTemplate } from '../model/job.ts';
import type { JobRecord, ResearcherRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';

export interface Claims {
  readonly workGhzSeconds: number;
  readonly downBits: number;
  readonly upBits: number;
}

const none: Claims = { workGhzSeconds: 0, downBits: 0, upBits: 0 };

interface Bits {
  readonly downBits: number;
  readonly upBits: number;
  readonly sharedBits: number;
}

/** A job may have a million inputs: they are added up once. */
const known = new WeakMap<JobTemplate, Bits>();

/** Bits of one task, and those that its tasks share. */
export function bitsOf(job: JobRecord): Bits {
  const found = known.get(job.template);
  if (found !== undefined) return found;
  const bits = addUp(job);
  known.set(job.template, bits);
  return bits;
}

function addUp(job: JobRecord): Bits {
  const { taskInputBytes, sharedInputs, bundles, internetBytes = 0 } = job.template;
  const inputs = taskInputBytes.reduce((sum, each) => sum + each, 0);
  const bundle = Math.max(0, ...bundles.map((each) => each.sizeBytes));
  const shared = sharedInputs.reduce((sum, each) => sum + each.sizeBytes, bundle);
  return {
    downBits: 8 * (inputs / Math.max(1, taskInputBytes.length) + internetBytes),
    upBits: 8 * upBytesOf(job),
    sharedBits: 8 * shared,
  };
}

/** Waiting tasks that are placed before the last one of the job. */
export function aheadOf(state: State, job: JobRecord): Claims {
  const own = state.researchers.get(job.researcher);
  const earlier = own === undefined ? none : sumOf(state, earlierOf(state, own, job));
  const until = earlier.workGhzSeconds + job.waiting * workOf(job);
  let sum = earlier;
  for (const other of state.researchers.values()) {
    if (other === own || other.waitingJobs.length === 0) continue;
    const all = sumOf(state, other.waitingJobs);
    const theirs = (until * other.settings.weight) / (own?.settings.weight ?? 1);
    const part = Math.min(1, theirs / Math.max(all.workGhzSeconds, Number.MIN_VALUE));
    sum = add(sum, all, part);
  }
  return sum;
}

/** Jobs of the same researcher whose turn comes first; a draft comes after those of its priority. */
function earlierOf(state: State, own: ResearcherRecord, job: JobRecord): readonly number[] {
  const place = own.waitingJobs.indexOf(job.number);
  if (place >= 0) return own.waitingJobs.slice(0, place);
  const { priority } = job.template;
  return own.waitingJobs.filter((number) => jobOf(state, number).template.priority >= priority);
}

function sumOf(state: State, numbers: readonly number[]): Claims {
  let sum = none;
  for (const number of numbers) {
    const job = jobOf(state, number);
    const { downBits, upBits } = bitsOf(job);
    sum = add(sum, { workGhzSeconds: workOf(job), downBits, upBits }, job.waiting);
  }
  return sum;
}

function add(one: Claims, other: Claims, times: number): Claims {
  return {
    workGhzSeconds: one.workGhzSeconds + times * other.workGhzSeconds,
    downBits: one.downBits + times * other.downBits,
    upBits: one.upBits + times * other.upBits,
  };
}

function jobOf(state: State, number: number): JobRecord {
  return mustHave(state.jobs.get(number), 'job', number);
}
