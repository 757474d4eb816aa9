// `replay`: the jobs of a production scheduler's journal, as they were submitted, under a policy; and
// how that went against what really happened.

import { writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import process from 'node:process';
import { spanText, summaryRows } from '../report/summary-rows.ts';
import type { Replayed } from '../replay/replayed.ts';
import { readReplayed } from '../replay/replayed.ts';
import { ProgressLine } from './progress-line.ts';
import type { RunOptions } from './run.ts';
import { runWatched } from './run-watched.ts';
import { makeFolder } from './write.ts';

export type ReplayOptions = Omit<RunOptions, 'seed'>;

/** Jobs that are named on the screen, those furthest from what was; all are in the table. */
const shownJobs = 10;

export async function replay(journal: string, options: ReplayOptions): Promise<void> {
  const { policy, patience, out } = options;
  const past = readReplayed(journal);
  makeFolder(out);
  const line = new ProgressLine();
  const about = { scenario: `replay of ${basename(resolve(journal))}`, policy, seed: 1, journal };
  const outputs = { withDetail: false, tables: out ?? null, patienceMs: 1000 * patience };
  const ran = await runWatched({ ...about, ...outputs }, (progress) => line.tell(progress));
  line.end();
  const jobs = past.world.jobs.map(({ name, tasks }, place) => {
    return { name, tasks, real: past.seconds[place] ?? 0, simulated: ran.jobSeconds?.[place] ?? 0 };
  });
  const rows = [...summaryRows(ran.summary), ...pastRows(past, ran.summary.makespanSeconds)];
  process.stdout.write(rows.map(([name, text]) => `${name.padEnd(18)}${text}\n`).join(''));
  process.stdout.write(jobsText(jobs));
  if (out === undefined) return;
  writeFileSync(join(out, 'summary.json'), `${JSON.stringify(ran.summary, null, 2)}\n`);
  writeFileSync(join(out, 'replay.csv'), tableOf(jobs));
  process.stdout.write(`${out}: summary.json, replay.csv, tasks.csv, jobs.csv, sites.csv\n`);
}

interface Both {
  readonly name: string;
  readonly tasks: number;
  /** Seconds from submission to end. */
  readonly real: number;
  readonly simulated: number;
}

function pastRows(
  { makespanSeconds, leftOut }: Replayed,
  simulatedSeconds: number,
): readonly (readonly [string, string])[] {
  const times = (simulatedSeconds / makespanSeconds).toFixed(3);
  const left = [...leftOut].map(([what, count]) => `${count} ${what}`).join(', ');
  return [
    ['really', `${Math.round(makespanSeconds)} s (${spanText(makespanSeconds)})`],
    ['simulated ÷ real', times],
    ['left out', left === '' ? 'nothing' : left],
    [
      'assumed',
      'sites and nodes as they are now, always on; results of the declared size; a task costs the mean of its job; nothing fails',
    ],
  ];
}

function jobsText(jobs: readonly Both[]): string {
  const far = ({ real, simulated }: Both): number => Math.abs(simulated - real);
  const shown = [...jobs].sort((a, b) => far(b) - far(a)).slice(0, shownJobs);
  const rows = shown.map(({ name, tasks, real, simulated }) =>
    [name, String(tasks), spanText(real), spanText(simulated)].map((text) => text.padEnd(14)),
  );
  const head = ['job', 'tasks', 'really', 'simulated'].map((text) => text.padEnd(14));
  return [head, ...rows].map((row) => `${row.join('').trimEnd()}\n`).join('');
}

function tableOf(jobs: readonly Both[]): string {
  const rows = jobs.map(({ name, tasks, real, simulated }) =>
    [`"${name.replaceAll('"', '""')}"`, tasks, real, simulated.toFixed(3)].join(','),
  );
  return ['job,tasks,real_s,simulated_s', ...rows].map((row) => `${row}\n`).join('');
}
