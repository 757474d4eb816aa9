// The rule of each policy that is there to compare with, against what its source says.

import { describe, expect, it, test } from 'vitest';
import type { JobTemplate, Policy } from '../../../scheduler/core/index.ts';
import { jobId, policyMakers } from '../../../scheduler/core/index.ts';
import { draw } from '../../../scheduler/core/placement/draw.ts';
import { bestFitScore } from '../../../scheduler/core/placement/policies/bin-pack.ts';
import {
  balancedAllocationScore,
  feasibleNodesToFind,
  leastAllocatedScore,
} from '../../../scheduler/core/placement/policies/least-allocated.ts';
import { CoreHarness, template } from './harness.ts';

function policy(name: string, value?: number): Policy {
  const maker = policyMakers.get(name);
  if (maker === undefined) throw new Error(`no policy is called ${name}`);
  return maker.make(value ?? maker.parameter?.value ?? 0);
}

/** Nodes at a site each, with lines of so many Mbit/s; 4 slots each. */
function coreWith(chosen: Policy, lines: readonly number[]): CoreHarness {
  const core = new CoreHarness();
  core.policy = chosen;
  for (const [index, mbps] of lines.entries()) core.setSite(`s${index}`, mbps * 1e6);
  for (const index of lines.keys()) core.node(`n${index}`, `s${index}`);
  return core;
}

function placed(core: CoreHarness): readonly string[] {
  return core.take('grant').map((grant) => `${grant.jobId} ${grant.nodeId}`);
}

function inputs(count: number, bytes: number): Partial<JobTemplate> {
  return { taskCount: count, taskInputBytes: new Array<number>(count).fill(bytes) };
}

describe('draw', () => {
  it('is even, and the same for the same numbers', () => {
    const draws = Array.from({ length: 10_000 }, (_, index) => draw(index, 1));
    const mean = draws.reduce((sum, each) => sum + each, 0) / draws.length;
    expect(mean).toBeGreaterThan(0.48);
    expect(mean).toBeLessThan(0.52);
    expect(draw(7, 3)).toBe(draw(7, 3));
    expect(draw(7, 3)).not.toBe(draw(3, 7));
    expect(draw(2 ** 40 + 1)).not.toBe(draw(1));
  });
});

test('every policy is known by the name that it has', () => {
  for (const [name, { parameter, make }] of policyMakers) {
    expect(make(parameter?.value ?? 0).name).toBe(name);
    if (parameter !== null) expect(parameter.values).toContain(parameter.value);
  }
});

test('fifo takes the oldest job, whatever it needs', () => {
  const core = coreWith(policy('fifo'), [0.1]);
  core.submit('data', inputs(20, 50e6));
  core.submit('cpu', { taskCount: 20 });
  expect(placed(core)).toEqual(new Array<string>(8).fill('data n0'));
});

test('random takes each job about as often', () => {
  const core = coreWith(policy('random'), new Array<number>(40).fill(10));
  core.submit('filler', { taskCount: 320 });
  const held = core.take('grant');
  core.submit('one', { taskCount: 400 });
  core.submit('two', { taskCount: 400 });
  for (const { nodeId, leaseId } of held) core.end(nodeId, leaseId, 'succeeded');
  const ones = placed(core).filter((each) => each.startsWith('one')).length;
  expect(ones).toBeGreaterThan(120);
  expect(ones).toBeLessThan(200);
});

describe('least-allocated', () => {
  it.each([
    [10, 10],
    [99, 99],
    [100, 100],
    [1_000, 420],
    [5_000, 500],
    [10_000, 500],
    [1_000_000, 50_000],
  ])('of %i nodes finds %i that fit', (all, wanted) => {
    expect(feasibleNodesToFind(all)).toBe(wanted);
  });

  it.each([
    [0, 0, 100, 100],
    [0.5, 0.5, 50, 100],
    [0.25, 0.75, 50, 75],
    [1, 0, 50, 50],
    [1.5, 1.5, 0, 100],
  ])('scores parts of %d CPU and %d memory: %i and %i', (cpu, memory, least, balanced) => {
    expect(leastAllocatedScore(cpu, memory)).toBe(least);
    expect(balancedAllocationScore(cpu, memory)).toBe(balanced);
  });

  it('spreads tasks evenly, and looks at no line', () => {
    const core = coreWith(policy('least-allocated'), [0.1, 100, 0.1, 100]);
    core.submit('data', inputs(8, 50e6));
    const nodes = placed(core).toSorted();
    expect(nodes).toEqual([0, 0, 1, 1, 2, 2, 3, 3].map((index) => `data n${index}`));
  });
});

describe('bin-pack', () => {
  it.each([
    [0, 0, 18],
    [1, 1, 0],
    [0.5, 0.5, 20 - 2 * Math.sqrt(10)],
    [0, 1, 9],
  ])('scores free parts of %d CPU and %d memory: %d', (cpu, memory, score) => {
    expect(bestFitScore({ cpu, memory })).toBeCloseTo(score);
  });

  it('fills one node before the next, when it looks at all', () => {
    const core = coreWith(policy('bin-pack', 4), [10, 10, 10, 10]);
    core.submit('job', { taskCount: 8 });
    const counts = [0, 1, 2, 3].map((index) => `job n${index}`);
    const grants = placed(core);
    const perNode = counts.map((each) => grants.filter((other) => other === each).length);
    expect(perNode.toSorted()).toEqual([0, 0, 4, 4]);
  });

  it('looks at few nodes: the logarithm of their number', () => {
    const looked = new Set<string>();
    const chosen = policy('bin-pack');
    const core = coreWith(
      {
        ...chosen,
        hold: ({ node }) => {
          looked.add(node.nodeId);
          return null;
        },
      },
      new Array<number>(64).fill(10),
    );
    core.submit('job', { taskCount: 1 });
    expect(looked.size).toBe(6);
  });
});

describe('count-limit', () => {
  it('lets so many tasks of a site fetch at a time, and those without bytes at once', () => {
    const core = coreWith(policy('count-limit', 3), [10, 10]);
    core.submit('data', inputs(40, 1e6));
    expect(placed(core).toSorted()).toEqual([0, 0, 0, 1, 1, 1].map((index) => `data n${index}`));
    expect(core.view.explain(jobId('data'), null)?.summary).toContain('3 tasks of the site fetch');
    core.submit('cpu', {
      taskCount: 40,
      bundles: template().bundles.map((each) => ({ ...each, sizeBytes: 0 })),
    });
    expect(placed(core)).toHaveLength(10);
  });

  it('lets the next one start when the bytes of one are there', () => {
    const core = coreWith(policy('count-limit', 1), [10]);
    core.submit('data', inputs(5, 1e6));
    const [first] = core.take('grant');
    if (first === undefined) throw new Error('nothing was granted');
    core.speak('n0', { transfersDone: [{ leaseId: first.leaseId, direction: 'down' }] });
    expect(placed(core)).toEqual(['data n0']);
    core.end('n0', first.leaseId, 'succeeded');
    expect(placed(core)).toEqual([]);
  });
});

test('down-filter sends a task only where its input arrives in time', () => {
  const core = coreWith(policy('down-filter', 10), [1, 9]);
  core.submit('data', inputs(16, 10e6));
  expect(placed(core)).toEqual(new Array<string>(8).fill('data n1'));
  expect(core.view.explain(jobId('data'), null)?.refusals.map(({ code }) => code)).toContain(
    'download_rate',
  );
});
