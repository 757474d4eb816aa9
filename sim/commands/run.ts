// `run`: one scenario, one policy, one seed; a summary on the screen, and all figures in a folder.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { writeTables } from '../report/csv.ts';
import { detailOf } from '../report/detail/detail.ts';
import { runReport } from '../report/page/report.ts';
import { summaryRows } from '../report/summary-rows.ts';
import { simulate } from '../run/simulate.ts';
import { ProgressLine } from './progress-line.ts';
import { originOf, write } from './write.ts';

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
  const rows = summaryRows(summary).map(([name, text]) => `${name.padEnd(18)}${text}\n`);
  process.stdout.write(rows.join(''));
  process.stderr.write(`${seconds.toFixed(1)} s, ${Math.round(summary.tasks / seconds)} tasks/s\n`);
  if (out === undefined) return;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  writeTables(out, world, result);
  const origin = originOf(scenario, ['run', scenario, '--policy', policy, '--seed', String(seed)]);
  await write(out, runReport(summary, detailOf(world, result), origin));
}
