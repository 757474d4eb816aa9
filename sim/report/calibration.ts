// How far the simulator was from a federation of real programs, as `npm run calibrate` last found it in a lab.

import last from './calibration.json' with { type: 'json' };

export interface Calibration {
  readonly plans: readonly CalibratedPlan[];
}

export interface CalibratedPlan {
  /** The day, and the commit of the programs. */
  readonly on: string;
  readonly commit: string;
  readonly policy: string;
  /** The part of a core on which tasks computed; null: they slept. */
  readonly cpuShare: number | null;
  readonly homes: readonly { readonly nodes: number; readonly downBps: number }[];
  readonly jobs: readonly { readonly tasks: number }[];
  readonly runs: readonly CalibrationRun[];
}

/** Makespans, in seconds. */
interface CalibrationRun {
  readonly real: number;
  /** As the lab was described. */
  readonly simulated: number;
  /** Of what lines carried, the part that was no header; and simulated with lines of that part. */
  readonly payloadPart: number;
  readonly withPayload: number;
  /** How long tasks took over how long they were to take, and from a task's end to the next one's start; and simulated with
   * both, too. */
  readonly stretch: number;
  readonly turnaroundSeconds: number;
  readonly withTimes: number;
}

export const lastCalibration: Calibration = last;

/** A sentence or two of each plan, for whoever reads a report. */
export function calibrationText({ plans }: Calibration): string {
  return plans.map(planText).join(' ');
}

function planText(plan: CalibratedPlan): string {
  const { on, commit, policy, cpuShare, homes, jobs, runs } = plan;
  const nodes = sum(homes.map((home) => home.nodes));
  const tasks = sum(jobs.map((job) => job.tasks));
  const lines = homes.map(({ downBps }) => downBps / 1e6).join(', ');
  const median = (of: (run: CalibrationRun) => number): number => {
    const sorted = runs.map(of).sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const part = (of: (run: CalibrationRun) => number): string =>
    median((run) => of(run) / run.real).toFixed(2);
  const each = runs.map(({ simulated, real }) => (simulated / real).toFixed(2)).join(', ');
  const headers = percentText(1 - median((run) => run.payloadPart));
  const longer = percentText(median((run) => run.stretch) - 1);
  const turnaround = median((run) => run.turnaroundSeconds).toFixed(2);
  const did = cpuShare === null ? 'slept' : `computed on ${cpuShare} of a core`;
  const wanted = cpuShare === null ? 'slept' : 'were to take';
  return [
    `${tasks} tasks, which ${did}, on ${nodes} real agents behind lines of ${lines} Mbit/s down, over OpenVPN, under ${policy}`,
    `(lab of ${on}, ${commit}): simulated makespan ÷ real ${each}.`,
    `With the ${headers} % that headers take of the lines ${part((run) => run.withPayload)},`,
    `and with tasks that took ${longer} % longer than they ${wanted}, and ${turnaround} s from the end of one to the`,
    `start of the next, ${part((run) => run.withTimes)}.`,
  ].join(' ');
}

/** Whole per cents; none have no sign. */
function percentText(part: number): string {
  return String(Math.round(100 * part) + 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
