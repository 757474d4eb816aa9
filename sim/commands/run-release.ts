// `run` of a scenario that brings a release: each of its cases with each seed; figures on the screen, and all in a folder.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { defaultPolicy } from '../../scheduler/core/index.ts';
import type { ReleaseRun, WantedRelease } from '../distribution/simulate-release.ts';
import { releaseCsv } from '../report/release-csv.ts';
import {
  assumedOfReleases,
  caseTexts,
  releaseReport,
  releaseTable,
} from '../report/page/release-report.ts';
import { InputError, readRelease } from '../scenario/read.ts';
import { ProgressLine } from './progress-line.ts';
import { RunPool } from './run-pool.ts';
import { makeFolder, originOf, write } from './write.ts';

interface ReleaseOptions {
  readonly policy: string;
  readonly seed: number;
  readonly seeds: number;
  readonly workers: number;
  readonly out?: string;
}

export async function runRelease(scenario: string, options: ReleaseOptions): Promise<void> {
  const { policy, seed, seeds, workers, out } = options;
  const read = readRelease(scenario);
  if (policy !== defaultPolicy.name) {
    throw new InputError(`--policy ${policy}: the scenario ${scenario} has no jobs to place.`);
  }
  makeFolder(out);
  const line = new ProgressLine();
  const pool = new RunPool<WantedRelease, ReleaseRun>(workers);
  const ran = await pool.run(wantedOf(scenario, read.release.cases, { seed, seeds }), {
    onProgress: (progress) => line.tellRuns(progress),
    onStuck: (_, error) => {
      throw error;
    },
  });
  line.end();
  const runs = ran.toSorted((one, other) => one.at - other.at || one.seed - other.seed);
  const names = caseTexts(read);
  process.stdout.write(textOf(releaseTable(names, runs)));
  if (out === undefined) return;
  const summary = { scenario: read.name, assumed: assumedOfReleases, cases: names, runs };
  writeFileSync(join(out, 'release.json'), `${JSON.stringify(summary, null, 2)}\n`);
  writeFileSync(join(out, 'release.csv'), releaseCsv(names, runs));
  const words = ['run', scenario, '--seed', String(seed), '--seeds', String(seeds)];
  await write(out, releaseReport(read, runs, originOf(scenario, words)));
}

/** Those with the most sites first, so that no worker waits for the last of them alone. */
function wantedOf(
  scenario: string,
  cases: readonly { readonly sites: number }[],
  { seed, seeds }: Pick<ReleaseOptions, 'seed' | 'seeds'>,
): readonly WantedRelease[] {
  const places = [...cases.entries()].sort(([, one], [, other]) => other.sites - one.sites);
  return places.flatMap(([at]) =>
    Array.from({ length: seeds }, (_, more) => {
      return { kind: 'release', scenario, at, seed: seed + more } as const;
    }),
  );
}

function textOf({ columns, rows }: ReturnType<typeof releaseTable>): string {
  const all = [columns, ...rows];
  const widths = columns.map((_, place) =>
    Math.max(...all.map((row) => (row[place] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, place) => cell.padEnd((widths[place] ?? 0) + 2))
      .join('')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}
