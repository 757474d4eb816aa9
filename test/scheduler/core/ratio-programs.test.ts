// The ratio policy where jobs have programs of their own, which each node that does some of their tasks must fetch.

import { describe, expect, it } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { jobId, leaseId, policyMakers } from '../../../scheduler/core/index.ts';
import { planEveryMs } from '../../../scheduler/core/limits.ts';
import { CoreHarness, endOf, heldBy, pi3, template } from './harness.ts';

const solve = await openHighs();

function ratio() {
  const maker = policyMakers.get('ratio');
  if (maker === undefined) throw new Error('there is no policy ratio');
  return maker.make(0);
}

/** Solves what is asked for, as the solver does, or but for these columns; the first is the time. */
function answer(core: CoreHarness, isLeftOut = (_column: number) => false): void {
  for (const { planId, program } of core.take('solvePlan')) {
    const solution = solve(program);
    const columns = solution.columns.map((column, place) =>
      place > 0 && isLeftOut(place) ? 0 : column,
    );
    core.give({ kind: 'planSolved', planId, solution: { ...solution, columns } });
  }
}

function cpu(tasks: number): Partial<JobTemplate> {
  return { taskCount: tasks, profile: { workGhzSeconds: 60, outputBytes: 0 } };
}

function program(sizeBytes: number): Partial<JobTemplate> {
  return { bundles: template().bundles.map((bundle) => ({ ...bundle, sizeBytes })) };
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
});

describe('programs that nodes had', () => {
  it('of a job that is retried are had again, though another came in between', () => {
    const core = new CoreHarness();
    core.policy = ratio();
    core.setSite('home', 100e6);
    core.node('n0', 'home', { ...pi3, slots: 1 });
    const run = (code: 'exited' | 'succeeded', times: number): readonly string[] => {
      // A grant that a silent node may not have heard is sent again.
      const started = new Map<number, string>();
      for (let time = 0; time < times; time += 1) {
        core.wait(60_000);
        answer(core);
        const node = core.state.nodes[0];
        core.speak('n0', { held: heldBy(node) });
        for (const grant of core.take('grant')) started.set(grant.leaseId, grant.jobId);
        for (const lease of heldBy(node)) core.end('n0', lease, code);
      }
      return [...started.values()];
    };
    core.submit('first', { ...cpu(1), ...program(30_000_000), retries: 0 });
    expect(run('exited', 3)).toEqual(['first']);
    core.submit('between', { ...cpu(2), ...program(30_000_000) });
    expect(run('succeeded', 6)).toEqual(['between', 'between']);
    for (const requestId of ['again', 'and again']) {
      core.give({ kind: 'retryTasks', jobId: jobId('first'), requestId, indexes: null });
      expect(run('exited', 6)).toEqual(['first']);
      const programs = core.state.nodes[0]?.programs ?? [];
      expect(new Set(programs).size).toBe(programs.length);
    }
  });
});

describe('programs that nodes do not have', () => {
  it('of a job that nobody else does are fetched for it, before a younger one that the node has', () => {
    const core = new CoreHarness();
    core.policy = ratio();
    core.setSite('home', 100e6);
    for (const node of ['n0', 'n1']) core.node(node, 'home', { ...pi3, slots: 1 });
    core.submit('old', { ...cpu(1), ...program(30_000_000) });
    answer(core);
    const [first] = core.take('grant');
    core.submit('young', { ...cpu(200), ...program(30_000_000) });
    core.wait(planEveryMs);
    answer(core);
    const other = first?.nodeId === 'n0' ? 'n1' : 'n0';
    if (first === undefined) throw new Error('nothing was placed');
    core.give({ kind: 'revokeNode', nodeId: first.nodeId });
    const started: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      core.wait(60_000);
      answer(core);
      const node = core.state.nodes.find(({ nodeId }) => nodeId === other);
      const [done] = heldBy(node);
      if (done !== undefined) core.end(other, done, 'succeeded');
      started.push(...core.take('grant').map((grant) => grant.jobId));
    }
    expect(started).toContain('old');
  });

  it('are fetched for a job that the plan has a share for, before one that is only kept', () => {
    const core = new CoreHarness();
    core.policy = ratio();
    for (const site of ['one', 'other']) {
      core.setSite(site, 10e6);
      core.node(`at ${site}`, site);
    }
    core.submit('job', { ...cpu(1_000), ...program(30_000_000) });
    answer(core);
    core.submit('data', { ...cpu(100), taskInputBytes: new Array<number>(100).fill(5_000_000) });
    core.wait(planEveryMs);
    // Of the first job nothing goes to the second of the two sites.
    answer(core, (column) => column === 2);
    expect(core.state.plan?.shares[3]).toBeGreaterThan(99);
    core.take('grant');
    const ended = heldBy(core.state.nodes[1]).map((leaseId) => endOf(leaseId));
    core.speak('at other', { ended });
    const there = core.take('grant').filter(({ nodeId }) => nodeId === 'at other');
    expect(there[0]?.jobId).toBe(jobId('data'));
  });
});

describe('a node whose job is wanted elsewhere', () => {
  /** By the plan nothing goes to the first of two sites, whose node has the program of the job. */
  function wantedElsewhere(programBytes: number, inputBytes: number): CoreHarness {
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
    answer(core, (column) => column % 2 === 1);
    core.take('grant');
    return core;
  }

  function takesMore(core: CoreHarness): boolean {
    for (const leaseId of heldBy(core.state.nodes[0])) core.end('at one', leaseId, 'succeeded');
    const here = core.take('grant').filter(({ nodeId }) => nodeId === 'at one');
    return here.some((grant) => grant.jobId === jobId('job'));
  }

  it.each([
    ['keeps to it while its tasks move less than another would', 30_000_000, 1_000, true],
    ['does what the plan says when its tasks move more', 30_000_000, 5_000_000, false],
    ['does what the plan says when there is no program to speak of', 0, 1_000, false],
  ])('%s', (_, programBytes, inputBytes, isKept) => {
    expect(takesMore(wantedElsewhere(programBytes, inputBytes))).toBe(isKept);
  });

  it.each([
    ['keeps to it past the end of the plan when a task moves less', 30_000_000, 1_000, true],
    ['does what the plan says past its end when a task moves more', 1_000, 5_000_000, false],
  ])('%s', (_, programBytes, inputBytes, isKept) => {
    const core = wantedElsewhere(programBytes, inputBytes);
    core.nowMs = (core.state.plan?.endsAt ?? 0) + 1;
    // Something is leased at this moment, so that nothing is let go for lack of that.
    core.end('at other', heldBy(core.state.nodes[1])[0] ?? leaseId(0), 'succeeded');
    core.take('grant');
    expect(takesMore(core)).toBe(isKept);
  });
});
