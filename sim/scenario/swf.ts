// The Standard Workload Format, version 2.2 (Feitelson, https://www.cs.huji.ac.il/labs/parallel/workload/swf.html):
// a line a job, 18 numbers each, -1 where nothing is known. What the format does not allow is told
// with its line and field.

import { tasksPerJob } from '../../scheduler/core/index.ts';
import { InputError } from './read.ts';

export interface SwfJob {
  readonly number: number;
  readonly submitSeconds: number;
  readonly runSeconds: number;
  readonly processors: number;
  /** -1: unknown. */
  readonly user: number;
  /** It is submitted so long after the end of an earlier job; null: at its submit time. */
  readonly after: { readonly number: number; readonly thinkSeconds: number } | null;
}

/** Jobs that a log tells of and that nobody can run again, by why. */
export interface LeftOut {
  /** Cancelled before they ran. */
  cancelled: number;
  /** Their run time or number of processors is not known. */
  unknown: number;
  /** Lines on parts of a job's run: its own line sums them up. */
  partial: number;
}

export interface SwfLog {
  readonly jobs: readonly SwfJob[];
  readonly leftOut: Readonly<LeftOut>;
}

const fields = [
  ...['job number', 'submit time', 'wait time', 'run time', 'allocated processors'],
  ...['average CPU time', 'used memory', 'requested processors', 'requested time'],
  ...['requested memory', 'status', 'user', 'group', 'executable', 'queue', 'partition'],
  ...['preceding job', 'think time'],
] as const;
type Field = (typeof fields)[number];

const cancelled = 5;
const partial: readonly number[] = [2, 3, 4];
/** Run times are rounded: 0 means less than this. */
const leastSeconds = 0.5;

/** @throws {InputError} with the line and the field. */
export function parseSwf(file: string, text: string): SwfLog {
  const jobs: SwfJob[] = [];
  const leftOut: LeftOut = { cancelled: 0, unknown: 0, partial: 0 };
  const seen = new Set<number>();
  let latest = 0;
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith(';') === true) continue;
    const row = new Row(`${file}:${index + 1}`, words);
    if (partial.includes(row.at('status'))) {
      leftOut.partial += 1;
      continue;
    }
    const submitSeconds = row.from('submit time', 0);
    if (submitSeconds < latest) {
      throw row.wrong('submit time', `one from ${latest} on, as lines come in this order`);
    }
    latest = submitSeconds;
    const job = readJob(row, submitSeconds);
    if (seen.has(job.number)) throw row.wrong('job number', 'one that no line before has');
    if (job.after !== null && !seen.has(job.after.number)) {
      throw row.wrong('preceding job', 'the number of a job before');
    }
    seen.add(job.number);
    const why = whyLeftOut(row, job);
    if (why === null) jobs.push({ ...job, runSeconds: Math.max(job.runSeconds, leastSeconds) });
    else leftOut[why] += 1;
  }
  if (jobs.length === 0) throw new InputError(`${file}: no line of it is a job that ran.`);
  return { jobs, leftOut };
}

function readJob(row: Row, submitSeconds: number): SwfJob {
  const allocated = row.whole('allocated processors');
  const before = row.whole('preceding job');
  const thinkSeconds = Math.max(0, row.from('think time', -1));
  return {
    number: row.whole('job number', 1),
    submitSeconds,
    runSeconds: row.from('run time', -1),
    processors: allocated > 0 ? allocated : row.whole('requested processors'),
    user: row.whole('user'),
    after: before > 0 ? { number: before, thinkSeconds } : null,
  };
}

/** A job that failed, or was cancelled while it ran, ran as long as the log says. */
function whyLeftOut(row: Row, { runSeconds, processors }: SwfJob): keyof LeftOut | null {
  if (row.at('status') === cancelled && runSeconds <= 0) return 'cancelled';
  if (runSeconds < 0 || processors < 1) return 'unknown';
  if (processors <= tasksPerJob) return null;
  throw row.wrong('allocated processors', `at most ${tasksPerJob}`);
}

/** One line, with what its fields may be. */
class Row {
  readonly #where: string;
  readonly #words: readonly string[];

  constructor(where: string, words: readonly string[]) {
    this.#where = where;
    this.#words = words;
    // More columns than SWF's are those of an extension, the Modular Workload Format.
    if (words.length >= fields.length) return;
    const missing = fields[words.length] ?? '';
    throw new InputError(
      `${where}: wanted ${fields.length} fields, found ${words.length}: field ${words.length + 1} (${missing}) is not there.`,
    );
  }

  at(field: Field): number {
    const word = this.#word(field);
    const value = /^-?\d+(\.\d+)?$/.test(word) ? Number(word) : Number.NaN;
    if (Number.isNaN(value)) throw this.wrong(field, 'a number');
    return value;
  }

  from(field: Field, least: number): number {
    const value = this.at(field);
    const orUnknown = least < 0 ? ', or -1 where it is unknown' : '';
    if (value < least || (value < 0 && value !== -1)) {
      throw this.wrong(field, `a number from 0 on${orUnknown}`);
    }
    return value;
  }

  whole(field: Field, least = -1): number {
    const value = this.at(field);
    if (Number.isInteger(value) && value >= least) return value;
    throw this.wrong(field, least < 0 ? 'a whole number from -1 on' : `one from ${least} on`);
  }

  wrong(field: Field, wanted: string): InputError {
    const at = `field ${fields.indexOf(field) + 1} (${field})`;
    return new InputError(`${this.#where}: ${at}: wanted ${wanted}, found "${this.#word(field)}".`);
  }

  #word(field: Field): string {
    return this.#words[fields.indexOf(field)] ?? '';
  }
}
