// `run`: one scenario, one policy, one seed; a summary on the screen, and all figures in a folder.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { runReport } from '../report/page/report.ts';
import { summaryRows } from '../report/summary-rows.ts';
import { InputError, bringsRelease } from '../scenario/read.ts';
import { ProgressLine } from './progress-line.ts';
import { runRelease } from './run-release.ts';
import { runWatched } from './run-watched.ts';
import { makeFolder, originOf, write } from './write.ts';

export interface RunOptions {
  readonly policy: string;
  readonly seed: number;
  /** Seconds. */
  readonly patience: number;
  /** Of a release: how many seeds, from that one on, and in how many processes. */
  readonly seeds: number;
  readonly workers: number;
  readonly out?: string;
}

export async function run(scenario: string, options: RunOptions): Promise<void> {
  if (bringsRelease(scenario)) return runRelease(scenario, options);
  const { policy, seed, patience, out } = options;
  if (options.seeds > 1) {
    throw new InputError(`--seeds ${options.seeds}: of the scenario ${scenario}, use \`compare\`.`);
  }
  makeFolder(out);
  const line = new ProgressLine();
  const startedAt = performance.now();
  const outputs = { withDetail: out !== undefined, tables: out ?? null };
  const wanted = { scenario, policy, seed, ...outputs, patienceMs: 1000 * patience };
  const { summary, detail } = await runWatched(wanted, (progress) => line.tell(progress));
  line.end();
  const seconds = (performance.now() - startedAt) / 1000;
  const rows = summaryRows(summary).map(([name, text]) => `${name.padEnd(18)}${text}\n`);
  process.stdout.write(rows.join(''));
  process.stderr.write(`${seconds.toFixed(1)} s, ${Math.round(summary.tasks / seconds)} tasks/s\n`);
  if (out === undefined || detail === null) return;
  writeFileSync(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  const origin = originOf(scenario, ['run', scenario, '--policy', policy, '--seed', String(seed)]);
  await write(out, runReport(summary, detail, origin));
}
