// The tables of a run and what its figures are drawn from, held against its summary: what is told
// more than once is told alike.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeTables } from '../../../sim/report/csv.ts';
import { detailOf } from '../../../sim/report/detail/detail.ts';
import { jobGroupsBy } from '../../../sim/report/detail/job-groups.ts';
import { siteGroupsOf } from '../../../sim/report/detail/site-groups.ts';
import { siteUses } from '../../../sim/report/site-uses.ts';
import { jainIndex, quantilesOf, sumOf } from '../../../sim/report/statistics.ts';
import { taskTimes } from '../../../sim/report/task-times.ts';
import { simulate } from '../../../sim/run/simulate.ts';
import type { Simulated } from '../../../sim/run/simulate.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-report-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Row = ReadonlyMap<string, string>;

interface Tables extends Simulated {
  readonly tasks: readonly Row[];
  readonly jobs: readonly Row[];
  readonly sites: readonly Row[];
}

/** A run of a fixture in which two researchers have jobs. */
async function tablesOf(fixture: string): Promise<Tables> {
  const text = readFileSync(`test/fixtures/scenarios/${fixture}.yaml`, 'utf8');
  const scenario = join(folder, 'two.yaml');
  writeFileSync(scenario, text.replace('- name: data', '- researcher: bob\n    name: data'));
  const wanted = { scenario, policy: 'balance', seed: 2 };
  const { world, result, summary } = await simulate(wanted, () => undefined);
  writeTables(folder, world, result);
  return {
    world,
    result,
    summary,
    tasks: rowsOf('tasks.csv'),
    jobs: rowsOf('jobs.csv'),
    sites: rowsOf('sites.csv'),
  };
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

function columnSum(rows: readonly Row[], column: string): number {
  return sumOf(rows.map((row) => Number(row.get(column))));
}

const tiny = await tablesOf('tiny');
const churny = await tablesOf('tiny-churny');

test.each(['tiny', 'tiny-churny'])(
  '%s: the bytes of results, of programs and the wasted are all',
  (of) => {
    const { summary, tasks, result } = of === 'tiny' ? tiny : churny;
    const useful = columnSum(tasks, 'down_bytes') + columnSum(tasks, 'up_bytes');
    // A site brings them for all its attempts.
    const programs = sumOf(result.attempts.brought.map(({ bytes }) => bytes));
    expect(programs).toBeGreaterThan(0);
    expect(useful + programs + summary.wastedBytes).toBeCloseTo(
      summary.downBytes + summary.upBytes,
      -1,
    );
    if (of === 'tiny-churny') expect(summary.wastedBytes).toBeGreaterThan(0);
  },
);

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
    return weighted.reduce((sum, each) => sum + each, 0) / columnSum(own, 'tasks');
  };
  const [ada, bob] = [mean('ada'), mean('bob')];
  expect(ada).not.toBeCloseTo(bob);
  expect(summary.fairness).toBeCloseTo((ada + bob) ** 2 / (2 * (ada ** 2 + bob ** 2)), 6);
  expect(summary.tasksPerSecond * summary.makespanSeconds).toBeCloseTo(tasks.length);
  expect(jainIndex([3, 3, 3])).toBe(1);
  expect(jainIndex([1, 0, 0, 0])).toBe(0.25);
});

const { world, result, summary } = tiny;
const detail = detailOf(world, result);

test('what all sites used over time is what the run used', () => {
  const { binSeconds, groups } = detail.use;
  const total = (resource: number, rate: (group: (typeof groups)[number]) => number): number =>
    sumOf(groups.map((group) => rate(group) * binSeconds * sumOf(group.uses[resource] ?? [])));
  const uses = siteUses(world, result);
  const computed = sumOf(uses.map(({ computedGhzSeconds }) => computedGhzSeconds));
  expect(total(0, ({ cpuGhz }) => cpuGhz) / computed).toBeCloseTo(1, 3);
  const bytes = total(1, ({ downRate }) => downRate) + total(2, ({ upRate }) => upRate);
  const stopped = sumOf(result.attempts.stoppedBytes);
  expect((bytes + stopped) / (summary.downBytes + summary.upBytes)).toBeCloseTo(1, 3);
  for (const { uses: parts, short } of groups) {
    // Of uplinks a column may hold more than there is: transfers are spread evenly over their time.
    expect(Math.max(...(parts[0] ?? []))).toBeLessThanOrEqual(1);
    expect(sumOf(short)).toBeCloseTo(1, 3);
  }
  // Sites count by their CPU, in the table as in the figure.
  const all = sumOf(groups.map(({ cpuGhz }) => cpuGhz));
  const told = sumOf(groups.map(({ cpuGhz, short }) => cpuGhz * (short[0] ?? 0)));
  expect(told).toBeGreaterThan(0);
  const cpu = tiny.sites.map((row) => Number(row.get('cpu_ghz')) * Number(row.get('short_of_cpu')));
  expect(sumOf(cpu) / all).toBeCloseTo(told / all, 4);
  // Some site was short of something, or the run would not have taken longer than its bound.
  expect(Math.max(...groups.map(({ short }) => Math.max(...short.slice(0, 3))))).toBeGreaterThan(0);
});

test('waits and steps are those of the tasks', () => {
  const tasks = [...taskTimes(world, result)];
  for (const [place, { name, tasks: count, waits, ends, steps }] of detail.kinds.entries()) {
    expect(name).toBe(['cpu-heavy', 'data-heavy'][place]);
    const own = tasks.filter(({ job }) => world.jobs[job]?.kind === name);
    expect(count).toBe(own.length);
    const most = Math.max(...own.map(({ startMs, submitMs }) => startMs - submitMs));
    expect(waits.at(-1)).toBeCloseTo(most / 1000);
    expect(ends.at(-1)).toBeCloseTo(Math.max(...own.map(({ finishMs }) => finishMs)) / 1000);
    expect([...waits]).toEqual([...waits].sort((a, b) => a - b));
    const around = sumOf(own.map(({ finishMs, submitMs }) => finishMs - submitMs)) / 1000;
    expect(sumOf(steps)).toBeCloseTo(around / own.length);
    // Only the first kind has results to send; the other says that it is done, in the next batch.
    expect((steps[6] ?? 0) > 0.1).toBe(name === 'cpu-heavy');
  }
  expect(detail.researchers.map(({ name }) => name)).toEqual(['ada', 'bob']);
  expect(detailOf(churny.world, churny.result).kinds).toHaveLength(2);
});

test('the map has every task once', () => {
  expect(sumOf(detail.cells.map(({ tasks }) => tasks))).toBe(summary.tasks);
  // 45 kB for 60 GHz·s.
  const { intensity } = detail.cells.find(({ kind }) => kind === 'cpu-heavy') ?? {};
  expect(intensity).toBeCloseTo(45e3 * 8e-9 * (1 / 60), 9);
});

test('a slot does one thing at a time', () => {
  const { rows, bars, attempts } = detail.gantt;
  expect(bars.length).toBeGreaterThanOrEqual(attempts);
  for (const row of rows.keys()) {
    const own = bars.filter((bar) => bar.row === row);
    expect(own.length).toBeGreaterThan(0);
    for (const [place, { fromSeconds, toSeconds }] of own.entries()) {
      expect(toSeconds).toBeGreaterThanOrEqual(fromSeconds);
      expect(fromSeconds).toBeGreaterThanOrEqual(own[place - 1]?.toSeconds ?? 0);
    }
  }
  const slots = rows.filter((row) => row.startsWith('node'));
  expect(slots.length).toBeLessThanOrEqual(siteUses(world, result)[detail.gantt.site]?.slots ?? 0);
});

test('many sites are few rows with about the same CPU each, in the order of their ratios', () => {
  const uses = Array.from({ length: 10_000 }, (_, site) => ({
    ...{ cpuGhz: 1 + (site % 7), downRate: 1e3 * ((site * 7919) % 10_000) + 1, upRate: 1 },
    ...{ slots: 1, attempts: 0, computedGhzSeconds: 0, downBytes: 0, upBytes: 0 },
  }));
  const { groups, groupOf } = siteGroupsOf(uses);
  expect(groups).toHaveLength(16);
  expect(sumOf(groups.map(({ sites }) => sites))).toBe(10_000);
  expect(groupOf.filter((group) => group < 0)).toEqual([]);
  const mean = sumOf(uses.map(({ cpuGhz }) => cpuGhz)) / 16;
  for (const { cpuGhz } of groups) expect(cpuGhz / mean).toBeCloseTo(1, 1);
  const ratios = groups.map(({ ratio }) => ratio);
  expect(ratios).toEqual([...ratios].sort((a, b) => a - b));
});

test('of many kinds of jobs those with the least work have one name', () => {
  const [job] = world.jobs;
  if (job === undefined) throw new Error('the tiny scenario has jobs');
  const jobs = Array.from({ length: 12 }, (_, at) => {
    return { ...job, kind: `k${at}`, tasks: 1 + ((5 * at) % 12) };
  });
  const { names, groupOf } = jobGroupsBy({ ...world, jobs }, ({ kind }) => kind);
  // 1 + 5 · at modulo 12 is 6 and more for these.
  expect(names).toEqual(['k1', 'k2', 'k4', 'k6', 'k7', 'k9', 'k11', 'all others']);
  expect(groupOf[0]).toBe(7);
  expect(groupOf[11]).toBe(6);
});

test('quantiles of one value are that value', () => {
  expect(quantilesOf(Float64Array.of(7), 2)).toEqual([7, 7, 7]);
  expect(quantilesOf(Float64Array.of(3, 1, 2, 4), 2)).toEqual([1, 2, 4]);
});
