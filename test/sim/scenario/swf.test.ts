// Logs in the Standard Workload Format: what the format allows is read as it says, all else is told
// with line and field; and a scenario runs the jobs of one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { defaultPolicy } from '../../../scheduler/core/index.ts';
import { Run } from '../../../sim/run/run.ts';
import { summaryRows } from '../../../sim/report/summary-rows.ts';
import { simulate } from '../../../sim/run/simulate.ts';
import { readLog } from '../../../sim/scenario/read-log.ts';
import { readScenario } from '../../../sim/scenario/read.ts';
import { parseSwf } from '../../../sim/scenario/swf.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-swf-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Line {
  readonly number?: number | string;
  readonly submit?: number | string;
  readonly run?: number | string;
  readonly processors?: number | string;
  readonly requested?: number;
  readonly status?: number;
  readonly user?: number;
  readonly after?: number;
  readonly think?: number;
}

function lineOf(line: Line): string {
  const { number = 1, submit = 0, run = 60, processors = 1, requested = -1 } = line;
  const { status = 1, user = -1, after = -1, think = -1 } = line;
  const fields = [number, submit, -1, run, processors, -1, -1, requested, -1, -1, status, user];
  return [...fields, -1, -1, -1, -1, after, think].join(' ');
}

const header = '; Version: 2.2\n;\n\n';
const textOf = (...lines: readonly Line[]): string =>
  `${header}${lines.map((line) => `  ${lineOf(line)}\r\n`).join('')}`;

/** What the second of three jobs becomes; null: it is left out. */
const allowed: readonly (readonly [what: string, line: Line, read: object | null])[] = [
  ['a run time of 0 is less than half a second', { run: 0 }, { runSeconds: 0.5 }],
  ['times with a point are times', { run: '7.25', submit: '3.5' }, { runSeconds: 7.25 }],
  [
    'a job without allocated processors has those it asked for',
    { processors: -1, requested: 8 },
    { processors: 8 },
  ],
  ['a job of nobody has none known', { user: -1 }, { user: -1 }],
  ['a job that failed ran', { status: 0 }, { runSeconds: 60 }],
  ['a job cancelled while it ran, ran', { status: 5 }, { runSeconds: 60 }],
  ['a status that is not recorded is none', { status: -1 }, { runSeconds: 60 }],
  ['a job cancelled before it ran is left out', { status: 5, run: -1 }, null],
  ['so is one that ran for nothing', { status: 5, run: 0, processors: -1 }, null],
  ['and one that had processors, but no run time', { status: 5, run: 0 }, null],
  ['a job of unknown run time is left out', { run: -1 }, null],
  ['a job of unknown size is left out', { processors: -1 }, null],
  ['a part of a run is left out', { status: 2, submit: -1 }, null],
  ['a job may follow another', { after: 1, think: 30 }, { after: { number: 1, thinkSeconds: 30 } }],
  ['and at once', { after: 1 }, { after: { number: 1, thinkSeconds: 0 } }],
];

test.each(allowed)('%s', (_, line, read) => {
  const second = { number: 2, submit: 5, ...line };
  const { jobs, leftOut } = parseSwf('x.swf', textOf({}, second, { number: 3, submit: 9 }));
  const numbers = jobs.map(({ number }) => number);
  expect(numbers).toEqual(read === null ? [1, 3] : [1, 2, 3]);
  if (read !== null) expect(jobs[1]).toMatchObject(read);
  const sum = leftOut.cancelled + leftOut.unknown + leftOut.partial;
  expect(sum).toBe(read === null ? 1 : 0);
});

test('columns after the 18th are those of an extension', () => {
  const { jobs } = parseSwf('x.swf', `${lineOf({})} 7 gpu,cpu -1\n`);
  expect(jobs).toHaveLength(1);
});

const wrong: readonly (readonly [line: string, told: RegExp])[] = [
  [
    lineOf({ number: 2, submit: -1 }),
    /x\.swf:5: field 2 \(submit time\): wanted a number from 0 on/,
  ],
  [lineOf({ number: 2, submit: 4 }), /:5: field 2 .*wanted one from 5 on, .* found "4"/],
  [
    lineOf({ number: 'two', submit: 6 }),
    /:5: field 1 \(job number\): wanted a number, found "two"/,
  ],
  [lineOf({ number: 1, submit: 6 }), /:5: field 1 .*wanted one that no line before has/],
  [lineOf({ number: 0, submit: 6 }), /:5: field 1 .*wanted one from 1 on/],
  [lineOf({ number: 2, submit: 6, run: '1h' }), /:5: field 4 \(run time\): wanted a number, found/],
  [lineOf({ number: 2, submit: 6, run: -3 }), /:5: field 4 .*from 0 on, or -1 where it is unk/],
  [lineOf({ number: 2, submit: 6, processors: '1.5' }), /:5: field 5 .*wanted a whole number/],
  [lineOf({ number: 2, submit: 6, processors: 2e6 }), /:5: field 5 .*wanted at most 1000000/],
  [lineOf({ number: 2, submit: 6, after: 7 }), /:5: field 17 \(preceding job\): wanted the number/],
  ['2 6 -1 60 1 -1 -1', /:5: wanted 18 fields, found 7: field 8 \(requested processors\) is not/],
  ['{"jobs": []}', /:5: wanted 18 fields, found 2: field 3 \(wait time\) is not there/],
];

test.each(wrong)('%j is told with line and field', (line, told) => {
  const text = `${textOf({ submit: 5 })}${line}\n`;
  expect(() => parseSwf('x.swf', text)).toThrow(told);
});

test('a log of nothing but comments is refused', () => {
  expect(() => parseSwf('x.swf', header)).toThrow('x.swf: no line of it is a job that ran');
});

const scenarioFile = join(folder, 'grid.yaml');
writeFileSync(
  scenarioFile,
  `about: A log of four jobs.
federation:
  nodes: 2
  siteSizes: { from: 2, to: 2 }
  models: { pi3b: 1 }
  uplinks: { down: 10 Mbit/s, upPart: 1 }
log:
  swf: grid.swf.gz
  source: nowhere
  second: 2 GHz*s
  data: [{ input: 1 MB, output: 10 kB, per: 120 GHz*s }]
`,
);
const log = textOf(
  { submit: 100, processors: 3, user: 7 },
  { number: 2, submit: 110, run: 30 },
  { number: 3, submit: 110, after: 1, think: 500 },
  { number: 4, submit: 110, run: 0, user: 7 },
);

test('a log that is not there, or damaged, is told', () => {
  const scenario = readScenario(scenarioFile);
  expect(() => readLog(scenario)).toThrow(
    /grid\.swf\.gz, and it is not there\. Get it from nowhere, and name it: grid=FILE/,
  );
  const packed = gzipSync(log);
  const other = join(folder, 'other.gz');
  const named = readScenario(`${scenarioFile}=${other}`);
  writeFileSync(other, packed.subarray(0, packed.length - 12));
  expect(() => readLog(named)).toThrow(`${other}: wanted a whole gzip file, but it is cut short`);
  const flipped = Buffer.from(packed);
  flipped[20] = (flipped[20] ?? 0) ^ 0xff;
  writeFileSync(other, flipped);
  expect(() => readLog(named)).toThrow(`${other}: wanted a whole gzip file, but it is damaged`);
  writeFileSync(other, log);
  expect(() => readLog(named)).toThrow(`${other}: wanted gzip by its name`);
  expect(() => readScenario('two-class=x.swf')).toThrow(
    'two-class has jobs of its own, and no log',
  );
});

test('its jobs come when it says, with the bytes that the scenario says', async () => {
  writeFileSync(join(folder, 'grid.swf.gz'), gzipSync(log));
  const scenario = readScenario(scenarioFile);
  const world = drawWorld(scenario, 1, readLog(scenario)?.jobs);
  expect(world.jobs).toMatchObject([
    { researcher: 'user-7', submitMs: 0, tasks: 3, workGhzSeconds: 120, inputBytes: 1e6 },
    { researcher: 'unknown', submitMs: 10_000, tasks: 1, inputBytes: 0.5e6, outputBytes: 5e3 },
    { after: { job: 0, thinkMs: 500_000 } },
    { workGhzSeconds: 1 },
  ]);
  const run = new Run(world, { policy: defaultPolicy, solve: await openHighs() });
  while (!run.advance(1_000));
  const { submittedAt, attempts, checks } = run.result();
  const firstDone = Math.max(...[1, 2, 3].map((lease) => attempts.doneAt[lease] ?? 0));
  // The last two come in another order than in the log; results are those of their own tasks.
  const jobOf = (job: number): unknown => attempts.job[checks.results[job]?.[0] ?? 0];
  expect([0, 1, 2, 3].map(jobOf)).toEqual([0, 1, 2, 3]);
  expect([...submittedAt]).toEqual([0, 10_000, firstDone + 500_000, 10_000]);
});

test('jobs of the log that are left out are counted where a run is summed up', async () => {
  const file = join(folder, 'left.swf');
  writeFileSync(file, textOf({}, { number: 2, status: 5, run: -1 }, { number: 3, run: -1 }));
  const wanted = { scenario: `${scenarioFile}=${file}`, policy: 'fifo', seed: 1 };
  const { summary } = await simulate(wanted, () => undefined);
  expect(summary).toMatchObject({ jobs: 1, leftOut: { cancelled: 1, unknown: 1, partial: 0 } });
  expect(summaryRows(summary)).toContainEqual([
    'left out',
    '1 jobs of the log that were cancelled before they ran, 1 of unknown run time or size',
  ]);
});
