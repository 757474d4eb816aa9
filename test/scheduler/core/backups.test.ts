// Backup attempts: when idle slots are given to the tail of a job, and what becomes of both attempts.

import { describe, expect, it } from 'vitest';
import type { JobTemplate, LeaseId } from '../../../scheduler/core/index.ts';
import { imageOf, jobId, leaseId, nodeId, stateOf } from '../../../scheduler/core/index.ts';
import { CoreHarness, heldBy, pi3 } from './harness.ts';

const pi1 = { ...pi3, slots: 1, speedGhz: 0.4 };
const job = jobId('job');

/** The task runs at a Pi 1, where it takes 500 s; a Pi 3 comes later, where it takes 167 s. */
function withTail(changes: Partial<JobTemplate> = {}) {
  const core = new CoreHarness();
  core.setSite('home', 10e6);
  core.node('slow', 'home', pi1);
  const profile = { workGhzSeconds: 200, outputBytes: 0 };
  core.submit('job', { taskCount: 1, profile, ...changes });
  const first = core.take('grant')[0]?.leaseId ?? leaseId(0);
  core.speak('slow', { started: [first], held: [first] });
  return { core, first };
}

/** As long as both nodes report that they hold what they hold. */
function pass(core: CoreHarness, seconds: number): void {
  for (let left = seconds; left > 0; left -= 5) {
    core.wait(5_000);
    for (const node of core.state.nodes) core.speak(node.nodeId, { held: heldBy(node) });
  }
}

function withBackup(changes: Partial<JobTemplate> = {}) {
  const { core, first } = withTail(changes);
  core.node('fast', 'home');
  pass(core, 10);
  const [grant] = core.take('grant');
  const second: LeaseId = grant?.leaseId ?? leaseId(0);
  core.speak('fast', { started: [second], held: [second] });
  return { core, first, second };
}

const countsOf = (core: CoreHarness) => core.view.job(job)?.counts;

describe('a backup attempt starts', () => {
  it('on an idle faster slot that is expected to be done clearly earlier', () => {
    const { core } = withBackup();
    expect(core.view.task(job, 0)).toMatchObject({ nodeName: 'slow', backupNodeName: 'fast' });
    expect(countsOf(core)).toMatchObject({ running: 1, staging: 0 });
    expect(core.view.explain(job, 0)?.summary).toContain('A backup attempt is at fast');
    expect(core.view.explain(job, null)?.summary).toContain('1 backup attempt on idle slots');
    pass(core, 60);
    expect(core.take('grant')).toEqual([]);
  });

  it.each<
    [why: string, template: Partial<JobTemplate>, node: Partial<typeof pi3>, seconds: number]
  >([
    ['the idle slot is as slow', {}, { speedGhz: 0.4 }, 10],
    ['the first is nearly done', {}, {}, 495],
    ['little would be saved', { profile: { workGhzSeconds: 15, outputBytes: 0 } }, {}, 10],
    ['nobody knows what it costs', { profile: { workGhzSeconds: null, outputBytes: 0 } }, {}, 10],
    ['it does not fit', { memoryBytes: 1e8 }, { memoryBytes: 9e7 }, 10],
    ['its inputs would take too long', { taskInputBytes: [300e6] }, {}, 10],
  ])('never when %s', (_, changes, node, seconds) => {
    const { core } = withTail(changes);
    if (seconds > 10) pass(core, seconds);
    core.node('fast', 'home', { ...pi3, ...node });
    pass(core, 10);
    expect(core.take('grant')).toEqual([]);
  });

  it('when an attempt runs far over its time, even on a slot that is no faster', () => {
    const { core } = withTail();
    core.node('equal', 'home', pi1);
    pass(core, 1_200);
    expect(core.take('grant')).toEqual([]);
    pass(core, 100);
    expect(core.take('grant')).toMatchObject([{ nodeId: 'equal' }]);
  });

  it('only when nothing of the job waits, for one task or a tenth, one at a site each time', () => {
    const core = new CoreHarness();
    core.setSite('home', 1e9);
    core.setSite('school', 1e9);
    for (let node = 0; node < 30; node += 1) core.node(`slow ${node}`, 'home', pi1);
    core.submit('job', { taskCount: 60, profile: { workGhzSeconds: 200, outputBytes: 0 } });
    const grants = core.take('grant');
    expect(grants).toHaveLength(60);
    for (const { nodeId: node, leaseId: lease } of grants.slice(0, 30)) {
      core.speak(node, { started: [lease] });
    }
    for (let node = 0; node < 5; node += 1) core.node(`fast ${node}`, 'school');
    pass(core, 5);
    expect(core.take('grant').length).toBeLessThanOrEqual(1);
    pass(core, 120);
    expect(core.state.jobs.get(0)?.backups.size).toBe(6);
    // Those that wait for a slot behind another task have the longest to go.
    expect(Math.min(...(core.state.jobs.get(0)?.backups.keys() ?? []))).toBeGreaterThanOrEqual(30);
  });

  it('not beyond the leases that the operator allows', () => {
    const { core } = withTail();
    core.give({ kind: 'setResearcher', name: 'ada', settings: { maxLeases: 1 } });
    core.node('fast', 'home');
    pass(core, 10);
    expect(core.take('grant')).toEqual([]);
  });
});

describe('with two attempts of a task', () => {
  it.each([
    ['slow', 'fast'],
    ['fast', 'slow'],
  ])('the first valid result wins: from %s', (winner, loser) => {
    const { core, first, second } = withBackup();
    const [won, lost] = winner === 'slow' ? [first, second] : [second, first];
    core.end(winner, won, 'succeeded');
    expect(core.take('cancel')).toMatchObject([{ nodeId: loser, leaseId: lost }]);
    expect(core.view.task(job, 0)).toMatchObject({ nodeName: winner, backupNodeName: '' });
    const why = core.view.task(job, 0)?.placement ?? '';
    expect(why.includes('backup')).toBe(winner === 'fast');
    const grantedAt = core.view.task(job, 0)?.leasedAt ?? 0;
    expect(grantedAt - (core.view.job(job)?.submittedAt ?? 0) > 0).toBe(winner === 'fast');
    core.take('acknowledge');
    core.end(loser, lost, 'succeeded');
    expect(core.take('acknowledge')).toMatchObject([{ leaseId: lost }]);
    expect(countsOf(core)).toMatchObject({ succeeded: 1, running: 0, staging: 0 });
    expect(core.view.nodes().map((node) => node.leases)).toEqual([0, 0]);
    expect(core.state.sites[0]?.pendingWorkGhzSeconds).toBe(0);
  });

  it.each([
    ['slow', 'fast'],
    ['fast', 'slow'],
  ])('the failure at %s leaves the task to the other', (loser, winner) => {
    const { core, first, second } = withBackup({ retries: 0 });
    const [lost, won] = loser === 'slow' ? [first, second] : [second, first];
    core.end(loser, lost, 'exited');
    expect(core.take('cancel')).toEqual([]);
    expect(countsOf(core)).toMatchObject({ running: 1, waiting: 0, failed: 0 });
    expect(core.view.task(job, 0)).toMatchObject({ nodeName: winner, failures: 1 });
    core.end(winner, won, 'succeeded');
    expect(countsOf(core)).toMatchObject({ succeeded: 1, running: 0 });
  });

  it('there is no third when one of them was the last that the retries allow', () => {
    const { core, first, second } = withBackup({ retries: 0 });
    core.end('fast', second, 'exited');
    pass(core, 120);
    expect(core.take('grant')).toEqual([]);
    core.end('slow', first, 'exited');
    expect(countsOf(core)).toMatchObject({ failed: 1, running: 0 });
  });

  it('both failures count, and the last one fails the task', () => {
    const { core, first, second } = withBackup({ retries: 0 });
    core.end('fast', second, 'exited');
    core.end('slow', first, 'exited');
    expect(countsOf(core)).toMatchObject({ failed: 1, running: 0 });
    expect(core.view.task(job, 0)?.failures).toBe(2);
  });
});

describe('when more than an attempt ends', () => {
  it('the loss of both nodes in one moment makes the task wait again', () => {
    const { core, first, second } = withBackup();
    core.wait(8 * 60_000);
    core.wait(16 * 60_000);
    expect(countsOf(core)).toMatchObject({ waiting: 1, running: 0, staging: 0 });
    core.end('fast', second, 'succeeded');
    core.end('slow', first, 'succeeded');
    expect(countsOf(core)).toMatchObject({ succeeded: 1, waiting: 0 });
  });

  it('a revoked node leaves its task to the other, and a cancelled job ends both', () => {
    const { core, second } = withBackup();
    core.give({ kind: 'revokeNode', nodeId: nodeId('slow') });
    expect(core.view.task(job, 0)).toMatchObject({ nodeName: 'fast', phase: 'running' });
    core.give({ kind: 'cancelJob', jobId: job });
    expect(core.take('cancel')).toContainEqual({ kind: 'cancel', nodeId: 'fast', leaseId: second });
    expect(countsOf(core)).toMatchObject({ cancelled: 1, running: 0 });
  });

  it('a snapshot keeps both', () => {
    const { core, first, second } = withBackup();
    core.state = stateOf(imageOf(core.state));
    expect(core.view.task(job, 0)).toMatchObject({ nodeName: 'slow', backupNodeName: 'fast' });
    core.end('fast', second, 'succeeded');
    expect(core.take('cancel')).toMatchObject([{ nodeId: 'slow', leaseId: first }]);
  });
});
