// The jobs of a world: drawn from a scenario's classes, or those of a log with the bytes that the
// scenario gives them.

import type { Architecture } from '../../scheduler/core/index.ts';
import { between, drawsFor } from '../kernel/random.ts';
import type { Draw } from '../kernel/random.ts';
import type { JobClass, LogOfJobs, Scenario } from '../scenario/schema.ts';
import type { SwfJob } from '../scenario/swf.ts';

export interface WorldJob {
  readonly name: string;
  /** Of the scenario's jobs, the one that it was drawn from. */
  readonly kind: string;
  readonly researcher: string;
  readonly submitMs: number;
  readonly tasks: number;
  readonly workGhzSeconds: number;
  /** What boards are slower at than the scheduler knows; it knows one speed of each. */
  readonly isFloatingPoint: boolean;
  /** Whether the scheduler is told what a task costs. */
  readonly isDeclared: boolean;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly bundleBytes: number;
  readonly memoryBytes: number;
  /** Number of the site where its inputs are born; null: they are where the scheduler is. */
  readonly home: number | null;
  /** What it was built for. */
  readonly architectures: readonly Architecture[];
  /** It is submitted so long after the end of an earlier one, by its place; null: at `submitMs`. */
  readonly after: { readonly job: number; readonly thinkMs: number } | null;
}

const nothing = { from: 0, to: 0 };
/** What runs on all four boards. */
export const allPis: readonly Architecture[] = ['armv6l', 'aarch64'];
/** What the job file's default is. Clusters' logs ask for more than a Pi has: they are not asked. */
export const defaultMemoryBytes = 64e6;

/** In the order of submission. */
export function drawJobs(
  { jobs = [], log, federation }: Scenario,
  seed: number,
  { logged, firstReserve }: { readonly logged: readonly SwfJob[]; readonly firstReserve: number },
): readonly WorldJob[] {
  const draw = drawsFor('jobs', seed);
  if (log !== undefined) return loggedJobs(log, logged, draw);
  const drawn = jobs.flatMap((kind) =>
    Array.from({ length: kind.jobs }, (_, place) => {
      const home = kind.isBorn ? firstReserve + (place % (federation.reserves?.sites ?? 1)) : null;
      return { ...drawJob(kind, place, draw), home };
    }),
  );
  return drawn.sort((a, b) => a.submitMs - b.submitMs);
}

function drawJob(kind: JobClass, place: number, draw: Draw): Omit<WorldJob, 'home'> {
  const { name, researcher, jobs, tasks, work, memory, every, input, output, bundle } = kind;
  const whole = (range = nothing): number => Math.round(between(draw, range));
  return {
    name: jobs === 1 ? name : `${name}-${place}`,
    kind: name,
    researcher,
    submitMs: place * (every ?? 0),
    tasks,
    workGhzSeconds: between(draw, work),
    isFloatingPoint: kind.isFloatingPoint,
    isDeclared: kind.isDeclared,
    inputBytes: whole(input),
    outputBytes: whole(output),
    bundleBytes: whole(bundle),
    memoryBytes: memory ?? defaultMemoryBytes,
    architectures: allPis,
    after: null,
  };
}

/** A processor of the log is a task here. */
function loggedJobs(log: LogOfJobs, logged: readonly SwfJob[], draw: Draw): readonly WorldJob[] {
  const places = new Map(logged.map(({ number }, place) => [number, place]));
  const [first] = logged;
  return logged.map((job) => {
    const workGhzSeconds = log.second * job.runSeconds;
    const { kind, inputBytes, outputBytes } = drawBytes(log.data, workGhzSeconds, draw);
    const before = job.after === null ? undefined : places.get(job.after.number);
    return {
      name: `job-${job.number}`,
      kind,
      researcher: job.user < 0 ? 'unknown' : `user-${job.user}`,
      submitMs: 1000 * (job.submitSeconds - (first?.submitSeconds ?? 0)),
      tasks: job.processors,
      workGhzSeconds,
      isFloatingPoint: false,
      isDeclared: true,
      inputBytes,
      outputBytes,
      bundleBytes: 0,
      memoryBytes: defaultMemoryBytes,
      home: null,
      architectures: allPis,
      after:
        job.after === null || before === undefined
          ? null
          : { job: before, thinkMs: 1000 * job.after.thinkSeconds },
    };
  });
}

function drawBytes(data: LogOfJobs['data'], workGhzSeconds: number, draw: Draw) {
  let place = draw() * data.reduce((sum, { weight }) => sum + weight, 0);
  const found = data.findIndex(({ weight }) => (place -= weight) < 0);
  const { input, output, per } = data[found] ?? {};
  const times = per === undefined ? 1 : workGhzSeconds / per;
  const whole = (range = nothing): number => Math.round(times * between(draw, range));
  return { kind: `data-${found}`, inputBytes: whole(input), outputBytes: whole(output) };
}
