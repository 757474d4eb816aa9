// Programs that nodes of a site exchange: each chunk takes the line once, as fast as the detailed simulation of a site has it.

import { expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import type { Policy } from '../../../scheduler/core/index.ts';
import { defaultPolicy, policyMakers } from '../../../scheduler/core/index.ts';
import { runRelease } from '../../../sim/distribution/run-release.ts';
import { kindsOf, siteBound } from '../../../sim/distribution/bounds.ts';
import { ways } from '../../../sim/distribution/ways.ts';
import { lanBps } from '../../../sim/run/exchanges.ts';
import { Run } from '../../../sim/run/run.ts';
import type { RunResult } from '../../../sim/run/run.ts';
import { readScenario } from '../../../sim/scenario/read.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';
import type { World } from '../../../sim/world/draw-world.ts';

const solve = await openHighs();
const drawn = drawWorld(readScenario('test/fixtures/scenarios/tiny.yaml'), 1);
const [anySite] = drawn.sites;
const [anyNode] = drawn.nodes;
const [anyJob] = drawn.jobs;

function run(world: World, policy: Policy): RunResult {
  const started = new Run(world, { policy, solve });
  while (!started.advance(1_000));
  return started.result();
}

interface Shape {
  readonly nodes: number;
  readonly downBps: number;
  readonly bundleBytes: number;
  readonly jobs?: number;
}

/** One site, and of each job as many long tasks as it has slots. */
function siteWith({ nodes: count, downBps, bundleBytes, jobs: jobCount = 1 }: Shape): World {
  if (anySite === undefined || anyNode === undefined || anyJob === undefined)
    throw new Error('the tiny world is empty');
  const model = { ...anyNode.model, slots: 1 };
  const nodes = Array.from({ length: count }, () => ({ ...anyNode, site: 0, model }));
  const line = { downBps, peakBps: downBps, upBps: downBps, share: 1, nodes: count };
  const job = { ...anyJob, tasks: count, workGhzSeconds: 3_600, inputBytes: 0, outputBytes: 0 };
  const jobs = Array.from({ length: jobCount }, () => ({ ...job, bundleBytes }));
  return { ...drawn, sites: [{ ...anySite, ...line }], nodes, jobs };
}

const broughtBy = ({ attempts }: RunResult): number =>
  attempts.brought.reduce((sum, { bytes }) => sum + bytes, 0);

test.each([
  [1, 5e6, 5e6],
  [10, 2e6, 5e6],
  [10, 10e6, 20e6],
])(
  '%i nodes behind %d bit/s have %d bytes when the detailed simulation says',
  (nodes, downBps, bundleBytes) => {
    const result = run(siteWith({ nodes, downBps, bundleBytes }), defaultPolicy);
    expect(broughtBy(result)).toBe(bundleBytes);
    const { fetchedAt, grantedAt } = result.attempts;
    const seconds = (Math.max(...fetchedAt) - (grantedAt[1] ?? 0)) / 1000;
    const shape = { downBps, sizeBytes: bundleBytes, lanBps, slowLanBps: lanBps, requestMs: 10 };
    const site = { ...shape, kinds: kindsOf(nodes, 0) };
    const arranged = ways.get('arranged');
    if (arranged === undefined) throw new Error('there is no such way');
    const detailed = runRelease(site, arranged, 1);
    expect(seconds).toBeGreaterThanOrEqual((8 * bundleBytes) / downBps);
    const part = seconds / (detailed.lastOverBound * siteBound(site));
    expect(Math.abs(part - 1)).toBeLessThan(0.02);
  },
);

test.each([...policyMakers.keys()])('%s: a line carries each program once', (name) => {
  const maker = policyMakers.get(name);
  if (maker === undefined) throw new Error(`there is no policy ${name}`);
  const policy = maker.make(maker.parameter?.value ?? 0);
  const shape = { nodes: 6, downBps: 10e6, bundleBytes: 3e6, jobs: 3 };
  const result = run(siteWith(shape), policy);
  expect(broughtBy(result)).toBe(9e6);
  // Its chunks are all that crosses the line.
  expect(result.transfers.movedBytes(0)).toBe(9e6);
});

test('what is too small to be exchanged each node fetches for itself', () => {
  const result = run(siteWith({ nodes: 6, downBps: 10e6, bundleBytes: 200_000 }), defaultPolicy);
  expect(broughtBy(result)).toBe(0);
  expect(result.transfers.movedBytes(0)).toBe(6 * 200_000);
});

test('nodes that come and go, lines that are cut and lost messages do not keep a program from anybody', () => {
  const faulty = drawWorld(readScenario('test/fixtures/scenarios/tiny-faulty.yaml'), 3);
  const jobs = faulty.jobs.map((job) => ({ ...job, bundleBytes: 5e6 }));
  const result = run({ ...faulty, jobs }, defaultPolicy);
  expect(result.checks.tasksLeft).toBe(0);
  expect(broughtBy(result)).toBeGreaterThan(5e6);
});
