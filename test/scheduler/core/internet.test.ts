// Jobs whose tasks reach the internet: only where owners allow it, charged to the line while they run.

import { describe, expect, test } from 'vitest';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { jobId } from '../../../scheduler/core/index.ts';
import { policyMakers } from '../../../scheduler/core/placement/policies.ts';
import { sumsOfLeases, sumsOfSites } from './sites/sums.ts';
import { accepting, CoreHarness, endOf, heldBy } from './harness.ts';

const fetching: Partial<JobTemplate> = { network: 'internet', internetBytes: 5e6 };

function withNodes(open: readonly string[], closed: readonly string[]): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 10e6);
  for (const name of [...closed, ...open]) core.node(name, 'home');
  for (const name of open) {
    core.speak(name, { status: { ...accepting, allowsInternet: true }, held: [] });
  }
  return core;
}

const pendingBytes = (core: CoreHarness) => core.state.sites[0]?.pendingDownBytes;

describe.each([...policyMakers])('under %s', (_, { make, parameter }) => {
  test('all of its tasks go where the owner allows it, also when other nodes idle', () => {
    const core = withNodes(['open'], ['closed', 'shut']);
    core.policy = make(parameter?.value ?? 0);
    core.submit('job', { taskCount: 12, ...fetching });
    const seen = new Set<string>();
    for (let step = 0; step < 60; step += 1) {
      for (const { nodeId, leaseId } of core.take('grant')) {
        seen.add(nodeId);
        core.speak(nodeId, { ended: [endOf(leaseId)] });
      }
      core.wait(1_000);
    }
    expect([...seen]).toEqual(['open']);
    expect(core.view.job(jobId('job'))?.state).toBe('succeeded');
  });
});

test('it waits where no owner does, says so, and starts when one has changed her mind', () => {
  const core = withNodes([], ['a', 'b']);
  core.submit('job', { taskCount: 1, ...fetching });
  expect(core.take('grant')).toEqual([]);
  expect(core.view.explain(jobId('job'), null)?.summary).toContain(
    'At all 2 nodes: the owner allows no tasks with internet, or the machine can hold none to it. What helps: wait for nodes whose owners do',
  );
  core.speak('b', { status: { ...accepting, allowsInternet: true }, held: [] });
  expect(core.take('grant')).toMatchObject([{ nodeId: 'b' }]);
  core.submit('other', { taskCount: 1, ...fetching });
  core.take('grant');
  core.speak('b', { status: accepting, held: heldBy(core.state.nodes[1]) });
  core.submit('late', { taskCount: 1, ...fetching });
  expect(core.take('grant')).toEqual([]);
});

test('what it moves is on its way down until it has run, and its researcher is charged with it', () => {
  const core = withNodes(['open'], []);
  core.submit('job', { taskCount: 1, taskInputBytes: [1e6], ...fetching });
  const [grant] = core.take('grant');
  if (grant === undefined) throw new Error('nothing was placed');
  const { leaseId } = grant;
  // The input, the program's 1,000 bytes, and the internet.
  expect(pendingBytes(core)).toBe(6_001_000);
  expect(core.state.leases.get(leaseId)?.claimedBits).toBe(8 * 6e6);
  core.speak('open', { started: [leaseId], held: [leaseId] });
  expect(pendingBytes(core)).toBe(5e6);
  core.speak('open', { exited: [leaseId], held: [leaseId] });
  expect(pendingBytes(core)).toBe(0);
  expect(core.state.sites[0]?.incoming).toBe(0);
});

test('while it runs it holds no place of a transfer', () => {
  const core = withNodes(['open'], []);
  core.submit('job', { taskCount: 1, taskInputBytes: [1e6], ...fetching });
  const [grant] = core.take('grant');
  if (grant === undefined) throw new Error('nothing was placed');
  expect(core.state.sites[0]?.incoming).toBe(1);
  core.speak('open', { started: [grant.leaseId], held: [grant.leaseId] });
  expect(core.state.sites[0]?.incoming).toBe(0);
  expect(sumsOfSites(core.state)).toEqual(sumsOfLeases(core.state));
  core.speak('open', { exited: [grant.leaseId], held: [grant.leaseId] });
  expect(sumsOfSites(core.state)).toEqual(sumsOfLeases(core.state));
});

test('it goes only where so much of the month is left', () => {
  const core = withNodes(['open'], []);
  const report = (usedBytes: number): void => {
    const month = { capBytes: 100e6, allotmentBytes: 100e6, usedBytes };
    core.speak('open', { status: { ...accepting, allowsInternet: true, month }, held: [] });
  };
  // 95 MB are for tasks.
  report(90e6 + 1);
  core.submit('job', { taskCount: 1, ...fetching });
  expect(core.take('grant')).toEqual([]);
  expect(core.view.explain(jobId('job'), null)?.summary).toContain(
    "a task moves 5 MB over the internet, and its owner's month has less left",
  );
  report(90e6);
  expect(core.take('grant')).toMatchObject([{ nodeId: 'open' }]);
});

test('it has no backup attempt', () => {
  const slow = (changes: Partial<JobTemplate>): CoreHarness => {
    const core = withNodes(['first', 'second'], []);
    core.submit('job', {
      taskCount: 1,
      profile: { workGhzSeconds: 12, outputBytes: 0 },
      ...changes,
    });
    const [grant] = core.take('grant');
    if (grant === undefined) throw new Error('nothing was placed');
    core.speak(grant.nodeId, { started: [grant.leaseId], held: [grant.leaseId] });
    for (let step = 0; step < 60; step += 1) {
      core.wait(5_000);
      for (const node of core.state.nodes) core.speak(node.nodeId, { held: heldBy(node) });
    }
    return core;
  };
  expect(slow({}).take('grant')).toHaveLength(1);
  expect(slow(fetching).take('grant')).toEqual([]);
});
