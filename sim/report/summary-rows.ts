// A summary in words: for the screen and for the report.

import type { ServiceUse } from './service-uses.ts';
import { moveText } from './service-uses.ts';
import type { Summary } from './summary.ts';

export type Named = readonly [name: string, text: string];

export function summaryRows(summary: Summary): readonly Named[] {
  const { bound, waitSeconds, slowdown } = summary;
  const { nodes, sites, tasks, makespanSeconds } = summary;
  const use = [`CPU ${percent(summary.cpuUse)}`, `down ${percent(summary.downUse)}`];
  return [
    ['scenario', `${summary.scenario}, seed ${summary.seed}`],
    ['policy', summary.policy],
    ['world', `${nodes} nodes at ${sites} sites, ${tasks} tasks`],
    ['makespan', `${Math.round(makespanSeconds)} s (${spanText(makespanSeconds)})`],
    ['bound', `${Math.round(bound.seconds)} s: ${bound.from}; load ${summary.load.toFixed(1)}`],
    ['makespan ÷ bound', `${summary.makespanOverBound.toFixed(3)}${upText(summary)}`],
    ['use', `${use.join(', ')}, up ${percent(summary.upUse)}`],
    ['wait', `mean ${spanText(waitSeconds.mean)}, p99 ${spanText(waitSeconds.p99)}`],
    ['slowdown', `p50 ${slowdown.p50.toFixed(1)}, p99 ${slowdown.p99.toFixed(1)}`],
    ['throughput', `${summary.tasksPerSecond.toFixed(2)} tasks/s of simulated time`],
    ['fairness', `${summary.fairness.toFixed(3)} (Jain's index, between researchers)`],
    ['bytes', `${gigabytes(summary.downBytes)} down, ${gigabytes(summary.upBytes)} up`],
    ['wasted', wasteText(summary)],
    ...summary.services.map((use): Named => [`service ${use.name}`, serviceText(use)]),
    ...(summary.leftOut === null ? [] : [['left out', leftOutText(summary.leftOut)] as const]),
  ];
}

export function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

/** "35 s", "12 min", "3.4 h", "2.1 days". */
export function spanText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}

/** The bound has all nodes on; what churn alone costs is told beside. */
function upText({ availability, availableBoundSeconds, makespanSeconds }: Summary): string {
  if (availability === 1) return '';
  const on = `${percent(availability)} was switched on`;
  if (availableBoundSeconds === null) return ` (${on})`;
  const ratio = (makespanSeconds / availableBoundSeconds).toFixed(3);
  return ` (${on}: ${ratio} times the ${Math.round(availableBoundSeconds)} s that what was on needs)`;
}

/** Lines on parts of a job's run are no jobs: its own line sums them up. */
function leftOutText({ cancelled, unknown }: NonNullable<Summary['leftOut']>): string {
  return `${cancelled} jobs of the log that were cancelled before they ran, ${unknown} of unknown run time or size`;
}

function serviceText({ replicas, wantedSeconds, upPart, moves }: ServiceUse): string {
  if (wantedSeconds === 0) return 'it had not come when the run was over';
  const counts = Object.entries(moves).map(([why, count]) => `${count} ${moveText(why)}`);
  const count = Object.values(moves).reduce((sum, each) => sum + each, 0);
  const why = count === 0 ? '' : `: ${counts.join(', ')}`;
  return `${replicas} replicas, up ${percent(upPart)} of the time; ${count} ${count === 1 ? 'move' : 'moves'}${why}`;
}

function wasteText({ wastedAttempts, wastedGhzSeconds, wastedBytes }: Summary): string {
  return `${wastedAttempts} attempts, ${Math.round(wastedGhzSeconds)} GHz·s, ${gigabytes(wastedBytes)}`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
