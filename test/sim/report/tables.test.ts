// The tables of a run against its summary: what is told twice is told alike.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeTables } from '../../../sim/report/csv.ts';
import { jainIndex } from '../../../sim/report/statistics.ts';
import type { Summary } from '../../../sim/report/summary.ts';
import { simulate } from '../../../sim/run/simulate.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-report-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Row = ReadonlyMap<string, string>;

interface Tables {
  readonly summary: Summary;
  readonly tasks: readonly Row[];
  readonly jobs: readonly Row[];
}

/** A run of a fixture in which two researchers have jobs. */
async function tablesOf(fixture: string): Promise<Tables> {
  const text = readFileSync(`test/fixtures/scenarios/${fixture}.yaml`, 'utf8');
  const scenario = join(folder, 'two.yaml');
  writeFileSync(scenario, text.replace('- name: data', '- researcher: bob\n    name: data'));
  const wanted = { scenario, policy: 'balance', seed: 2 };
  const { world, result, summary } = await simulate(wanted, () => undefined);
  writeTables(folder, world, result);
  return { summary, tasks: rowsOf('tasks.csv'), jobs: rowsOf('jobs.csv') };
}

function rowsOf(file: string): readonly Row[] {
  const [head = '', ...lines] = readFileSync(join(folder, file), 'utf8').trim().split('\n');
  const columns = head.split(',');
  return lines.map((line) => {
    const values = line.split(',');
    expect(values).toHaveLength(columns.length);
    return new Map(columns.map((column, place) => [column, values[place] ?? '']));
  });
}

function sumOf(rows: readonly Row[], column: string): number {
  return rows.reduce((sum, row) => sum + Number(row.get(column)), 0);
}

const tiny = await tablesOf('tiny');
const churny = await tablesOf('tiny-churny');

test.each(['tiny', 'tiny-churny'])('%s: the bytes of results and the wasted are all', (of) => {
  const { summary, tasks } = of === 'tiny' ? tiny : churny;
  const useful = sumOf(tasks, 'down_bytes') + sumOf(tasks, 'up_bytes');
  expect(useful + summary.wastedBytes).toBeCloseTo(summary.downBytes + summary.upBytes, -1);
  // Bundles are fetched by one attempt for all, and may have been lost with it.
  if (of === 'tiny-churny') expect(summary.wastedBytes).toBeGreaterThan(0);
});

test('what an attempt does comes in its order', () => {
  const { tasks } = tiny;
  const steps = ['submission_time', 'granted_time', 'fetching_time', 'fetched_time'];
  const more = ['starting_time', 'sending_time', 'finish_time'];
  for (const row of tasks) {
    const times = [...steps, ...more].map((step) => row.get(step)).filter((time) => time !== '');
    expect(times.map(Number)).toEqual(times.map(Number).sort((a, b) => a - b));
    // Only some have a result to send.
    expect(times).toHaveLength(row.get('profile') === 'cpu-heavy' ? 7 : 6);
  }
});

test('fairness is of the mean slowdowns of the researchers', () => {
  const { summary, tasks, jobs } = tiny;
  const mean = (researcher: string): number => {
    const own = jobs.filter((row) => row.get('researcher') === researcher);
    const weighted = own.map(
      (row) => Number(row.get('mean_task_slowdown')) * Number(row.get('tasks')),
    );
    return weighted.reduce((sum, each) => sum + each, 0) / sumOf(own, 'tasks');
  };
  const [ada, bob] = [mean('ada'), mean('bob')];
  expect(ada).not.toBeCloseTo(bob);
  expect(summary.fairness).toBeCloseTo((ada + bob) ** 2 / (2 * (ada ** 2 + bob ** 2)), 6);
  expect(summary.tasksPerSecond * summary.makespanSeconds).toBeCloseTo(tasks.length);
  expect(jainIndex([3, 3, 3])).toBe(1);
  expect(jainIndex([1, 0, 0, 0])).toBe(0.25);
});
