// When a job will have ended, what keeps it, and which nodes fit.

import { expect, test } from 'vitest';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { instant, jobId, leaseId, nodeId } from '../../../scheduler/core/index.ts';
import { CoreHarness, pi3, template } from './harness.ts';

/** Of no size, so that the CPUs bind. */
const bundles = template().bundles.map((bundle) => ({ ...bundle, sizeBytes: 0 }));

/** One Pi 3 on a fast line; tasks take 10 s on one of its four slots. */
function home(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 1e9);
  core.node('pi', 'home');
  return core;
}

const twelve = { profile: { workGhzSeconds: 12, outputBytes: 0 }, bundles };

function submit(core: CoreHarness, name: string, changes: Partial<JobTemplate>, who = 'ada'): void {
  core.give({
    ...{ kind: 'submitJob', jobId: jobId(name), researcher: who, requestId: name },
    template: template({ name, ...twelve, ...changes }),
  });
}

function secondsLeft(core: CoreHarness, name: string): number {
  const endsAt = core.view.job(jobId(name))?.forecast?.endsAt ?? Number.NaN;
  return (endsAt - core.nowMs) / 1000;
}

test('a job alone ends when the slots have done its tasks', () => {
  const core = home();
  submit(core, 'job', { taskCount: 40 });
  expect(secondsLeft(core, 'job')).toBeCloseTo(100, 2);
  expect(core.view.job(jobId('job'))?.forecast).toMatchObject({
    boundBy: 'cpu',
    basis: 'declared',
  });
});

test('a job comes after the earlier ones of its researcher', () => {
  const core = home();
  submit(core, 'first', { taskCount: 40 });
  submit(core, 'second', { taskCount: 40 });
  expect([secondsLeft(core, 'first'), secondsLeft(core, 'second')]).toEqual([
    expect.closeTo(100, 2),
    expect.closeTo(200, 2),
  ]);
});

test('others get their part in the meantime, and no more than they want', () => {
  const core = home();
  submit(core, 'mine', { taskCount: 48 });
  submit(core, 'long', { taskCount: 4_000 }, 'bob');
  submit(core, 'short', { taskCount: 20 }, 'eve');
  // 8 of mine are on nodes; then 40 of bob's and all 20 of eve's come between my 40.
  expect(secondsLeft(core, 'mine')).toBeCloseTo((8 + 40 + 40 + 20) * 2.5, 0);
});

test('what runs counts for what it has done', () => {
  const core = home();
  submit(core, 'job', { taskCount: 4 });
  const held = core.take('grant').map(({ leaseId }) => leaseId);
  core.speak('pi', { held, started: held });
  core.wait(6_000);
  expect(secondsLeft(core, 'job')).toBeCloseTo(4, 2);
  core.wait(60_000);
  expect(secondsLeft(core, 'job')).toBeCloseTo(1, 2);
});

test('a job that fits nowhere never ends, and is late for any deadline', () => {
  const core = home();
  submit(core, 'big', { memoryBytes: 8e9, deadlineAt: instant(core.nowMs + 1e9) });
  expect(core.view.job(jobId('big'))).toMatchObject({
    forecast: { endsAt: null, boundBy: 'nothing fits' },
    isLate: true,
  });
});

test('one that waits for another has no forecast, and is late when its time is over', () => {
  const core = home();
  submit(core, 'first', {});
  const deadlineAt = instant(core.nowMs + 60_000);
  submit(core, 'then', { after: [jobId('first')], deadlineAt });
  expect(core.view.job(jobId('then'))).toMatchObject({ forecast: null, isLate: false });
  core.nowMs += 61_000;
  expect(core.view.job(jobId('then'))?.isLate).toBe(true);
});

test.each([
  [101_000, false],
  [99_000, true],
])('a deadline in %i ms for 100 s of work is late: %s', (spanMs, isLate) => {
  const core = home();
  submit(core, 'job', { taskCount: 40, deadlineAt: instant(core.nowMs + spanMs) });
  expect(core.view.job(jobId('job'))?.isLate).toBe(isLate);
});

test('a dry run tells who fits, who does not and when it would end, and changes nothing', () => {
  const core = home();
  core.setSite('school', 1e9);
  core.node('old', 'school', { ...pi3, memoryBytes: 100_000_000 });
  const draft = template({ ...twelve, taskCount: 40, memoryBytes: 500_000_000 });
  const before = JSON.stringify([...core.state.jobs.values()]);
  const found = core.view.dryRun({ researcher: 'ada', template: draft });
  expect(found).toMatchObject({
    ...{ fittingNodes: 1, fittingSites: 1, isLate: false },
    refusals: [{ code: 'memory', count: 1, sites: 1 }],
    sites: [
      { siteId: 'home', nodes: 1, fitting: 1 },
      { siteId: 'school', nodes: 1, fitting: 0 },
    ],
    forecast: { boundBy: 'cpu', basis: 'declared' },
  });
  expect(JSON.stringify([...core.state.jobs.values()])).toBe(before);
  expect(core.state.nextJobNumber).toBe(0);
});

test('nodes that run empty do no more: without others a job never ends', () => {
  const core = home();
  core.node('other', 'home');
  submit(core, 'job', { taskCount: 400 });
  const both = secondsLeft(core, 'job');
  const drain = (node: string): void =>
    void core.give({ kind: 'drainNodes', of: { nodeId: nodeId(node) }, isDraining: true });
  drain('pi');
  core.wait(1_000);
  expect(secondsLeft(core, 'job')).toBeGreaterThan(1.9 * both);
  drain('other');
  core.wait(1_000);
  const never = { endsAt: null, boundBy: 'nothing fits' };
  expect(core.view.job(jobId('job'))?.forecast).toMatchObject(never);
  const draft = template({ ...twelve, taskCount: 4 });
  const found = core.view.dryRun({ researcher: 'ada', template: draft });
  expect(found).toMatchObject({ fittingNodes: 0, forecast: never });
});

test('a dry run names the jobs that are still to be waited for', () => {
  const core = home();
  core.submit('done', { taskCount: 1 });
  for (const { nodeId: node, leaseId } of core.take('grant')) core.end(node, leaseId, 'succeeded');
  core.submit('open', { taskCount: 1 });
  const draft = template({ after: [jobId('done'), jobId('open')] });
  const found = core.view.dryRun({ researcher: 'ada', template: draft });
  expect(found).toMatchObject({ waitsFor: ['open'], forecast: null });
});

test('what is on nodes is bound by its line while bytes take longest', () => {
  const core = new CoreHarness();
  core.setSite('home', 1e6);
  core.node('pi', 'home');
  const big = template().bundles.map((bundle) => ({ ...bundle, sizeBytes: 10_000_000 }));
  submit(core, 'job', { taskCount: 1, bundles: big });
  const forecast = () => core.view.job(jobId('job'))?.forecast;
  expect(forecast()).toMatchObject({ boundBy: 'uplink down' });
  expect(secondsLeft(core, 'job')).toBeCloseTo(90, 2);
  const [grant] = core.take('grant');
  core.speak('pi', { started: [grant?.leaseId ?? leaseId(0)] });
  core.wait(2_000);
  expect(forecast()).toMatchObject({ boundBy: 'cpu' });
});
