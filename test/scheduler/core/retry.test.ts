// Failed tasks run again; jobs that have ended are deleted.

import { expect, test } from 'vitest';
import type { Decision } from '../../../scheduler/core/index.ts';
import { imageOf, jobId, stateOf } from '../../../scheduler/core/index.ts';
import { CoreHarness, pi3 } from './harness.ts';

/** Tasks 1 and 2 of three have failed for good. */
function failed(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 100e6);
  core.node('pi', 'home');
  core.submit('job', { taskCount: 3, retries: 0 });
  for (const { leaseId, taskIndex } of core.take('grant')) {
    core.end('pi', leaseId, taskIndex === 0 ? 'succeeded' : 'exited');
  }
  return core;
}

function retry(core: CoreHarness, indexes: number[] | null = null, requestId = 'r'): Decision {
  return core.give({ kind: 'retryTasks', jobId: jobId('job'), requestId, indexes });
}

test('failed tasks wait again with all their retries, the job is active and can succeed', () => {
  const core = failed();
  expect(core.view.job(jobId('job'))?.state).toBe('failed');
  expect(retry(core).answer).toEqual({ kind: 'retried', tasks: 2 });
  expect(core.view.job(jobId('job'))).toMatchObject({ state: 'active', endedAt: null });
  const grants = core.take('grant');
  expect(grants.map(({ taskIndex }) => taskIndex)).toEqual([1, 2]);
  expect(core.view.task(jobId('job'), 1)).toMatchObject({ failures: 0, losses: 0 });
  for (const { leaseId } of grants) core.end('pi', leaseId, 'succeeded');
  core.wait(0);
  expect(core.view.job(jobId('job'))).toMatchObject({
    state: 'succeeded',
    counts: { succeeded: 3, failed: 0 },
  });
});

test('the same request again changes nothing, after a restart too', () => {
  const core = failed();
  retry(core);
  core.state = stateOf(imageOf(core.state));
  expect(retry(core)).toMatchObject({ facts: [], answer: { kind: 'retried', tasks: 0 } });
});

test('tasks of an active job may be retried, one by one', () => {
  const core = failed();
  expect(retry(core, [2, 2]).answer).toEqual({ kind: 'retried', tasks: 1 });
  expect(core.view.job(jobId('job'))?.counts).toMatchObject({ failed: 1 });
  expect(retry(core, [1], 'another').answer).toEqual({ kind: 'retried', tasks: 1 });
  expect(core.view.job(jobId('job'))?.counts).toMatchObject({ failed: 0 });
});

test('tasks of a cancelled job wait again, in few numbers', () => {
  const core = failed();
  core.submit('other', { taskCount: 1_000 });
  core.give({ kind: 'cancelJob', jobId: jobId('other') });
  core.take('grant');
  const again = {
    kind: 'retryTasks',
    jobId: jobId('other'),
    requestId: 'r',
    indexes: null,
  } as const;
  expect(core.give(again).facts).toMatchObject([{ ranges: [0, 1_000] }]);
  expect(core.state.researchers.get('ada')?.waitingTasks).toBe(1_000 - core.take('grant').length);
});

test.each([
  ['a task that did not fail', [0], 'failed_precondition', /Task 0 of job job is succeeded/],
  ['no such task', [3], 'invalid', /no task 3 in job job: it has 3/],
] as const)('%s is refused, and nothing changes', (_, indexes, code, reason) => {
  const core = failed();
  const { facts, answer } = retry(core, [1, ...indexes]);
  expect(facts).toEqual([]);
  expect(answer).toMatchObject({ code, reason: expect.stringMatching(reason) as string });
});

test('with nothing to retry, or over the quota, it is refused', () => {
  const core = failed();
  core.give({ kind: 'setResearcher', name: 'ada', settings: { maxWaitingTasks: 1 } });
  expect(retry(core).answer).toMatchObject({ code: 'exhausted' });
  core.submit('fine', { taskCount: 1 });
  const fine = { kind: 'retryTasks', jobId: jobId('fine'), requestId: 'r', indexes: null } as const;
  expect(core.give(fine).answer).toMatchObject({ code: 'failed_precondition' });
});

test('one that waited for a failed job is retried after that one', () => {
  const core = failed();
  core.submit('first', { taskCount: 1, retries: 0 });
  core.submit('then', { after: [jobId('first')] });
  core.give({ kind: 'cancelJob', jobId: jobId('first') });
  const again = (name: string): Decision =>
    core.give({ kind: 'retryTasks', jobId: jobId(name), requestId: name, indexes: null });
  expect(again('then').answer).toMatchObject({
    reason: expect.stringMatching(
      /waits for job first \(first\), which was cancelled: retry/,
    ) as string,
  });
  expect(again('first').answer).toMatchObject({ kind: 'retried' });
  expect(again('then').answer).toMatchObject({ kind: 'retried', tasks: 4 });
  core.wait(10 * 60_000);
  expect(new Set(core.take('grant').map((grant) => String(grant.jobId)))).not.toContain('then');
  expect(core.view.job(jobId('then'))).toMatchObject({ waitsFor: ['first'], endReason: '' });
});

test('only a job that has ended is deleted, and then there is none', () => {
  const core = failed();
  core.submit('busy');
  const remove = (name: string): Decision['answer'] =>
    core.give({ kind: 'deleteJob', jobId: jobId(name) }).answer;
  expect(remove('busy')).toMatchObject({
    code: 'failed_precondition',
    reason: 'Job busy is active: cancel it first (punnet cancel busy).',
  });
  expect(remove('job')).toEqual({ kind: 'done' });
  expect(core.view.job(jobId('job'))).toBeUndefined();
  expect(core.state.taskCount).toBe(4);
  expect(remove('job')).toMatchObject({ code: 'not_found' });
});

test.each([
  [true, ['0 one', '1 one', '2 two', '3 two']],
  [undefined, ['0 one', '1 two', '2 one', '3 two']],
])('a task with a checkpoint (%s) goes where it ran before', (keepsCheckpoint, wanted) => {
  const core = new CoreHarness();
  core.setSite('home', 100e6);
  const oneSlot = { ...pi3, slots: 1 };
  core.node('one', 'home', oneSlot);
  core.submit('job', { taskCount: 4, retries: 0, ...(keepsCheckpoint && { keepsCheckpoint }) });
  // The first node holds what it takes at a time; the second comes when the rest waits.
  core.node('two', 'home', oneSlot);
  const first = core.take('grant');
  expect(first.map(({ nodeId }) => nodeId)).toEqual(['one', 'one', 'two', 'two']);
  for (const { nodeId, leaseId } of first) core.end(nodeId, leaseId, 'exited');
  core.wait(24 * 3_600_000);
  for (const name of ['one', 'two']) core.speak(name, { held: [] });
  core.take('grant');
  retry(core);
  const again = core.take('grant').map(({ taskIndex, nodeId }) => `${taskIndex} ${nodeId}`);
  expect(again.toSorted()).toEqual(wanted);
});

test('a job that waited for one that was deleted is not started again: it would wait for ever', () => {
  const core = failed();
  core.submit('first', { taskCount: 1 });
  core.submit('second', { taskCount: 1, after: [jobId('first')] });
  core.give({ kind: 'cancelJob', jobId: jobId('first') });
  core.give({ kind: 'deleteJob', jobId: jobId('first') });
  const request = { requestId: 'r', indexes: null };
  const { answer } = core.give({ kind: 'retryTasks', jobId: jobId('second'), ...request });
  expect(answer).toMatchObject({ kind: 'refused', code: 'failed_precondition' });
  expect(core.view.job(jobId('second'))?.state).toBe('cancelled');
});
