// Jobs that wait for others.

import { expect, test } from 'vitest';
import type { LeaseId } from '../../../scheduler/core/index.ts';
import { imageOf, jobId, leaseId, stateOf } from '../../../scheduler/core/index.ts';
import { CoreHarness } from './harness.ts';

const none = { job: '', leaseId: leaseId(0) };

/** One node of four slots; `first` has one task, and runs. */
function chain(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 100e6);
  core.node('pi', 'home');
  core.submit('first', { taskCount: 1, retries: 0 });
  core.submit('second', { after: [jobId('first')] });
  core.submit('third', { after: [jobId('second'), jobId('first')] });
  return core;
}

function firstLease(core: CoreHarness): LeaseId {
  const [first] = grants(core);
  if (first === undefined) throw new Error('nothing was granted');
  return first.leaseId;
}

function grants(core: CoreHarness) {
  return core.take('grant').map(({ jobId: job, leaseId }) => ({ job, leaseId }));
}

function stateOfJob(core: CoreHarness, name: string) {
  const job = core.view.job(jobId(name));
  return [job?.state, job?.waitsFor.join(' '), job?.endReason];
}

test('a job waits until each job that it names has succeeded, a restart in between', () => {
  const core = chain();
  const [first = none, ...others] = grants(core);
  expect([first.job, others]).toEqual(['first', []]);
  expect(core.view.explain(jobId('second'), null)?.summary).toBe(
    'The job waits for job first (first): 0 of its 1 tasks have ended.',
  );
  expect(core.view.explain(jobId('third'), 2)?.summary).toMatch(
    /waits for job second \(second\) and 1 more/,
  );
  core.state = stateOf(imageOf(core.state));
  expect(core.end('pi', first.leaseId, 'succeeded').facts).not.toEqual([]);
  core.wait(0);
  const next = grants(core);
  expect(new Set(next.map(({ job }) => job))).toEqual(new Set(['second']));
  expect(stateOfJob(core, 'third')).toEqual(['active', 'second', '']);
  for (const { leaseId } of next) core.end('pi', leaseId, 'succeeded');
  core.wait(0);
  expect(grants(core).map(({ job }) => job)).toEqual(['third', 'third', 'third', 'third']);
});

test('when it fails, those that wait for it are cancelled, and say why', () => {
  const core = chain();
  core.end('pi', firstLease(core), 'exited');
  expect(stateOfJob(core, 'first')).toEqual(['failed', '', '']);
  const why = 'it waited for job first (first), which has failed';
  expect(stateOfJob(core, 'second')).toEqual(['cancelled', 'first', why]);
  expect(stateOfJob(core, 'third')[0]).toBe('cancelled');
  expect(core.view.explain(jobId('second'), null)?.summary).toBe(`The job was cancelled: ${why}.`);
  expect(core.take('grant')).toEqual([]);
  expect(core.state.researchers.get('ada')?.waitingTasks).toBe(0);
  const restarted = stateOf(imageOf(core.state));
  expect(restarted.jobById.get(jobId('second'))?.cancelledBecause).toMatchObject({
    state: 'failed',
  });
});

test('when it is cancelled, all that hang on it are cancelled in turn', () => {
  const core = chain();
  core.give({ kind: 'cancelJob', jobId: jobId('second') });
  expect(stateOfJob(core, 'second')).toEqual(['cancelled', 'first', '']);
  const why = 'it waited for job second (second), which was cancelled';
  expect(stateOfJob(core, 'third')).toEqual(['cancelled', 'second first', why]);
  expect(stateOfJob(core, 'first')[0]).toBe('active');
});

test('a job that could never start is refused at its field', () => {
  const core = chain();
  core.end('pi', firstLease(core), 'exited');
  const refusals = ['first', 'second', 'nobody'].map(
    (name) => core.submit('late', { after: [jobId(name)] }).answer,
  );
  expect(refusals).toMatchObject(
    [
      { kind: 'refused', code: 'invalid', field: 'after[0]', reason: /first\) has failed/ },
      { kind: 'refused', field: 'after[0]', reason: /second\) was cancelled/ },
      { kind: 'refused', field: 'after[0]', reason: /found none with the id "nobody"/ },
    ].map((each) => ({ ...each, reason: expect.stringMatching(each.reason) as string })),
  );
});

test('one that has succeeded already holds nothing', () => {
  const core = chain();
  core.end('pi', firstLease(core), 'succeeded');
  core.take('grant');
  core.submit('late', { after: [jobId('first')], priority: 1 });
  expect(stateOfJob(core, 'late')).toEqual(['active', '', '']);
});
