// `run`: one scenario, one policy, one seed; a summary on the screen, and all figures in a folder.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { writeTables } from '../report/csv.ts';
import type { Summary } from '../report/summary.ts';
import { simulate } from '../run/simulate.ts';
import { ProgressLine, spanText } from './progress-line.ts';

export interface RunOptions {
  readonly policy: string;
  readonly seed: number;
  readonly out?: string;
}

export async function run(scenario: string, { policy, seed, out }: RunOptions): Promise<void> {
  const line = new ProgressLine();
  const startedAt = performance.now();
  const { world, result, summary } = await simulate({ scenario, policy, seed }, (progress) =>
    line.tell(progress),
  );
  line.end();
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(`${textOf(summary)}\n`);
  process.stderr.write(`${seconds.toFixed(1)} s, ${Math.round(summary.tasks / seconds)} tasks/s\n`);
  if (out === undefined) return;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  writeTables(out, world, result);
  process.stdout.write(`${out}: summary.json, tasks.csv, jobs.csv, sites.csv\n`);
}

function textOf(summary: Summary): string {
  const { bound, waitSeconds, slowdown } = summary;
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  const rows: readonly (readonly [string, string])[] = [
    ['scenario', `${summary.scenario}, seed ${summary.seed}`],
    ['policy', summary.policy],
    ['world', `${summary.nodes} nodes at ${summary.sites} sites, ${summary.tasks} tasks`],
    ['makespan', `${Math.round(summary.makespanSeconds)} s (${spanText(summary.makespanSeconds)})`],
    ['bound', `${Math.round(bound.seconds)} s: ${bound.from}; load ${summary.load.toFixed(1)}`],
    ['makespan ÷ bound', `${summary.makespanOverBound.toFixed(3)}${upText(summary)}`],
    [
      'use',
      `CPU ${percent(summary.cpuUse)}, down ${percent(summary.downUse)}, up ${percent(summary.upUse)}`,
    ],
    ['wait', `mean ${spanText(waitSeconds.mean)}, p99 ${spanText(waitSeconds.p99)}`],
    ['slowdown', `p50 ${slowdown.p50.toFixed(1)}, p99 ${slowdown.p99.toFixed(1)}`],
    ['throughput', `${summary.tasksPerSecond.toFixed(2)} tasks/s of simulated time`],
    ['fairness', `${summary.fairness.toFixed(3)} (Jain's index, between researchers)`],
    ['bytes', `${gigabytes(summary.downBytes)} down, ${gigabytes(summary.upBytes)} up`],
    ['wasted', wasteText(summary)],
  ];
  return rows.map(([name, text]) => `${name.padEnd(18)}${text}`).join('\n');
}

function wasteText({ wastedAttempts, wastedGhzSeconds, wastedBytes }: Summary): string {
  return `${wastedAttempts} attempts, ${Math.round(wastedGhzSeconds)} GHz·s, ${gigabytes(wastedBytes)}`;
}

/** The bound has all nodes on; what churn alone costs is told beside. */
function upText({ availability, makespanOverBound }: Summary): string {
  if (availability === 1) return '';
  const fair = (availability * makespanOverBound).toFixed(3);
  return ` (${fair} for the ${(100 * availability).toFixed(1)} % that was switched on)`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
