// `compare`: several policies on the same worlds. What counts is the difference on each world, since
// worlds differ more than policies do.

import { comparisonOf } from '../report/comparison.ts';
import { choosePolicy, isPolicyFile } from '../run/choose-policy.ts';
import { InputError, readScenario } from '../scenario/read.ts';
import { ProgressLine } from './progress-line.ts';
import type { WantedRun } from './run-here.ts';
import { RunPool } from './run-pool.ts';
import { show } from './show-comparison.ts';
import { makeFolder } from './write.ts';

export interface CompareOptions {
  readonly policies: readonly string[];
  readonly seeds: number;
  readonly workers: number;
  /** Seconds. */
  readonly patience: number;
  readonly out?: string;
}

export async function compare(scenario: string, options: CompareOptions): Promise<void> {
  const { policies, seeds, workers, out } = options;
  if (new Set(policies).size < policies.length) {
    throw new InputError(`Wanted policies that differ, found ${policies.join(', ')}.`);
  }
  // Mistakes are told before the first run, but those in a file: one is only ever loaded in a thread.
  const { name } = readScenario(scenario);
  const named = policies.filter((policy) => !isPolicyFile(policy));
  await Promise.all(named.map(choosePolicy));
  makeFolder(out);
  const wanted = runsOf(scenario, policies, options);
  const line = new ProgressLine();
  const pool = new RunPool(workers);
  const runs = await pool.run(wanted, {
    onProgress: (progress) => line.tellRuns(progress),
    onStuck: (_, error) => {
      throw error;
    },
  });
  line.end();
  const words = ['compare', scenario, '--policies', policies.join(','), '--seeds', String(seeds)];
  const summaries = runs.map(({ summary }) => summary);
  await show(comparisonOf(name, policies, summaries), { runs, out, scenario, words });
}

/** Of each policy, the first seed's run is looked at closely if there is to be a report. */
export function runsOf(
  scenario: string,
  policies: readonly string[],
  { seeds, out, patience }: Pick<CompareOptions, 'seeds' | 'out' | 'patience'>,
): readonly WantedRun[] {
  return Array.from({ length: seeds }, (_, at) => at + 1).flatMap((seed) =>
    policies.map((policy) => {
      const withDetail = seed === 1 && out !== undefined;
      const patienceMs = 1000 * patience;
      return { scenario, policy, seed, withDetail, tables: null, patienceMs };
    }),
  );
}
