// A service is changed while it runs: one replica after the other, and no further when that goes wrong.

import { beforeEach, expect, test } from 'vitest';
import type { JobTemplate, LeaseId } from '../../../scheduler/core/index.ts';
import { imageOf, jobId, nodeId, stateOf } from '../../../scheduler/core/index.ts';
import { taskState } from '../../../scheduler/core/columns.ts';
import { CoreHarness, heldBy, template } from './harness.ts';

const web = jobId('web');
const rates = { cpuGhz: 0.5, downBps: 1_000, upBps: 1_000 };
const first = template({
  ...{ name: 'web', taskCount: 3, outputs: [], service: { rates } },
});
const other: JobTemplate = { ...first, command: ['bin/other'] };

let core: CoreHarness;
let requests: number;

beforeEach(() => {
  core = new CoreHarness();
  requests = 0;
  for (const site of [0, 1, 2]) {
    core.setSite(`site ${site}`, 10e6);
    core.node(`pi ${site}`, `site ${site}`);
  }
  core.submit('web', first);
});

function update(changed: JobTemplate, requestId?: string) {
  requests += 1;
  const id = requestId ?? `request ${requests}`;
  return core.give({ kind: 'updateJob', jobId: web, requestId: id, template: changed }).answer;
}

/** Time passes; every replica that is placed starts to run, but those of which `fails` is true end. */
function pass(seconds: number, fails: (command: readonly string[]) => boolean = () => false): void {
  for (let second = 0; second < seconds; second += 1) {
    core.wait(1_000);
    for (const lease of [...core.state.leases.values()]) {
      const node = core.state.nodes[lease.nodeNumber]?.nodeId ?? '';
      if (lease.phase === 'running') continue;
      core.speak(node, { held: [lease.leaseId], started: [lease.leaseId] });
      if (fails(commandOf(lease.taskIndex) ?? [])) core.end(node, lease.leaseId, 'succeeded');
    }
    for (const node of core.state.nodes) core.speak(node.nodeId, { held: heldBy(node) });
  }
}

/** What the replica is told to run, wherever it is placed. */
function commandOf(taskIndex: number): readonly string[] | undefined {
  const lease = { jobId: web, nodeId: nodeId('pi 0'), taskIndex };
  return core.view.leaseContext(lease)?.template.command;
}

function commands(): readonly string[] {
  const { taskCount = 0 } = core.view.job(web)?.template ?? {};
  return Array.from({ length: taskCount }, (_, index) => commandOf(index)?.[0] ?? '');
}

/** Replicas that run now. */
function running(): number {
  return core.view.job(web)?.counts.running ?? 0;
}

test('changes one replica after the other, and the next when that one runs well', () => {
  pass(20);
  update(other);
  expect(commands()).toEqual(['bin/run', 'bin/run', 'bin/run']);
  const seen: string[] = [];
  for (let second = 0; second < 60; second += 1) {
    pass(1);
    expect(running()).toBeGreaterThanOrEqual(2);
    const now = commands()
      .map((command) => (command === 'bin/other' ? 'new' : 'old'))
      .join(' ');
    if (seen.at(-1) !== now) seen.push(now);
  }
  expect(seen).toEqual(['new old old', 'new new old', 'new new new']);
  expect(core.view.job(web)).toMatchObject({ changed: 3, rollout: '', restarts: 0 });
  expect(core.state.jobById.get(web)?.revisions?.older).toEqual([]);
});

test('tells how far it is', () => {
  pass(20);
  update(other);
  pass(2);
  const rollout = '1 of 3 replicas are changed';
  expect(core.view.job(web)).toMatchObject({ changed: 1, rollout });
  expect(core.view.explain(web, null)?.summary).toContain(rollout);
});

test('stops when a changed replica keeps ending; a change back mends it', () => {
  pass(20);
  update(other);
  const isBad = (command: readonly string[]): boolean => command[0] === 'bin/other';
  pass(300, isBad);
  expect(commands()).toEqual(['bin/other', 'bin/run', 'bin/run']);
  expect(running()).toBe(2);
  expect(core.view.job(web)?.rollout).toMatch(
    /^1 of 3 replicas are changed, and no more will be: replica 0 ended \d times, each time soon/,
  );
  update(first);
  pass(60, isBad);
  expect(commands()).toEqual(['bin/run', 'bin/run', 'bin/run']);
  expect(running()).toBe(3);
  expect(core.view.job(web)?.rollout).toBe('');
});

test('a service whose replicas all keep ending is mended by a change', () => {
  const isBad = (command: readonly string[]): boolean => command[0] === 'bin/run';
  pass(100, isBad);
  expect(running()).toBe(0);
  update(other);
  pass(60, isBad);
  expect(commands()).toEqual(['bin/other', 'bin/other', 'bin/other']);
  expect(running()).toBe(3);
});

test('a changed replica that has ended three times must settle before the next is changed', () => {
  pass(20);
  update(other);
  // Then it runs for long enough to look well.
  const started = new Map<LeaseId, number>();
  for (let second = 0; second < 400; second += 1) {
    pass(1);
    for (const lease of core.state.leases.values()) {
      if (commandOf(lease.taskIndex)?.[0] !== 'bin/other' || lease.taskIndex > 0) continue;
      const since = started.get(lease.leaseId) ?? core.nowMs;
      started.set(lease.leaseId, since);
      const node = core.state.nodes[lease.nodeNumber]?.nodeId ?? '';
      if (core.nowMs - since >= (started.size > 3 ? 15_000 : 5_000))
        core.end(node, lease.leaseId, 'succeeded');
    }
  }
  expect(commands()).toEqual(['bin/other', 'bin/run', 'bin/run']);
});

test('no more are changed while a changed one rests, though enough of the others run', () => {
  pass(20);
  // It rests when the change comes, and is the first to take it.
  const lease = core.state.jobById.get(web)?.tasks.lease[0] as LeaseId;
  core.end(core.view.task(web, 0)?.nodeId ?? '', lease, 'succeeded');
  update(other);
  pass(15, (command) => command[0] === 'bin/other');
  expect(commands()).toEqual(['bin/other', 'bin/run', 'bin/run']);
});

test('goes on after a restart of the scheduler, with what each replica runs', () => {
  pass(20);
  update(other);
  pass(2);
  core.state = stateOf(imageOf(core.state));
  for (const node of core.state.nodes) core.speak(node.nodeId, { held: heldBy(node) });
  expect(commands()).toEqual(['bin/other', 'bin/run', 'bin/run']);
  pass(60);
  expect(commands()).toEqual(['bin/other', 'bin/other', 'bin/other']);
});

test('a replica that loses its node while others are changed keeps what it ran, until its turn', () => {
  pass(20);
  update(other);
  pass(2);
  const { nodeName = '' } = core.view.task(web, 2) ?? {};
  core.give({ kind: 'revokeNode', nodeId: nodeId(nodeName) });
  expect(commandOf(2)).toEqual(['bin/run', '{index}']);
  pass(90);
  expect(commands()).toEqual(['bin/other', 'bin/other', 'bin/other']);
  expect(running()).toBe(3);
});

test('a change that fits nowhere costs one replica', () => {
  pass(20);
  update({ ...other, memoryBytes: 1e12 });
  pass(120);
  expect(running()).toBe(2);
  expect(core.view.explain(web, null)?.refusals[0]?.code).toBe('memory');
});

test.each([
  ['more', 5, 5, 0],
  ['fewer', 1, 1, 2],
  ['the same', 3, 3, 0],
])('another number of replicas comes at once: %s', (_, count, expected, cancelled) => {
  pass(20);
  core.take('grant');
  core.take('cancel');
  const kept = core.state.jobById.get(web)?.tasks.lease[0];
  update({ ...first, taskCount: count });
  expect(core.take('cancel')).toHaveLength(cancelled);
  pass(20);
  expect(running()).toBe(expected);
  const job = core.state.jobById.get(web);
  expect(job).toMatchObject({ leased: expected, waiting: 0, cancelled: 0, failed: 0 });
  expect(job?.tasks.lease[0]).toBe(kept);
  expect(core.state.taskCount).toBe(expected);
  expect(core.state.researchers.get('ada')).toMatchObject({ leases: expected, waitingTasks: 0 });
  for (let index = 0; index < expected; index += 1) {
    expect(job === undefined ? '' : taskState(job.tasks, index)).toBe('leased');
  }
  const again = stateOf(imageOf(core.state));
  expect(again.jobById.get(web)?.replicas).toEqual(job?.replicas);
});

test('replicas that wait go first, and are no longer counted', () => {
  core.give({ kind: 'drainNodes', of: { nodeId: nodeId('pi 0') }, isDraining: true });
  update({ ...first, taskCount: 12 });
  // Two nodes of four slots.
  pass(5);
  update({ ...first, taskCount: 2 });
  pass(5);
  expect(core.state.researchers.get('ada')).toMatchObject({ leases: 2, waitingTasks: 0 });
  expect(core.state.waitingJobs.size).toBe(0);
});

test('the same change again, or the same request, changes nothing', () => {
  pass(20);
  update(other, 'once');
  pass(60);
  update(first, 'twice');
  const revisions = core.state.jobById.get(web)?.revisions;
  update(other, 'once');
  update({ ...first }, 'another');
  expect(core.state.jobById.get(web)?.revisions).toBe(revisions);
});

test.each([
  ['a job with tasks', () => ({ ...other, service: null }), 'service'],
  ['another name', () => ({ ...other, name: 'else' }), 'name'],
  ['an architecture that nobody has', noArchitecture, 'bundles'],
  ['more than may wait', tooMany, 'tasks'],
] as const)('is refused: %s', (_, change, field) => {
  expect(update(change())).toMatchObject({ kind: 'refused', field });
  expect(core.state.jobById.get(web)?.template).toEqual(first);
});

function noArchitecture(): JobTemplate {
  const bundles = first.bundles.map((each) => ({ ...each, architecture: 'x86_64' as const }));
  return { ...other, bundles };
}

function tooMany(): JobTemplate {
  core.give({ kind: 'setResearcher', name: 'ada', settings: { maxWaitingTasks: 10 } });
  return { ...first, taskCount: 14 };
}

test('jobs that end, and services that were stopped, stay as they were', () => {
  core.submit('batch');
  const batch = {
    kind: 'updateJob' as const,
    jobId: jobId('batch'),
    requestId: 'x',
    template: other,
  };
  expect(core.give(batch).answer).toMatchObject({ field: 'job_id' });
  core.give({ kind: 'cancelJob', jobId: web });
  expect(update(other)).toMatchObject({ kind: 'refused', code: 'failed_precondition' });
});

test('a changed program is fetched again', () => {
  pass(20);
  expect(core.state.jobById.get(web)?.holders.size).toBe(core.state.nodes.length);
  const bundles = first.bundles.map((each) => ({ ...each, sizeBytes: 50_000 }));
  update({ ...first, bundles });
  core.wait(1_000);
  const bytes = [...core.state.leases.values()].map((lease) => lease.downBytes);
  expect(Math.max(...bytes)).toBe(50_000);
});

test('what a replica used of its site follows its change', () => {
  pass(20);
  update({ ...other, service: { rates: { ...rates, downBps: 5_000 } } });
  pass(60);
  const sum = core.state.sites.reduce((all, { serving }) => all + serving.downBps, 0);
  expect(sum).toBe(15_000);
  const lease = [...core.state.leases.values()][0]?.leaseId as LeaseId;
  expect(core.state.leases.get(lease)?.rates.downBps).toBe(5_000);
});
