// Few tasks beside many idle slots: each goes where it ends soonest, without a plan.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { jobId } from '../../../scheduler/core/index.ts';
import { idlePerTask, planSoonMs, soonestJobs } from '../../../scheduler/core/limits.ts';
import { ratio } from '../../../scheduler/core/placement/policies/ratio.ts';
import { CoreHarness, heldBy, pi3 } from './harness.ts';

interface Site {
  readonly downBps: number;
  readonly speedGhz: number;
  readonly nodes?: number;
}

/** Nodes of four slots; they are named after their sites. */
function federation(sites: Readonly<Record<string, Site>>): CoreHarness {
  const core = new CoreHarness();
  core.policy = ratio;
  for (const [name, { downBps, speedGhz, nodes = 4 }] of Object.entries(sites)) {
    core.setSite(name, downBps);
    for (let node = 0; node < nodes; node += 1) {
      core.node(`${name}-${node}`, name, { ...pi3, speedGhz });
    }
  }
  return core;
}

function tasks(taskCount: number, workGhzSeconds: number, inputBytes = 0): Partial<JobTemplate> {
  const profile = { workGhzSeconds, outputBytes: 0 };
  return { taskCount, taskInputBytes: new Array<number>(taskCount).fill(inputBytes), profile };
}

function sitesOfGrants(core: CoreHarness): readonly string[] {
  return core.take('grant').map(({ nodeId }) => nodeId.replace(/-.*/, ''));
}

const thinAndFat = {
  thin: { downBps: 0.5e6, speedGhz: 2 },
  fat: { downBps: 50e6, speedGhz: 1 },
};

describe('where it ends soonest', () => {
  it.each([
    // 10 MB take 160 s on the thin line, 1.6 s on the fat one.
    ['on the fat line, what has much to fetch', tasks(1, 60, 10e6), ['fat']],
    ['on the fast node, what has nothing to fetch', tasks(1, 60), ['thin']],
    ['on the fast node, what computes for long', tasks(1, 600, 10e6), ['thin']],
    // A third one would come behind two others.
    [
      'on both, when the second would wait for the first',
      tasks(3, 300, 8e6),
      ['fat', 'thin', 'fat'],
    ],
  ] as const)('%s', (_, job, sites) => {
    const core = federation(thinAndFat);
    core.submit('job', job);
    for (let second = 0; second < 10; second += 1) core.wait(planSoonMs);
    expect([...sitesOfGrants(core)].sort()).toEqual([...sites].sort());
    expect(core.take('solvePlan')).toEqual([]);
  });

  it('behind what the line has in hand, whatever the fastest node would take', () => {
    const core = federation({
      busy: { downBps: 1e6, speedGhz: 1.2, nodes: 8 },
      idle: { downBps: 1e6, speedGhz: 1, nodes: 8 },
    });
    // 400 s of its line.
    core.submit('large', { ...tasks(1, 3_000, 50e6) });
    expect(sitesOfGrants(core)).toEqual(['busy']);
    core.wait(planSoonMs);
    core.submit('small', tasks(1, 60, 1e6));
    expect(sitesOfGrants(core)).toEqual(['idle']);
    expect(core.view.explain(jobId('small'), 0)?.summary).toContain('ends soonest');
  });

  it('at once: no answer is waited for', () => {
    const core = federation(thinAndFat);
    core.submit('job', tasks(1, 60));
    expect(sitesOfGrants(core)).toEqual(['thin']);
  });
});

it('more than that wait for a plan', () => {
  const core = federation(thinAndFat);
  const slots = 32;
  core.submit('job', tasks(slots / idlePerTask + 1, 60));
  expect(core.take('solvePlan')).toHaveLength(1);
});

it.each([
  [soonestJobs, 0],
  [soonestJobs + 1, 1],
])('%d jobs at once ask for %d plans: all nodes are gone through for each job', (jobs, plans) => {
  const core = federation({ site: { downBps: 50e6, speedGhz: 1, nodes: 70 } });
  const names = Array.from({ length: jobs }, (_, job) => [`job ${job}`, tasks(1, 60)] as const);
  core.submitAll(Object.fromEntries(names));
  expect(core.take('solvePlan')).toHaveLength(plans);
});

it('a full node is not waited for, however fast', () => {
  const core = federation({
    fast: { downBps: 50e6, speedGhz: 10, nodes: 1 },
    slow: { downBps: 50e6, speedGhz: 0.1, nodes: 24 },
  });
  // Four run there and four are staged; the first four take longer than they should.
  for (let job = 0; job < 8; job += 1) {
    core.submit(`job ${job}`, { ...tasks(1, 1_000), timeoutMs: 36_000_000 });
    core.wait(planSoonMs);
  }
  expect(new Set(sitesOfGrants(core))).toEqual(new Set(['fast']));
  core.submit('one more', { ...tasks(1, 1_000), timeoutMs: 36_000_000 });
  core.wait(planSoonMs);
  expect(sitesOfGrants(core)).toEqual(['slow']);
});

/** Time goes on, and nodes report. */
function wait(core: CoreHarness, ms: number): void {
  for (let passed = 0; passed < ms; passed += planSoonMs) {
    core.wait(planSoonMs);
    for (const node of core.state.nodes) core.speak(node.nodeId, { held: heldBy(node) });
  }
}

it('no task waits for long, whatever sites there are', () => {
  const site = fc.record({
    downBps: fc.constantFrom(0.2e6, 1e6, 8e6, 50e6),
    speedGhz: fc.constantFrom(0.28, 0.6, 1.2, 2.4),
    nodes: fc.integer({ min: 2, max: 4 }),
  });
  const job = fc.record({
    work: fc.constantFrom(1, 60, 3_600),
    inputBytes: fc.constantFrom(0, 20_000, 1e6, 50e6),
    gapMs: fc.constantFrom(0, 500, 5_000),
  });
  const sites = fc.array(site, { minLength: 3, maxLength: 5 });
  fc.assert(
    fc.property(sites, fc.array(job, { minLength: 1, maxLength: 2 }), (lines, jobs) => {
      const named = lines.map((each, place) => [`site${place}`, each] as const);
      const core = federation(Object.fromEntries(named));
      for (const [place, { work, inputBytes, gapMs }] of jobs.entries()) {
        core.submit(`job ${place}`, tasks(1, work, inputBytes));
        core.wait(gapMs);
      }
      wait(core, 6_000);
      expect(sitesOfGrants(core)).toHaveLength(jobs.length);
    }),
    { numRuns: 60 },
  );
});
