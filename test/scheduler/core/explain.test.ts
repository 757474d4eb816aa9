// What is told of waiting and placed tasks: each hindrance with its count and its remedy.

import { expect, test } from 'vitest';
import type { Explanation, Inventory, NodeStatus } from '../../../scheduler/core/index.ts';
import { jobId, leaseId, nodeId, sha256 } from '../../../scheduler/core/index.ts';
import { candidateJobs } from '../../../scheduler/core/limits.ts';
import { CoreHarness, pi3 } from './harness.ts';

const status: NodeStatus = {
  load: 0,
  memoryAvailableBytes: 9e8,
  diskAvailableBytes: 9e9,
  temperatureC: 40,
  uplink: null,
  hoursLeftMs: null,
  refuses: [],
  month: null,
  isAccepting: true,
  notAccepting: null,
  slots: 4,
};
const pi1: Inventory = { ...pi3, architecture: 'armv6l', slots: 1, memoryBytes: 2.5e8 };

function federation(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 10e6);
  core.setSite('school', 10e6);
  core.node('pi', 'home');
  return core;
}

const program = { sha256: sha256('cd'.repeat(32)), sizeBytes: 1_000, isRootFileSystem: false };

/** The node's owner lets no task start, and a job comes. */
function refuse(core: CoreHarness, code: string, reason: string): void {
  core.speak('pi', { status: { ...status, isAccepting: false, notAccepting: { code, reason } } });
  core.submit('job');
}

function explain(core: CoreHarness, index: number | null = null): Explanation | undefined {
  return core.view.explain(jobId('job'), index);
}

/** Each hindrance that a federation makes, and what is told of it. */
const hindrances: readonly (readonly [string, (core: CoreHarness) => void, string])[] = [
  [
    'busy',
    (core) => core.submit('job', { taskCount: 9 }),
    '1 of 9 tasks waits. At the only node: all slots are busy, each with 2 tasks (one runs, one is next). What helps: wait for tasks to end, or enrol more nodes.',
  ],
  [
    'memory',
    (core) => {
      core.node('old', 'school', pi1);
      core.submit('job', { memoryBytes: 2e9 });
    },
    'All 4 tasks wait. At all 2 nodes: a task asks for 2 GB of memory, the largest has 1 GB. What helps: ask for 1 GB or less, or wait for larger nodes.',
  ],
  [
    'disk',
    (core) => {
      core.speak('pi', { status: { ...status, diskAvailableBytes: 5e7 } });
      core.submit('job');
    },
    'All 4 tasks wait. At the only node: a task asks for 100 MB of disk, at most 50 MB are free. What helps: ask for 50 MB or less, or wait for free space.',
  ],
  [
    'architecture',
    (core) => {
      core.node('old', 'school', pi1);
      core.node('older', 'school', { ...pi1, architecture: 'armv7l' });
      core.submit('job', { bundles: [{ ...program, architecture: 'aarch64' }], taskCount: 9 });
    },
    '1 of 9 tasks waits. At 2 of 3 nodes: the job has a bundle for aarch64 only, and they are armv6l, armv7l. What helps: add a bundle for armv6l or armv7l.',
  ],
  [
    'paused',
    (core) => refuse(core, 'paused', 'its owner has paused it'),
    'All 4 tasks wait. At the only node: its owner has paused it. What helps: wait until its owner lets it go on (punnet-agent resume).',
  ],
  [
    'hours',
    (core) => refuse(core, 'hours', "it is outside its owner's hours"),
    "All 4 tasks wait. At the only node: it is outside its owner's hours. What helps: wait for its owner's hours.",
  ],
  [
    'resting',
    (core) => {
      core.submit('job', { taskCount: 1 });
      core.end('pi', leaseId(1), 'given_back');
    },
    'Its only task waits. At the only node: its last tasks failed or were given back, so it rests (the first one for another 30 s). What helps: wait; if tasks fail everywhere, look at their logs (punnet logs).',
  ],
  [
    'node_suspect',
    (core) => {
      core.give({ kind: 'nodeDisconnected', nodeId: nodeId('pi') });
      core.submit('job');
    },
    'All 4 tasks wait. At the only node: the node is silent or disconnected. What helps: wait, or look at the nodes (punnet nodes).',
  ],
  [
    'uplink_down',
    (core) => core.submit('job', { taskCount: 3, taskInputBytes: [1e9, 1e9, 1e9] }),
    '2 of 3 tasks wait. At the only node: the uplink down is busy, and with this task would have over 10 s of bytes in hand. What helps: wait, or declare the rate that it really has (punnet site set).',
  ],
  [
    'uplink_up',
    (core) => {
      core.submit('job', { taskCount: 3, profile: { workGhzSeconds: 1, outputBytes: 1e9 } });
    },
    "1 of 3 tasks waits. At the only node: the uplink up is busy, and the task's result would have to wait for it. What helps: wait, or declare the rate that it really has (punnet site set).",
  ],
  [
    'node_quarantined',
    (core) => {
      core.submit('job');
      core.speak('pi', { instanceId: 'clone', held: [] });
    },
    'All 4 tasks wait. At the only node: two agents speak with the identity of the node. What helps: ask an operator to revoke it (punnet node revoke), then enrol each of the two anew.',
  ],
  [
    'queue',
    (core) => {
      const heavy = { taskCount: 9, taskInputBytes: Array.from({ length: 9 }, () => 1e9) };
      for (let older = 0; older < candidateJobs; older += 1) core.submit(`older ${older}`, heavy);
      core.submit('job');
    },
    `All 4 tasks wait. At the only node: ${candidateJobs} jobs of ada come before it, by priority and age. What helps: wait, or give it a higher priority.`,
  ],
];

test.each(hindrances)('a job held by %s is told so', (code, hold, summary) => {
  const core = federation();
  hold(core);
  const explanation = explain(core);
  expect(explanation?.refusals[0]?.code).toBe(code);
  expect(explanation?.summary).toBe(summary);
});

test('every node is counted once, with its site; the sites have their backlogs', () => {
  const core = federation();
  core.node('old', 'school', pi1);
  core.submit('job', { taskCount: 20, memoryBytes: 5e8 });
  const explanation = explain(core);
  expect(explanation?.refusals).toMatchObject([
    { code: 'busy', count: 1, sites: 1 },
    { code: 'memory', count: 1, sites: 1 },
  ]);
  expect(explanation?.sites).toMatchObject([
    { siteId: 'school', freeSlots: 1, cpuSeconds: 0 },
    { siteId: 'home', freeSlots: 0, binding: 'cpu' },
  ]);
});

test('a revoked node is none of its site', () => {
  const core = federation();
  core.node('stolen', 'home');
  core.give({ kind: 'revokeNode', nodeId: nodeId('stolen') });
  core.submit('job', { taskCount: 20 });
  expect(explain(core)?.sites).toMatchObject([{ siteId: 'home', nodes: 1 }]);
});

test('a task is told where it is and why, from its placement to its end', () => {
  const core = federation();
  core.submit('job', { taskCount: 1, retries: 0 });
  const why =
    'Why there: only this job waited and fitted: with it the site has 2.1 s of work for its CPUs and 0.0 s of bytes for its uplink.';
  const told = (): string | undefined => explain(core, 0)?.summary;
  expect(told()).toBe(
    `Task 0 is at pi (site home), and has not started: its inputs are on the way. ${why}`,
  );
  core.speak('pi', { started: [leaseId(1)] });
  expect(told()).toBe(`Task 0 is running at pi (site home). ${why}`);
  core.end('pi', leaseId(1), 'succeeded');
  expect(told()).toBe(`Task 0 succeeded at pi (site home). ${why}`);
  expect(explain(core)?.summary).toBe('The job has ended: succeeded.');
});

test('a task that failed for good is told with its last end', () => {
  const core = federation();
  core.submit('job', { taskCount: 1, retries: 0 });
  core.end('pi', leaseId(1), 'exited');
  expect(explain(core, 0)?.summary).toMatch(
    /^Task 0 failed for good after 1 failed attempt, the last at pi \(site home\): exit code 0\./,
  );
});

test('without nodes, an active job says to enrol one; with all placed, nothing waits', () => {
  const core = new CoreHarness();
  core.submit('job');
  expect(explain(core)?.summary).toBe(
    'All 4 tasks wait. The federation has no nodes: enrol one (punnet token create --node).',
  );
  core.setSite('home', 10e6);
  core.node('pi', 'home');
  expect(explain(core)?.summary).toBe(
    'Nothing waits: of 4 tasks, 4 are on nodes and 0 have ended.',
  );
});
