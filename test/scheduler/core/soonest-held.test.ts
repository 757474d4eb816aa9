// Few tasks beside many idle slots: none is held for long, or pushed behind a thin line, because slots that it
// may not have, or tasks that cannot be had, were counted.

import { expect, it } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { jobId, sha256, siteId } from '../../../scheduler/core/index.ts';
import type { Inventory } from '../../../scheduler/core/index.ts';
import { ratio } from '../../../scheduler/core/placement/policies/ratio.ts';
import { CoreHarness, endOf, heldBy, pi3 } from './harness.ts';

const solve = await openHighs();
const megabyte = 1e6;
const timeoutMs = 36_000_000;

interface Site {
  readonly downBps: number;
  readonly upBps?: number;
  readonly nodes: number;
  readonly inventory?: Inventory;
}

/** Nodes of four slots, named after their sites. */
function federation(sites: Readonly<Record<string, Site>>): CoreHarness {
  const core = new CoreHarness();
  core.policy = ratio;
  for (const [name, { downBps, upBps, nodes, inventory }] of Object.entries(sites)) {
    core.setSite(name, downBps, upBps ?? downBps);
    for (let node = 0; node < nodes; node += 1)
      core.node(`${name}-${node}`, name, inventory ?? pi3);
  }
  return core;
}

/** Time goes on, nodes that are not away report, and plans are solved. */
function wait(core: CoreHarness, seconds: number, away = ''): void {
  for (let second = 0; second < seconds; second += 1) {
    core.wait(1_000);
    for (const { planId, program } of core.take('solvePlan')) {
      core.give({ kind: 'planSolved', planId, solution: solve(program) });
    }
    for (const node of core.state.nodes) {
      if (node.nodeId !== away) core.speak(node.nodeId, { held: heldBy(node) });
    }
  }
}

function numberOf(core: CoreHarness, name: string): number {
  return core.view.siteNumber(siteId(name)) ?? Number.NaN;
}

function tasks(inputs: readonly number[], workGhzSeconds: number) {
  const profile = { workGhzSeconds, outputBytes: 0 };
  return { taskCount: inputs.length, taskInputBytes: inputs, timeoutMs, profile };
}

it('idle slots that fit nothing are none', () => {
  const large = { ...pi3, memoryBytes: 4e9 };
  const core = federation({
    thin: { downBps: 0.5e6, nodes: 10, inventory: large },
    fat: { downBps: 50e6, nodes: 2, inventory: large },
    small: { downBps: 5e6, nodes: 100 },
  });
  const inputs = new Array<number>(60).fill(20 * megabyte);
  core.submit('job', { ...tasks(inputs, 60), memoryBytes: 2e9 });
  wait(core, 120);
  // 320 s each on the thin line, 3.2 s on the fat one.
  const thin = core.take('grant').filter(({ nodeId }) => nodeId.startsWith('thin'));
  expect(thin.length).toBeLessThanOrEqual(3);
});

it('a task whose input is at a home with a busy line runs there, however slow its nodes', () => {
  const core = federation({
    home: { downBps: 20e6, upBps: 0.1e6, nodes: 4, inventory: { ...pi3, speedGhz: 0.3 } },
    town: { downBps: 20e6, nodes: 4, inventory: { ...pi3, speedGhz: 1.2 } },
  });
  const home = numberOf(core, 'home');
  // A result of 50 MB is on its way from there: 4,000 s of its line.
  const result = { profile: { workGhzSeconds: 1, outputBytes: 50 * megabyte } };
  core.submit('result', { site: { number: home, siteId: siteId('home') }, timeoutMs, ...result });
  wait(core, 2);
  core.take('grant');
  core.submit('picture', { ...tasks([megabyte], 60), home });
  wait(core, 10);
  expect(core.take('grant')[0]?.nodeId).toMatch(/^home/);
});

it('a task is not held for another one of its job, whose input is away', () => {
  const core = federation({
    reserve: { downBps: 100e6, nodes: 2, inventory: { ...pi3, speedGhz: 0.3 } },
    town: { downBps: 8e6, nodes: 6, inventory: { ...pi3, speedGhz: 1.2 } },
  });
  const home = numberOf(core, 'reserve');
  const profile = { workGhzSeconds: 10, outputBytes: megabyte };
  const site = { number: home, siteId: siteId('reserve') };
  core.submit('pictures', { taskCount: 2, site, keepsOutputs: true, profile });
  wait(core, 2);
  const result = { sha256: sha256('cd'.repeat(32)), sizeBytes: 100 };
  for (const { nodeId, leaseId } of core.take('grant')) {
    core.speak(nodeId, { ended: [{ ...endOf(leaseId), result }] });
  }
  const away = core.view.keeper(jobId('pictures'), 0)?.nodeId ?? '';
  wait(core, 900, away);
  const outputsOf = { jobId: jobId('pictures'), tasks: [0, 1] };
  core.submit('animals', { ...tasks([0, 200 * megabyte], 60), home, outputsOf });
  wait(core, 30, away);
  expect(core.take('grant').map(({ taskIndex }) => taskIndex)).toEqual([1]);
});

it('what was found before a plan failed is not held against a task', () => {
  const core = federation({ site: { downBps: 50e6, nodes: 8 } });
  core.submit('many', tasks(new Array<number>(20).fill(0), 600));
  const [asked] = core.take('solvePlan');
  for (let second = 0; second < 4; second += 1) core.wait(1_000);
  core.submit('one', tasks([0], 60));
  for (let second = 0; second < 4; second += 1) core.wait(1_000);
  const one = core.take('grant').find((grant) => grant.jobId === 'one');
  if (asked === undefined || one === undefined) throw new Error('no plan was asked for');
  core.give({ kind: 'planFailed', planId: asked.planId });
  core.wait(3_000);
  core.speak(one.nodeId, { ended: [endOf(one.leaseId, 'exited')] });
  for (let second = 0; second < 5; second += 1) core.wait(1_000);
  expect(core.take('grant').map((grant) => grant.jobId)).toContain('one');
});

it('tasks of a job with larger and larger inputs do not wait for a look each', () => {
  const sites = Array.from({ length: 30 }, (_, site) => [`s${site}`, { downBps: 8e6, nodes: 2 }]);
  const core = federation(Object.fromEntries(sites));
  core.submit(
    'job',
    tasks(
      Array.from({ length: 24 }, (_, task) => (task + 1) * 10 * megabyte),
      5,
    ),
  );
  wait(core, 10);
  expect(core.state.waitingJobs.size).toBe(0);
});

it('where the few good slots are full, a thin line is not taken for them', () => {
  const core = federation({
    thin: { downBps: 0.5e6, nodes: 50 },
    fat: { downBps: 50e6, nodes: 1 },
  });
  core.submit('job', tasks(new Array<number>(20).fill(20 * megabyte), 60));
  wait(core, 60);
  const thin = core.take('grant').filter(({ nodeId }) => nodeId.startsWith('thin'));
  expect(thin.length).toBeLessThanOrEqual(3);
});
