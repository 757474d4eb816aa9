// The ratio policy where jobs have programs of their own, which each node that does some of their tasks must fetch.

import { describe, expect, it } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { jobId, policyMakers } from '../../../scheduler/core/index.ts';
import { planEveryMs } from '../../../scheduler/core/limits.ts';
import { CoreHarness, heldBy, pi3, template } from './harness.ts';

const solve = await openHighs();

function ratio() {
  const maker = policyMakers.get('ratio');
  if (maker === undefined) throw new Error('there is no policy ratio');
  return maker.make(0);
}

/** Solves what is asked for, as the solver does or so that the first site gets nothing. */
function answer(core: CoreHarness, isFirstLeftOut = false): void {
  for (const { planId, program } of core.take('solvePlan')) {
    const solution = solve(program);
    const sites = core.state.siteById.size;
    const columns = solution.columns.map((column, place) => {
      const isFirst = place > 0 && (place - 1) % sites === 0;
      return isFirst && isFirstLeftOut ? 0 : column;
    });
    core.give({ kind: 'planSolved', planId, solution: { ...solution, columns } });
  }
}

function cpu(tasks: number): Partial<JobTemplate> {
  return { taskCount: tasks, profile: { workGhzSeconds: 60, outputBytes: 0 } };
}

describe('programs of jobs', () => {
  it('stay one for each node, where jobs are alike', () => {
    const core = new CoreHarness();
    core.setSite('home', 100e6);
    const nodes = ['n0', 'n1', 'n2', 'n3'];
    for (const node of nodes) core.node(node, 'home', { ...pi3, slots: 1 });
    // Nothing is placed before a plan knows both, and then all in one round.
    const held = { code: 'plan', reason: 'both are waited for', remedy: 'wait' } as const;
    core.policy = { ...ratio(), hold: () => held };
    for (const job of ['one', 'other']) core.submit(job, cpu(200));
    answer(core);
    core.policy = ratio();
    core.wait(planEveryMs);
    answer(core);
    const seen = new Map(nodes.map((node) => [node, new Set<string>()]));
    for (let round = 0; round < 20; round += 1) {
      for (const { jobId, nodeId } of core.take('grant')) seen.get(nodeId)?.add(jobId);
      for (const { nodeId, leases } of core.state.nodes) {
        core.nowMs += 10_000;
        const [first] = leases;
        if (first !== undefined) core.end(nodeId, first.leaseId, 'succeeded');
      }
      answer(core);
    }
    const kept = [...seen.values()].map((jobs) => [...jobs].join(' '));
    expect(kept.toSorted()).toEqual(['one', 'one', 'other', 'other']);
  });

  const program = (sizeBytes: number): Partial<JobTemplate> => ({
    bundles: template().bundles.map((bundle) => ({ ...bundle, sizeBytes })),
  });

  it.each([
    ['keeps to it while its tasks move less than another would', 30_000_000, 1_000, true],
    ['does what the plan says when its tasks move more', 30_000_000, 5_000_000, false],
    ['does what the plan says when there is no program to speak of', 0, 1_000, false],
  ])('a node whose job is wanted elsewhere %s', (_, programBytes, inputBytes, isKept) => {
    const core = new CoreHarness();
    core.policy = ratio();
    for (const site of ['one', 'other']) {
      core.setSite(site, 100e6);
      core.node(`at ${site}`, site);
    }
    const inputs = new Array<number>(1_000).fill(inputBytes);
    core.submit('job', { ...cpu(1_000), ...program(programBytes), taskInputBytes: inputs });
    answer(core);
    expect(heldBy(core.state.nodes[0])).not.toEqual([]);
    core.submit('news', cpu(100));
    core.wait(planEveryMs);
    answer(core, true);
    core.take('grant');
    for (const leaseId of heldBy(core.state.nodes[0])) core.end('at one', leaseId, 'succeeded');
    const here = core.take('grant').filter(({ nodeId }) => nodeId === 'at one');
    expect(here.some((grant) => grant.jobId === jobId('job'))).toBe(isKept);
  });
});
