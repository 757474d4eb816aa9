// Under the ratio policy no task waits for long while a slot that takes it is idle, whatever the plan
// thinks of it.

import { describe, expect, it } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import type { JobTemplate, NodeStatus } from '../../../scheduler/core/index.ts';
import { jobId } from '../../../scheduler/core/index.ts';
import { planEveryMs, planStallMs } from '../../../scheduler/core/limits.ts';
import { ratio } from '../../../scheduler/core/placement/policies/ratio.ts';
import { CoreHarness, heldBy, pi3, template } from './harness.ts';

const solve = await openHighs();

/** Two sites of one node each, one of them twice as fast. */
function slowAndFast(): CoreHarness {
  const core = new CoreHarness();
  core.policy = ratio;
  for (const site of ['slow', 'fast']) core.setSite(site, 100e6);
  core.node('slow', 'slow');
  core.node('fast', 'fast', { ...pi3, speedGhz: 2 * pi3.speedGhz });
  return core;
}

function cpu(taskCount: number, workGhzSeconds: number): Partial<JobTemplate> {
  return { taskCount, timeoutMs: 36_000_000, profile: { workGhzSeconds, outputBytes: 0 } };
}

/** As the solver does, or so that the slow site, which is the first, gets nothing. */
function answer(core: CoreHarness, isSlowLeftOut = false): void {
  for (const { planId, program } of core.take('solvePlan')) {
    const solution = solve(program);
    const isSlow = (place: number): boolean => (place - 1) % core.state.siteById.size === 0;
    const columns = solution.columns.map((column, place) =>
      isSlowLeftOut && place > 0 && isSlow(place) ? 0 : column,
    );
    core.give({ kind: 'planSolved', planId, solution: { ...solution, columns } });
  }
}

/** Time goes on, nodes report, and plans are solved. */
function wait(core: CoreHarness, ms: number, isSlowLeftOut = false): void {
  for (let passed = 0; passed < ms; passed += 1_000) {
    core.wait(1_000);
    if (passed % 15_000 === 0) {
      for (const node of core.state.nodes) core.speak(node.nodeId, { held: heldBy(node) });
    }
    answer(core, isSlowLeftOut);
  }
}

function takers(core: CoreHarness): readonly string[] {
  return core.take('grant').map(({ nodeId }) => nodeId);
}

/** What a node says of itself. */
function says(core: CoreHarness, name: string, changes: Partial<NodeStatus>): void {
  core.speak(name, {
    held: [],
    status: {
      ...{ load: 0, memoryAvailableBytes: 1e9, diskAvailableBytes: 1e10, temperatureC: 40 },
      ...{ uplink: null, isAccepting: true, notAccepting: null, slots: 4 },
      ...{ refuses: [], month: null, hoursLeftMs: null },
      ...changes,
    },
  });
}

/** Another researcher's short tasks, which run on a node of a third site alone. */
function othersLease(core: CoreHarness): void {
  core.setSite('third', 100e6);
  core.node('laptop', 'third', { ...pi3, architecture: 'x86_64' });
  core.researcher('eve');
  const about = { jobId: jobId('short'), researcher: 'eve', requestId: 'short' } as const;
  const bundles = template().bundles.map((each) => ({ ...each, architecture: 'x86_64' as const }));
  const changes = { name: 'short', ...cpu(1_000, 1), bundles };
  core.give({ kind: 'submitJob', ...about, template: template(changes) });
}

/** Time goes on, and the laptop ends what it has each second; plans give nothing to the slow node. */
function waitBesideOthers(core: CoreHarness, ms: number): void {
  for (let passed = 0; passed < ms; passed += 1_000) {
    for (const leaseId of heldBy(core.state.nodes[2])) core.end('laptop', leaseId, 'succeeded');
    wait(core, 1_000, true);
  }
}

describe('a fast node that refuses a task does not hold it back from a slow one', () => {
  const refusals: readonly (readonly [string, Partial<NodeStatus>])[] = [
    ["since its owner's hours end too early", { hoursLeftMs: 30 * 60_000 }],
    ['since its owner wants no work of hers', { refuses: ['ada'] }],
  ];

  it.each(refusals)('%s', (_, changes) => {
    const core = slowAndFast();
    says(core, 'fast', changes);
    core.submit('one', cpu(1, 2 * pi3.speedGhz * 3_600));
    answer(core);
    wait(core, planStallMs + planEveryMs);
    expect(takers(core)).toEqual(['slow']);
  });

  it('while others lease', () => {
    const core = slowAndFast();
    says(core, 'fast', { hoursLeftMs: 30 * 60_000 });
    othersLease(core);
    core.submit('one', cpu(1, 2 * pi3.speedGhz * 3_600));
    answer(core, true);
    waitBesideOthers(core, planStallMs + planEveryMs);
    expect(takers(core).filter((taker) => taker !== 'laptop')).toEqual(['slow']);
    // Short tasks were leased all the time.
    expect(core.state.jobs.get(0)?.waiting).toBeLessThan(950);
  });
});

it('a plan counts on no node whose owner refuses the researcher', () => {
  const core = slowAndFast();
  says(core, 'fast', { refuses: ['ada'] });
  core.submit('one', cpu(1_000, 60));
  answer(core);
  expect(core.state.plan?.shares).toEqual([1_000, 0]);
});

it('what fails on a fast node goes to a slow one while that rests', () => {
  const core = slowAndFast();
  core.submit('one', { ...cpu(1, 8_640), retries: 20 });
  answer(core);
  for (let second = 0; second < 60; second += 1) {
    for (const { nodeId, leaseId } of core.take('grant')) {
      if (nodeId === 'slow') return;
      core.end(nodeId, leaseId, 'exited');
    }
    wait(core, 1_000);
  }
  throw new Error(`the slow node never got it: ${core.view.explain(jobId('one'), null)?.summary}`);
});

it("the jobs of a researcher at her quota keep no site from another's", () => {
  const core = slowAndFast();
  core.researcher('eve');
  core.submit('first', { taskCount: 1 });
  core.give({ kind: 'setResearcher', name: 'ada', settings: { maxLeases: 2 } });
  core.submit('large', cpu(5_000, 600));
  core.give({
    ...{ kind: 'submitJob', jobId: jobId('data'), researcher: 'eve', requestId: 'data' },
    template: template({
      ...{ name: 'data', ...cpu(10, 600) },
      taskInputBytes: new Array<number>(10).fill(3_000_000),
    }),
  });
  wait(core, planStallMs + planEveryMs);
  expect(core.view.explain(jobId('data'), null)?.summary).toContain('Nothing waits');
});

it('tasks without any work are planned like others', () => {
  const core = slowAndFast();
  core.submit('none', { ...cpu(2, 0), taskInputBytes: [3_000_000, 3_000_000] });
  wait(core, 5_000);
  expect(takers(core)).toHaveLength(2);
});

it('a service that fits nowhere has the plan looked at no more often', () => {
  const core = slowAndFast();
  const rates = { cpuGhz: 9, downBps: 0, upBps: 0 };
  core.submit('service', { taskCount: 1, retries: 0, service: { rates } });
  core.facts.length = 0;
  wait(core, 10 * planEveryMs);
  const looks = core.facts.filter(({ kind }) => kind === 'planLookedAt');
  expect(looks.length).toBeLessThanOrEqual(11);
});
