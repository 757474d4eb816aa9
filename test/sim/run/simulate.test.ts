// Runs of a tiny scenario: the same input gives the same bytes, and a policy that breaks a rule is
// caught with its seed.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Option, Pick, Policy, RoundView } from '../../../scheduler/core/index.ts';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { defaultPolicy, policyMakers } from '../../../scheduler/core/index.ts';
import { Churn } from '../../../sim/world/churn.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';
import { readScenario } from '../../../sim/scenario/read.ts';
import { writeTables } from '../../../sim/report/csv.ts';
import { Run } from '../../../sim/run/run.ts';
import type { RunResult } from '../../../sim/run/run.ts';
import { simulate } from '../../../sim/run/simulate.ts';

const scenario = 'test/fixtures/scenarios/tiny.yaml';
const folder = mkdtempSync(join(tmpdir(), 'punnet-sim-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const quiet = (): void => undefined;

async function bytesOf(policy: string, seed: number): Promise<readonly string[]> {
  const { world, result, summary } = await simulate({ scenario, policy, seed }, quiet);
  writeTables(folder, world, result);
  const tables = ['tasks.csv', 'jobs.csv', 'sites.csv'];
  return [
    JSON.stringify(summary),
    ...tables.map((file) => readFileSync(join(folder, file), 'utf8')),
  ];
}

test.each([...policyMakers.keys()])('%s: the same input gives the same bytes', async (policy) => {
  const first = await bytesOf(policy, 1);
  expect(await bytesOf(policy, 1)).toEqual(first);
  expect(await bytesOf(policy, 2)).not.toEqual(first);
});

test('what the scheduler is not told it finds out, and ends not much later', async () => {
  const file = join(folder, 'untold.yaml');
  const text = readFileSync(scenario, 'utf8');
  writeFileSync(file, text.replaceAll('    tasks:', '    isDeclared: false\n    tasks:'));
  const [told, untold] = await Promise.all(
    [scenario, file].map((each) => simulate({ scenario: each, policy: 'ratio', seed: 1 }, quiet)),
  );
  expect(untold?.summary.tasks).toBe(120);
  expect(untold?.summary.makespanSeconds).not.toBe(told?.summary.makespanSeconds);
  expect(untold?.summary.makespanSeconds).toBeLessThan(2 * (told?.summary.makespanSeconds ?? 0));
});

test('every task has a row, and its times are in order', async () => {
  const [summary = '', tasks = '', jobs = '', sites = ''] = await bytesOf('balance', 3);
  const rows = tasks.trim().split('\n').slice(1);
  expect(rows).toHaveLength(120);
  for (const row of rows) {
    const [, , , submitted, , , , started, ran, finished] = row.split(',').map(Number);
    expect(started).toBeGreaterThan(submitted ?? NaN);
    expect(ran).toBeGreaterThan(0);
    // Times are told to the millisecond.
    expect(finished).toBeGreaterThanOrEqual((started ?? NaN) + (ran ?? NaN) - 0.002);
  }
  expect(jobs.trim().split('\n')).toHaveLength(5);
  const { makespanSeconds, makespanOverBound, cpuUse, sites: count } = JSON.parse(summary);
  expect(sites.trim().split('\n')).toHaveLength(1 + count);
  const finishes = rows.map((row) => Number(row.split(',')[9]));
  expect(Math.max(...finishes)).toBeCloseTo(makespanSeconds);
  expect(makespanOverBound).toBeGreaterThan(1);
  expect(cpuUse).toBeGreaterThan(0.2);
  expect(cpuUse).toBeLessThanOrEqual(1);
});

test.each([...policyMakers.keys()])(
  '%s: everything ends on nodes that come and go',
  async (policy) => {
    const churny = 'test/fixtures/scenarios/tiny-churny.yaml';
    const once = (await simulate({ scenario: churny, policy, seed: 1 }, quiet)).summary;
    expect(once.availability).toBeGreaterThan(0.1);
    expect(once.availability).toBeLessThan(0.95);
    const again = { scenario: churny, policy, seed: 4 };
    const { summary } = await simulate(again, quiet);
    expect((await simulate(again, quiet)).summary).toEqual(summary);
    // What runs when a node is switched off is lost, and runs again elsewhere or later.
    expect(summary.wastedAttempts).toBeGreaterThan(0);
  },
);

test.each([1, 2, 3])(
  'what was on needs no less than all, and no more than it took: seed %i',
  async (seed) => {
    const text = readFileSync('test/fixtures/scenarios/tiny-churny.yaml', 'utf8');
    const scenario = join(folder, 'at-once.yaml');
    writeFileSync(scenario, text.replace('every: 1 min', 'every: 0 s'));
    const { summary } = await simulate({ scenario, policy: 'ratio', seed }, quiet);
    const { availableBoundSeconds, bound, makespanSeconds } = summary;
    expect(availableBoundSeconds).toBeGreaterThan(bound.seconds);
    expect(availableBoundSeconds).toBeLessThanOrEqual(makespanSeconds);
  },
);

test('as many nodes are on at the start as the spans say', () => {
  const spans = { up: { shape: 0.55, scale: 35.3 }, down: { shape: 0.6, scale: 9.34 } };
  const hours = (values: typeof spans) => ({
    up: { ...values.up, scale: 3_600_000 * values.up.scale },
    down: { ...values.down, scale: 3_600_000 * values.down.scale },
  });
  const churn = new Churn(hours(spans), 1);
  const nodes = Array.from({ length: 5_000 }, () => churn.atStart());
  // The fitted means are 60.1 h and 14.05 h.
  expect(nodes.filter(({ isUp }) => isUp).length / nodes.length).toBeCloseTo(60.1 / 74.15, 1);
  const ups = Array.from({ length: 50_000 }, () => churn.spanMs(true) / 3_600_000);
  expect(ups.reduce((sum, span) => sum + span, 0) / ups.length / 60.1).toBeCloseTo(1, 1);
});

const solve = await openHighs();

/** Runs to the end with a policy of our own. */
function runWith(policy: Policy): RunResult {
  const run = new Run(drawWorld(readScenario(scenario), 1), { policy, solve });
  while (!run.advance(1_000));
  return run.result();
}

test('a fast node ends a task sooner than a slow one', () => {
  const { attempts, checks } = runWith(defaultPolicy);
  const { nodes } = drawWorld(readScenario(scenario), 1);
  for (const lease of checks.results[0] ?? []) {
    const speed = nodes[attempts.node[lease] ?? -1]?.speedGhz ?? 0;
    const seconds = ((attempts.exitedAt[lease] ?? 0) - (attempts.startedAt[lease] ?? 0)) / 1000;
    expect(seconds * speed).toBeCloseTo(60);
  }
});

const take = (option: Option): Pick => ({ option, reason: 0 });
test('a board is slower at floating point, and the scheduler is not told', () => {
  const world = drawWorld(readScenario(scenario), 1);
  const jobs = world.jobs.map((job) => ({ ...job, isFloatingPoint: true }));
  const run = new Run({ ...world, jobs }, { policy: defaultPolicy, solve });
  while (!run.advance(1_000));
  const { attempts, checks } = run.result();
  const parts = new Map<string, number>();
  for (const lease of checks.results[0] ?? []) {
    const { model, speedGhz } = world.nodes[attempts.node[lease] ?? -1] ?? {};
    const seconds = ((attempts.exitedAt[lease] ?? 0) - (attempts.startedAt[lease] ?? 0)) / 1000;
    parts.set(model?.name ?? '', 60 / (seconds * (speedGhz ?? 0)));
  }
  // By Whetstone a core of a Pi 3 is 6.05 times a Pi 1, and by 7-zip 3.05 times.
  expect(parts.get('Raspberry Pi 3 Model B')).toBeCloseTo(1, 9);
  const others = [...parts].filter(([name]) => name !== 'Raspberry Pi 3 Model B');
  expect(others.length).toBeGreaterThan(0);
  const expected: Readonly<Record<string, number>> = {
    'Raspberry Pi 1 Model B': 3.05 / 6.05,
    'Raspberry Pi Zero W': (118.2 * 3.05) / (500 * 1.44),
    'Raspberry Pi 2 Model B': (211.875 * 3.05) / (500 * 1.94),
  };
  for (const [name, part] of others) expect(part).toBeCloseTo(expected[name] ?? 0, 2);
});

test('what floating point takes on a Pi 1 is found out from what ended there', () => {
  const { federation, ...others } = readScenario(scenario);
  const models = { pi1b: 1, zerow: 0, pi2b: 0, pi3b: 0 };
  const world = drawWorld({ ...others, federation: { ...federation, models } }, 1);
  const [job] = world.jobs;
  if (job === undefined) throw new Error('the scenario has jobs');
  const expected: number[] = [];
  const policy: Policy = {
    ...defaultPolicy,
    choice: {
      asks: 'slot',
      pick(options) {
        const [option] = [...options];
        if (option !== undefined) expected.push(option.cost.workGhzSeconds);
        return option ? take(option) : null;
      },
    },
  };
  const jobs = [{ ...job, isFloatingPoint: true }];
  const run = new Run({ ...world, jobs }, { policy, solve });
  while (!run.advance(1_000));
  expect(expected[0]).toBe(60);
  // 60 GHz·s by integers are 119 there; three tasks' worth of what was declared stays in the mean.
  const shown = (60 * 6.05) / 3.05;
  expect(expected.at(-1)).toBeGreaterThan(0.9 * shown);
  expect(expected.at(-1)).toBeLessThan(shown);
  expect(expected).toEqual([...expected].sort((a, b) => a - b));
});

const broken: readonly (readonly [what: string, policy: Partial<Policy>, message: RegExp])[] = [
  [
    'gives everything to one node',
    {
      choice: {
        asks: 'slot',
        pick: (options: Iterable<Option>, round: RoundView) => {
          const [option] = [...options];
          const [first] = round.state.nodes;
          return option && first ? take({ ...option, node: first }) : null;
        },
      },
    },
    /capacity: node n\d+, a .* with \d slots, was given \d+ leases, and may hold \d+/,
  ],
  [
    'gives a task away twice',
    {
      choice: {
        asks: 'slot',
        pick: (options: Iterable<Option>) => {
          const [option] = [...options];
          return option ? take({ ...option, taskIndex: 0 }) : null;
        },
      },
    },
    /results: task 0 of cpu-heavy/,
  ],
  ['lets every transfer go at once', { nextTransfers: (waiting) => [...waiting] }, /uplink: site/],
  [
    'never gives anything',
    { choice: { asks: 'slot', pick: () => null } },
    /progress: nothing happens any more, and 120 tasks have no result/,
  ],
];

test('why tasks are left that nothing places is told', () => {
  const large = drawWorld(readScenario(scenario), 1);
  const jobs = large.jobs.map((job) => ({ ...job, memoryBytes: 2e9 }));
  const run = new Run({ ...large, jobs }, { policy: defaultPolicy, solve });
  const told =
    /120 tasks have no result; job cpu-heavy: at 12 nodes a task asks for 2 GB of memory, the largest has 1 GB \(ask for 1 GB or less/;
  expect(() => {
    while (!run.advance(1_000));
  }).toThrow(told);
});

test.each(broken)('a policy that %s is caught', (_, changes, message) => {
  expect(() => runWith({ ...defaultPolicy, ...changes })).toThrow(message);
});

test('a policy that gives tasks to a node that is away is caught', () => {
  const pick = (options: Iterable<Option>, { state }: RoundView): Pick | null => {
    const [option] = [...options];
    const away = state.nodes.find(({ health }) => health === 'suspect' || health === 'lost');
    return option ? take(away === undefined ? option : { ...option, node: away }) : null;
  };
  const world = drawWorld(readScenario('test/fixtures/scenarios/tiny-churny.yaml'), 1);
  const policy: Policy = { ...defaultPolicy, choice: { asks: 'slot', pick } };
  const run = new Run(world, { policy, solve });
  expect(() => {
    while (!run.advance(1_000));
  }).toThrow(/capacity: node n\d+ is (suspect|lost), and was given a lease/);
});

test('what a policy throws is told with scenario, policy and seed', async () => {
  const policy = 'test/fixtures/scenarios/throws.ts';
  const told = /scenario tiny, policy .*throws\.ts, seed 7, after \d+ s .*: this policy is broken/;
  await expect(simulate({ scenario, policy, seed: 7 }, quiet)).rejects.toThrow(told);
});

test('the policy of the README runs', async () => {
  const [, code = ''] = /```ts\n(.*?)```/s.exec(readFileSync('README.md', 'utf8')) ?? [];
  expect(code.split('\n').length).toBeLessThanOrEqual(31);
  const policy = join(folder, 'mine.ts');
  writeFileSync(policy, code.replaceAll("'./scheduler", `'${process.cwd()}/scheduler`));
  const { summary } = await simulate({ scenario, policy, seed: 1 }, quiet);
  expect(summary.tasks).toBe(120);
});

test.each([
  ['nobody', /There is no policy "nobody": name one of random, fifo/],
  ['fifo=3', /The policy fifo has no parameter/],
  ['count-limit=x', /transfers per network: wanted a number as in count-limit=10/],
  ['./not-there.ts', /not-there\.ts: cannot load this policy/],
  ['test/integration/program.ts', /wanted an export "policy"/],
])('the policy %s is refused', async (policy, message) => {
  await expect(simulate({ scenario, policy, seed: 1 }, quiet)).rejects.toThrow(message);
});
