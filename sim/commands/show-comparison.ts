// A comparison on the screen, and as files.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Comparison } from '../report/comparison.ts';
import { comparisonReport } from '../report/page/report.ts';
import type { Interval } from '../report/statistics.ts';
import type { Ran } from './run-here.ts';
import { originOf, write } from './write.ts';

export interface Shown {
  readonly runs: readonly Ran[];
  readonly out: string | undefined;
  readonly scenario: string;
  /** Of the command. */
  readonly words: readonly string[];
}

export async function show(
  comparison: Comparison,
  { runs, out, scenario, words }: Shown,
): Promise<void> {
  process.stdout.write(`${textOf(comparison)}\n`);
  if (out === undefined) return;
  writeFileSync(join(out, 'compare.json'), `${JSON.stringify(comparison, null, 2)}\n`);
  writeFileSync(join(out, 'compare.csv'), tableOf(comparison));
  const detailed = runs.flatMap(({ summary, detail }) =>
    detail === null ? [] : [{ summary, detail }],
  );
  await write(out, comparisonReport(comparison, detailed, originOf(scenario, words)));
}

function textOf({ scenario, seeds, policies, runs }: Comparison): string {
  const [first] = policies;
  const load = runs.reduce((sum, run) => sum + run.load, 0) / runs.length;
  const rows = policies.map(({ policy, makespanOverBound, longerThanFirst }) => [
    policy,
    intervalText(makespanOverBound, 1, 3),
    longerThanFirst === null ? '' : `${intervalText(longerThanFirst, 100, 1)} %`,
  ]);
  const head = ['policy', 'makespan ÷ bound', `longer than ${first?.policy}`];
  const lines = [head, ...rows].map((row) =>
    row
      .map((text) => text.padEnd(22))
      .join('')
      .trimEnd(),
  );
  const what = `${scenario}, ${seeds} seeds, load ${load.toFixed(1)}; means ± 95 % intervals, differences in pairs`;
  return [what, ...lines].join('\n');
}

function intervalText({ mean, half }: Interval, factor: number, digits: number): string {
  const text = (value: number): string => (factor * value).toFixed(digits);
  return half === null ? text(mean) : `${text(mean)} ± ${text(half)}`;
}

function tableOf({ runs }: Comparison): string {
  const columns = ['policy', 'seed', 'makespan_s', 'bound_s', 'makespan_over_bound', 'load'];
  const more = ['cpu_use', 'down_use', 'up_use', 'wait_mean_s', 'wait_p50_s', 'wait_p99_s'];
  const last = ['slowdown_p50', 'slowdown_p99', 'fairness', 'wasted_ghz_s', 'wasted_bytes'];
  const rows = runs.map((run) => [
    ...[run.policy, run.seed, run.makespanSeconds, run.bound.seconds, run.makespanOverBound],
    ...[run.load, run.cpuUse, run.downUse, run.upUse],
    ...[run.waitSeconds.mean, run.waitSeconds.p50, run.waitSeconds.p99],
    ...[run.slowdown.p50, run.slowdown.p99, run.fairness, run.wastedGhzSeconds, run.wastedBytes],
  ]);
  return [[...columns, ...more, ...last], ...rows].map((row) => `${row.join(',')}\n`).join('');
}
