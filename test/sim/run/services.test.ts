// Services in a run: all policies place their replicas, what they move takes from the line, and how
// long they were up and why they moved is told as it was.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import type { Fact } from '../../../scheduler/core/index.ts';
import {
  defaultPolicy,
  instant,
  jobId,
  leaseId,
  policyMakers,
  siteId,
} from '../../../scheduler/core/index.ts';
import { attemptRun } from '../../../sim/report/attempt-runs.ts';
import { writeTables } from '../../../sim/report/csv.ts';
import { detailOf } from '../../../sim/report/detail/detail.ts';
import { replicaRuns, serviceUses, upSpans } from '../../../sim/report/service-uses.ts';
import { siteUses } from '../../../sim/report/site-uses.ts';
import { sumOf } from '../../../sim/report/statistics.ts';
import { summaryRows } from '../../../sim/report/summary-rows.ts';
import { ReplicaLog } from '../../../sim/run/replica-log.ts';
import { Run } from '../../../sim/run/run.ts';
import type { RunResult } from '../../../sim/run/run.ts';
import { simulate } from '../../../sim/run/simulate.ts';
import { serviceTemplateOf } from '../../../sim/run/job-template.ts';
import { Transfers } from '../../../sim/run/transfers.ts';
import { parseScenario, readScenario } from '../../../sim/scenario/read.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';
import type { World } from '../../../sim/world/draw-world.ts';

const scenario = 'test/fixtures/scenarios/tiny-services.yaml';
const world = drawWorld(readScenario(scenario), 1);
const solve = await openHighs();
const quiet = (): void => undefined;

/** The services of the tiny scenario, in another one. */
function withServices(name: string, seed: number): World {
  const [, services = ''] = /^(services:.*)^jobs:/ms.exec(readFileSync(scenario, 'utf8')) ?? [];
  const text = readFileSync(`test/fixtures/scenarios/${name}.yaml`, 'utf8');
  return drawWorld(parseScenario('x.yaml', text.replace('jobs:', `${services}jobs:`)), seed);
}

function ran(of: World, maker = policyMakers.get('balance')): RunResult {
  const policy = maker?.make(maker.parameter?.value ?? 0) ?? defaultPolicy;
  const run = new Run(of, { policy, solve });
  while (!run.advance(1_000));
  return run.result();
}

describe.each([...policyMakers.keys()])('under %s', (name) => {
  test('every replica runs, and its service comes and stops when it is told to', () => {
    const result = ran(world, policyMakers.get(name));
    const { leases } = result.replicas;
    const placed = leases.map(({ service, replica }) => `${service}.${replica}`).sort();
    expect(placed).toEqual(['0.0', '0.1', '0.2', '0.3', '1.0', '1.1', '1.2']);
    for (const { service, lease, grantedMs, endedMs, why } of leases) {
      // The scheduler hears of it in the next batch, which may be at that very moment.
      expect(grantedMs).toBeGreaterThanOrEqual(service === 0 ? 0 : 60_000);
      if (service === 0) expect(endedMs).toBe(null);
      else expect([endedMs, why]).toEqual([120_100, 'stopped']);
      const exitedAt = result.attempts.exitedAt[lease] ?? 0;
      expect(exitedAt).toBeLessThanOrEqual(service === 0 ? 0 : 120_100);
    }
  });
});

test('a summary tells how long replicas were up, and counts no replica as waste', async () => {
  const { summary, result } = await simulate({ scenario, policy: 'balance', seed: 1 }, quiet);
  const [relay, guest] = summary.services;
  expect(relay?.wantedSeconds).toBeCloseTo(4 * summary.makespanSeconds);
  expect(guest?.wantedSeconds).toBeCloseTo(3 * 60);
  const started = result.replicas.leases
    .filter(({ service }) => service === 0)
    .map(({ lease }) => result.attempts.startedAt[lease] ?? 0);
  const upMs = started.reduce((sum, startMs) => sum + result.makespanMs - startMs, 0);
  expect(relay?.upSeconds).toBeCloseTo(upMs / 1000);
  // The lines of this world have what they were promised.
  expect(relay?.downBytes).toBeCloseTo((upMs * 100_000) / 8000, -2);
  expect(relay?.upBytes).toBeCloseTo((upMs * 20_000) / 8000, -2);
  expect(summary.wastedAttempts).toBeLessThan(7);
  expect(summary.assumed.join()).toContain('replicas of services use what they declare');
  const text = Object.fromEntries(summaryRows(summary))['service relay'];
  expect(text).toMatch(/^4 replicas, up \d\d\.\d % of the time; 0 moves$/);
});

test('tables and figures tell the same of services, and sites have what they used', () => {
  const result = ran(world);
  const folder = mkdtempSync(join(tmpdir(), 'punnet-services-'));
  writeTables(folder, world, result);
  const [head, ...rows] = readFileSync(join(folder, 'replicas.csv'), 'utf8').trim().split('\n');
  rmSync(folder, { recursive: true });
  const total = (column: string): number => {
    const place = head?.split(',').indexOf(column) ?? -1;
    return sumOf(rows.map((row) => Number(row.split(',')[place])));
  };
  const uses = serviceUses(world, result);
  expect(total('up_seconds')).toBeCloseTo(sumOf(uses.map(({ upSeconds }) => upSeconds)), 2);
  expect(total('down_bytes')).toBeCloseTo(sumOf(uses.map(({ downBytes }) => downBytes)), -1);
  const detail = detailOf(world, result);
  const up = detail.services.map(({ up: bins }) => sumOf(bins.map((count) => count ?? 0)));
  expect((up[0] ?? 0) * detail.use.binSeconds).toBeCloseTo(uses[0]?.upSeconds ?? 0, 1);
  // Nobody wants the guest in the first minute and after the second one.
  expect(detail.services[1]?.up[0]).toBe(null);
  expect(detail.services[1]?.up.at(-1)).toBe(null);
  const used = (of: typeof result) =>
    sumOf(siteUses(world, of).map(({ computedGhzSeconds }) => computedGhzSeconds));
  const bins = detail.use.groups.map(
    ({ cpuGhz, uses: parts }) => cpuGhz * detail.use.binSeconds * sumOf(parts[0] ?? []),
  );
  expect(sumOf(bins) / used(result)).toBeCloseTo(1, 3);
  const bytes = detail.use.groups.map(
    ({ downRate, uses: parts }) => downRate * detail.use.binSeconds * sumOf(parts[1] ?? []),
  );
  const moved = sumOf(siteUses(world, result).map(({ downBytes }) => downBytes));
  expect(sumOf(bytes) / (moved - sumOf(result.attempts.stoppedBytes))).toBeCloseTo(1, 2);
});

test('a replica uses what it declared of its core, or all of it', () => {
  const result = ran(world);
  for (const { of, fromMs, toMs } of replicaRuns(world, result)) {
    const { service, lease, node } = of;
    const { ghzSeconds = 0 } = attemptRun(lease, world, result) ?? {};
    const ghz = service === 0 ? 0.2 : world.nodes[node]?.speedGhz;
    expect((1000 * ghzSeconds) / (toMs - fromMs)).toBeCloseTo(ghz ?? 0, 1);
  }
});

test('replicas that want every slot leave one to each task that was given before them', () => {
  // They have nothing to fetch, and are ready before all tasks.
  const greedy = { replicas: 1_000, bundleBytes: 0, fromMs: 0, untilMs: Infinity };
  const services = world.services.slice(1).map((each) => ({ ...each, ...greedy }));
  const jobs = world.jobs.slice(0, 1).map((job) => ({ ...job, tasks: 10, inputBytes: 2e6 }));
  const { replicas } = ran({ ...world, services, jobs });
  const slots = sumOf(world.nodes.map(({ model }) => model.slots));
  expect(replicas.leases).toHaveLength(slots);
});

test.each([2, 4, 7])('nodes that come and go: replicas move, seed %i', (seed) => {
  const churny = withServices('tiny-churny', seed);
  const { replicas, attempts } = ran(churny);
  const moved = replicas.leases.filter(({ endedMs, why }) => endedMs !== null && why !== 'stopped');
  expect(moved.length).toBeGreaterThan(0);
  for (const { lease, replica, service, why, endedMs } of moved) {
    expect(['lost', 'node_lost']).toContain(why);
    // Another one follows, sooner or later, but where the run ended before.
    const next = replicas.leases.find(
      (each) => each.service === service && each.replica === replica && each.lease > lease,
    );
    if (next !== undefined) expect(next.grantedMs).toBeGreaterThanOrEqual(endedMs ?? Infinity);
    if (why === 'lost') expect(attempts.exitedAt[lease]).toBeLessThan(endedMs ?? 0);
  }
  expect(moved.length).toBeLessThan(replicas.leases.length);
});

test('at the end of hours the replica goes elsewhere', () => {
  const owned = withServices('tiny-owners', 2);
  const { replicas } = ran(owned);
  const whys = new Set(replicas.leases.map(({ why }) => why));
  expect(whys).toContain('owner');
});

test.each([1, 4])('lines, messages and the scheduler fail: everything ends, seed %i', (seed) => {
  const { replicas } = ran(withServices('tiny-faulty', seed));
  const guests = replicas.leases.filter(({ service }) => service === 1);
  expect(guests.every(({ endedMs }) => endedMs !== null)).toBe(true);
});

describe('what a replica moves', () => {
  const bps = (lineBps: number): World => {
    const site = { downBps: lineBps, peakBps: lineBps, upBps: lineBps, share: 1, nodes: 1 };
    return { ...world, sites: [site], nodes: world.nodes.slice(0, 1).map(atSite0) };
  };
  const atSite0 = (node: World['nodes'][number]): World['nodes'][number] => ({ ...node, site: 0 });
  const declared = (downBps: number) => ({ lease: 1, rates: { cpuGhz: null, downBps, upBps: 0 } });

  test.each([
    ['takes its rate from the line', 400_000, 600_000],
    ['has no more than its fair share', 800_000, 500_000],
  ])('%s', (_, rate, leftBps) => {
    const transfers = new Transfers(bps(1e6));
    transfers.startStreams(0, declared(rate), 0);
    transfers.start(0, { lease: 2, direction: 'down', bytes: 1e6 }, 0);
    const endMs = 8e9 / leftBps;
    expect(transfers.nextAt).toBeCloseTo(endMs, 6);
    expect(transfers.finish()).toMatchObject([{ lease: 2 }]);
    expect(transfers.isQuiet).toBe(true);
    // From then on it has all that it declared.
    const { downBytes } = transfers.stopStreams(1, endMs + 1_000);
    expect(downBytes).toBeCloseTo(((1e6 - leftBps) * endMs + rate * 1_000) / 8_000, 3);
    expect(transfers.movedBytes(0)).toBeCloseTo(1e6 + downBytes, 3);
    expect(transfers.nextAt).toBe(Infinity);
  });

  test('goes on from day to day, also when a transfer ends at that instant', () => {
    const dayMs = 24 * 3_600_000;
    const transfers = new Transfers(bps(1e6));
    transfers.startStreams(0, declared(500_000), 0);
    transfers.start(0, { lease: 2, direction: 'down', bytes: (500_000 * dayMs) / 8000 }, 0);
    expect(transfers.nextAt).toBe(dayMs);
    expect(transfers.finish()).toMatchObject([{ lease: 2 }]);
    expect(transfers.finish()).toEqual([]);
    expect(transfers.streaming).toEqual([1]);
    const { downBytes } = transfers.stopStreams(1, 2.5 * dayMs);
    expect(downBytes).toBeCloseTo((2.5 * dayMs * 500_000) / 8000, 1);
  });

  test('stops while its line is cut', () => {
    const cut = withServices('tiny-faulty', 4);
    const result = ran(cut);
    const parts = replicaRuns(cut, result).flatMap(({ of, fromMs, toMs }) => {
      const { downBytes = 0 } = result.attempts.streamed.get(of.lease) ?? {};
      return of.service === 0 ? [(8000 * downBytes) / (100_000 * (toMs - fromMs))] : [];
    });
    // One site had its line all the time, the others lost it for a while.
    expect(Math.max(...parts)).toBeCloseTo(1);
    expect(parts.filter((part) => part < 0.9)).toHaveLength(3);
  });
});

test('a copy on a node that was cut off counts once', () => {
  const run = (fromMs: number, toMs: number, replica = 0) => ({
    of: { ...{ lease: 1, service: 0, node: 0, grantedMs: 0, endedMs: null, why: '' }, replica },
    fromMs,
    toMs,
  });
  const spans = upSpans([run(5, 30), run(0, 10), run(6, 9), run(7, 8, 1), run(40, 50)]);
  expect(spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)).toBe(41);
});

describe('what breaks a rule of services is caught:', () => {
  const at = instant(1_800_000_000_000);
  const [relay] = world.services;
  const submitted = (rates: Partial<NonNullable<typeof relay>['rates']>): readonly Fact[] => {
    if (relay === undefined) throw new Error('the scenario has a service');
    const template = serviceTemplateOf({ ...relay, rates: { ...relay.rates, ...rates } }, 0);
    const id = jobId(`j${world.jobs.length}`);
    const of = { jobNumber: 9, jobId: id, researcher: 'bob', requestId: 'x', template };
    return [{ kind: 'jobSubmitted', at, ...of }];
  };
  const site = (upBps: number): Fact => ({
    ...{ kind: 'siteSet', at, siteNumber: 0, siteId: siteId('s0'), downBps: 1e9, upBps },
    ...{ source: 'measured', share: 0.5 },
  });
  const leased = (first: number, ...replicas: readonly number[]): Fact => {
    const rows = replicas.flatMap((replica) => [9, replica, 0, 0, 0, 0]);
    return { kind: 'tasksLeased', at, firstLeaseId: leaseId(first), rows };
  };
  const cases: readonly (readonly [what: string, facts: readonly Fact[], message: RegExp])[] = [
    [
      'a replica in two places',
      [site(1e6), ...submitted({}), leased(1, 0), leased(2, 0)],
      /service: replica 0 of relay was given to n0, and n0 has it/,
    ],
    [
      'more replicas than there are',
      [site(1e6), ...submitted({}), leased(1, 4)],
      /service: replica 4 of relay was given to n0, and there are 4/,
    ],
    [
      'more than services may have of a line',
      [site(80_000), ...submitted({}), leased(1, 0), leased(2, 1)],
      /service: services were given 40000 bit\/s up of site 0, and may have 36000/,
    ],
  ];
  test.each(cases)('%s', (_, facts, message) => {
    const log = new ReplicaLog(world);
    expect(() => {
      for (const fact of facts) log.saw(fact);
    }).toThrow(message);
  });

  test('a core that is too slow', () => {
    const services = world.services.map((each) => ({
      ...each,
      rates: { ...each.rates, cpuGhz: 2 },
    }));
    const log = new ReplicaLog({ ...world, services });
    for (const fact of [site(1e6), ...submitted({})]) log.saw(fact);
    expect(() => log.saw(leased(1, 0))).toThrow(/a replica of relay needs 2 GHz/);
  });
});
