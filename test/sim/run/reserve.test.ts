// Data that is born at a site: its nodes have it without the uplink, all others over two lines.

import { describe, expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { policyMakers } from '../../../scheduler/core/index.ts';
import { boundOf } from '../../../sim/report/bound.ts';
import { Run } from '../../../sim/run/run.ts';
import type { RunResult } from '../../../sim/run/run.ts';
import { linkOf } from '../../../sim/run/transfers.ts';
import { readScenario } from '../../../sim/scenario/read.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';

const solve = await openHighs();
const world = drawWorld(readScenario('test/fixtures/scenarios/tiny-reserve.yaml'), 1);
const homes = world.jobs.flatMap(({ home }) => home ?? []);

function run(name: string): RunResult {
  const maker = policyMakers.get(name);
  if (maker === undefined) throw new Error(`there is no policy ${name}`);
  const policy = maker.make(maker.parameter?.value ?? 0);
  const started = new Run(world, { policy, solve });
  while (!started.advance(1_000));
  return started.result();
}

/** Of tasks whose input was born at a site, those that were done there and elsewhere. */
function whereOf({ attempts, checks }: RunResult) {
  const where = { there: 0, elsewhere: 0 };
  for (const [job, { home }] of world.jobs.entries()) {
    if (home === null) continue;
    for (const lease of checks.results[job] ?? []) {
      const isThere = world.nodes[attempts.node[lease] ?? -1]?.site === home;
      where[isThere ? 'there' : 'elsewhere'] += 1;
    }
  }
  return where;
}

describe.each(['fifo', 'balance', 'ratio'])('%s', (name) => {
  test('all is done, no sooner than the bound, and each input that went elsewhere crossed its home line', () => {
    const result = run(name);
    const { there, elsewhere } = whereOf(result);
    expect(there + elsewhere).toBe(80);
    expect(result.makespanMs / 1000).toBeGreaterThanOrEqual(boundOf(world, solve).seconds);
    const up = homes.reduce(
      (sum, home) => sum + result.transfers.movedBytes(linkOf(home, 'up')),
      0,
    );
    // Results are small, and backups may have come for an input as well.
    expect(up).toBeGreaterThanOrEqual(500_000 * elsewhere);
    const down = homes.reduce(
      (sum, home) => sum + result.transfers.movedBytes(linkOf(home, 'down')),
      0,
    );
    expect(down).toBeLessThan(500_000 * 40);
  });
});

test('ratio does some tasks where their inputs are, and lets others come for the rest', () => {
  const { there, elsewhere } = whereOf(run('ratio'));
  expect(there).toBeGreaterThan(0);
  expect(elsewhere).toBeGreaterThan(0);
});

test('the bound lets nobody have an input elsewhere but over the line of its home', () => {
  const [one] = world.jobs.filter(({ home }) => home !== null);
  if (one === undefined) throw new Error('nothing is born there');
  const alone = { ...world, jobs: [{ ...one, tasks: 1_000 }] };
  const { seconds } = boundOf(alone, solve);
  const site = world.sites[one.home ?? -1];
  const ghz = world.nodes
    .filter((node) => node.site === one.home)
    .reduce((sum, { model, speedGhz }) => sum + model.slots * speedGhz, 0);
  // As many a second as its own CPUs do, and as its line carries away.
  const rate = ghz / 20 + ((site?.upBps ?? 0) * (site?.share ?? 0)) / (8 * 500_000);
  expect(seconds).toBeGreaterThan((0.98 * 1_000) / rate);
  expect(seconds).toBeLessThan((1.02 * 1_000) / rate);
});
