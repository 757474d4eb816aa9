// Services: replicas that run until they are stopped, whatever ends their attempts.

import { expect, test } from 'vitest';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { imageOf, jobId, nodeId, stateOf } from '../../../scheduler/core/index.ts';
import type { Replica } from '../../../scheduler/core/model/service.ts';
import { CoreHarness, heldBy, template } from './harness.ts';
import type { Granted } from './service-harness.ts';
import {
  endWith,
  federation,
  hourMs,
  minuteMs,
  only,
  pass,
  rates,
  service,
} from './service-harness.ts';

function replica(core: CoreHarness): Replica | null | undefined {
  return core.view.task(jobId('web'), 0)?.replica;
}

test.each([
  'succeeded',
  'exited',
  'timeout',
  'lost',
  'owner',
  'given_back',
  'not_started',
] as const)(
  'a replica whose attempt ended with %s is placed again, and its retries never run out',
  (code) => {
    const core = federation(1);
    core.submit('web', { ...service(), taskCount: 1, retries: 0 });
    for (let round = 1; round <= 60; round += 1) {
      endWith(core, only(core), code);
      expect(replica(core)?.restarts).toBe(round);
      pass(core, 16 * minuteMs);
    }
    expect(core.view.job(jobId('web'))).toMatchObject({ state: 'active', restarts: 60 });
    expect(core.view.job(jobId('web'))?.counts).toMatchObject({ failed: 0, succeeded: 0 });
  },
);

test('a replica that ends soon rests, twice as long each time up to a bound', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 1 });
  const rests: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    endWith(core, only(core), 'succeeded');
    const restMs = (replica(core)?.restsUntil ?? 0) - core.nowMs;
    rests.push(restMs / 1_000);
    core.wait(restMs - 1);
    expect(core.take('grant')).toEqual([]);
    core.wait(1);
  }
  expect(rests).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
});

test('one that had settled is placed again at once, and starts over with its rests', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 1 });
  for (let round = 0; round < 4; round += 1) {
    endWith(core, only(core), 'succeeded');
    core.wait(40_000);
  }
  pass(core, 10 * minuteMs);
  endWith(core, only(core), 'succeeded');
  const again = only(core);
  expect(replica(core)).toMatchObject({ quickEnds: 0, restsUntil: 0 });
  endWith(core, again, 'succeeded');
  expect(replica(core)?.quickEnds).toBe(1);
});

test('rests and restarts outlive the scheduler', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 1 });
  endWith(core, only(core), 'exited');
  core.state = stateOf(imageOf(core.state));
  core.speak('pi 0.0', { held: [] });
  expect(replica(core)).toMatchObject({ restarts: 1, quickEnds: 1 });
  expect(core.take('grant')).toEqual([]);
  core.wait(5_000);
  only(core);
});

test('an attempt that was thought lost is not needed any more once its replica is elsewhere', () => {
  const core = federation(1, 1);
  core.submit('web', { ...service(), taskCount: 1 });
  const first = only(core);
  const [gone, other] =
    first.nodeId === nodeId('pi 0.0') ? ['pi 0.0', 'pi 1.0'] : ['pi 1.0', 'pi 0.0'];
  core.give({ kind: 'nodeDisconnected', nodeId: nodeId(gone) });
  for (let minute = 0; minute < 16; minute += 1) {
    core.wait(minuteMs);
    core.speak(other, { held: [] });
  }
  const second = only(core);
  expect(second.nodeId).toBe(nodeId(other));
  expect([...core.state.leases.keys()]).toEqual([second.leaseId]);
  core.take('cancel');
  core.speak(gone, { held: [first.leaseId] });
  expect(core.take('cancel')).toMatchObject([{ leaseId: first.leaseId }]);
  endWith(core, first, 'cancelled');
  expect(core.view.job(jobId('web'))?.counts).toMatchObject({ waiting: 0, staging: 1 });
});

test('a drained node gives its replicas away, and keeps its tasks', () => {
  const core = federation(1, 1);
  core.submit('web', { ...service(), taskCount: 2 });
  core.submit('batch', { taskCount: 2 });
  const held = core.take('grant').filter((grant) => grant.nodeId === nodeId('pi 0.0'));
  const [replica] = held.filter((grant) => grant.jobId === jobId('web'));
  core.give({ kind: 'drainNodes', of: { nodeId: nodeId('pi 0.0') }, isDraining: true });
  expect(core.take('cancel').map(({ leaseId }) => leaseId)).toEqual([replica?.leaseId]);
  core.wait(5_000);
  expect(only(core).nodeId).toBe(nodeId('pi 1.0'));
  expect(core.state.nodes[0]?.leases.length).toBe(held.length - 1);
});

test('a replica that loses its node again and again is placed again', () => {
  const core = federation(1, 1);
  core.submit('web', { ...service(), taskCount: 1, lostAfterMs: minuteMs });
  for (let round = 0; round < 40; round += 1) {
    const { nodeId: node } = only(core);
    const other = node === nodeId('pi 0.0') ? 'pi 1.0' : 'pi 0.0';
    core.speak(other, { held: [] });
    core.give({ kind: 'nodeDisconnected', nodeId: nodeId(node) });
    for (let minute = 0; minute < 7; minute += 1) {
      core.wait(minuteMs);
      core.speak(other, { held: heldBy(core.state.nodeById.get(nodeId(other))) });
    }
  }
  expect(core.view.job(jobId('web'))?.counts).toMatchObject({ failed: 0, staging: 1 });
});

test('the slot of a replica is free when its process has ended, and taken once', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 1 });
  const { nodeId: node, leaseId } = only(core);
  core.speak(node, { started: [leaseId] });
  expect(core.state.nodes[0]).toMatchObject({ serving: 1, sending: 0 });
  core.speak(node, { exited: [leaseId] });
  expect(core.state.nodes[0]).toMatchObject({ serving: 0, sending: 1 });
  endWith(core, { nodeId: node, leaseId, taskIndex: 0 }, 'exited');
  expect(core.state.nodes[0]).toMatchObject({ serving: 0, sending: 0 });
});

test('a researcher is charged rate times time, as it passes and over a restart', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 2 });
  const used = (): number => core.view.shares()[0]?.workGhzSeconds ?? 0;
  pass(core, hourMs);
  // Two replicas of 0.5 GHz for an hour; what is older counts a little less.
  expect(used()).toBeGreaterThan(0.98 * 3_600);
  expect(used()).toBeLessThan(3_600);
  core.state = stateOf(imageOf(core.state));
  pass(core, hourMs);
  expect(used()).toBeGreaterThan(0.96 * 7_200);
  const bits = core.view.shares()[0]?.bits ?? 0;
  expect(bits / used()).toBeCloseTo((rates.downBps + rates.upBps) / rates.cpuGhz);
  core.give({ kind: 'cancelJob', jobId: jobId('web') });
  const before = used();
  pass(core, hourMs);
  expect(used()).toBeLessThan(before);
});

test('a service takes its turn: whoever has had less comes first', () => {
  const core = federation(1);
  core.submit('web', { ...service({ cpuGhz: 1.2, downBps: 0, upBps: 0 }), taskCount: 4 });
  core.take('grant');
  core.submit('more', { ...service({ downBps: 0, upBps: 0 }), taskCount: 8 });
  core.give({
    ...{ kind: 'submitJob', jobId: jobId('bob'), researcher: 'bob', requestId: 'bob' },
    template: { ...core.state.jobById.get(jobId('web'))?.template, taskCount: 2 } as JobTemplate,
  });
  core.node('pi new', 'site 0');
  const jobs = core.take('grant').map((grant) => grant.jobId);
  expect(jobs.slice(0, 2)).toEqual([jobId('bob'), jobId('bob')]);
  expect(jobs).toHaveLength(4);
});

test('replicas count before they have run: those of others get their turn between them', () => {
  const core = federation(1);
  core.give({ kind: 'drainNodes', of: { nodeId: nodeId('pi 0.0') }, isDraining: true });
  for (const researcher of ['ada', 'bob']) {
    const ids = { jobId: jobId(researcher), researcher, requestId: researcher };
    const job = { ...service({ downBps: 0, upBps: 0 }), name: researcher, taskCount: 4 };
    core.give({ kind: 'submitJob', ...ids, template: template(job) });
  }
  core.give({ kind: 'drainNodes', of: { nodeId: nodeId('pi 0.0') }, isDraining: false });
  const granted = core.take('grant').map((grant) => grant.jobId);
  expect(granted.sort()).toEqual(['ada', 'ada', 'bob', 'bob'].map(jobId));
});

test('a replica has no timeout, no backup and no estimated end', () => {
  const core = federation(1, 1);
  core.submit('web', {
    ...service(),
    taskCount: 1,
    profile: { workGhzSeconds: 1, outputBytes: 0 },
  });
  const { nodeId: node, leaseId } = only(core);
  core.speak(node, { started: [leaseId] });
  pass(core, 48 * hourMs);
  expect([...core.state.leases.keys()]).toEqual([leaseId]);
  expect(core.view.job(jobId('web'))?.forecast).toBeNull();
});

test('a cancelled service is started again by a retry', () => {
  const core = federation(1);
  core.submit('web', service());
  endWith(core, core.take('grant')[0] as Granted, 'exited');
  core.give({ kind: 'cancelJob', jobId: jobId('web') });
  const request = { requestId: 'again', indexes: null };
  core.give({ kind: 'retryTasks', jobId: jobId('web'), ...request });
  expect(core.take('grant')).toHaveLength(3);
});

test('no job waits for a service', () => {
  const core = federation(1);
  core.submit('web', service());
  const { answer } = core.submit('later', { after: [jobId('web')] });
  expect(answer).toMatchObject({ kind: 'refused', field: 'after[0]' });
});

test.each([
  ['placed', 0, 'Of 3 replicas, 3 are on nodes and 0 wait.'],
  [
    'resting',
    1,
    'Of 3 replicas, 2 are on nodes and 1 wait. Replica 0 rests for another 5 s: it ended soon after it had been placed (punnet logs web 0).',
  ],
] as const)('says how it is: %s', (_, ended, expected) => {
  const core = federation(1);
  core.submit('web', service());
  for (const grant of core.take('grant').slice(0, ended)) endWith(core, grant, 'exited');
  expect(core.view.explain(jobId('web'), null)?.summary).toBe(expected);
});
