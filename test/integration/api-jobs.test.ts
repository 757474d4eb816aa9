// What a researcher does with jobs, over the wire: jobs that wait for others, dry runs,
// deadlines, retries, deletion. No node is enrolled, so
// that every job waits.

import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { JobSpec, JobState } from '../../proto/gen/punnet/v1/job.ts';
import type { Connection } from '../../scheduler/cli/connection.ts';
import { fieldViolations } from '../../scheduler/cli/errors.ts';
import { codeOf, errorOf, refOf, upload } from './api-calls.ts';
import { Rig } from './rig.ts';

let rig: Rig;
let by: Connection;
const bundle = Buffer.alloc(1_024);

beforeAll(async () => {
  rig = await Rig.start();
  by = rig.connection;
  await upload(by, bundle);
});
afterEach((each) => {
  if (each.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

function submitting(name: string, changes: Partial<JobSpec> = {}, validateOnly = false) {
  const source = { $case: 'blob' as const, value: refOf(bundle) };
  const spec = JobSpec.fromPartial({
    ...{ name, command: ['true'], tasks: { count: 3 } },
    bundles: { x86_64: { source } },
    ...changes,
  });
  const request = { spec, requestId: validateOnly ? '' : randomUUID(), validateOnly };
  return by.raw(by.jobs.submitJob.bind(by.jobs), request);
}

async function submit(name: string, changes: Partial<JobSpec> = {}) {
  const { job } = await submitting(name, changes);
  if (job === undefined) throw new Error('no job');
  return job;
}

async function get(jobId: string) {
  return (await by.raw(by.jobs.getJob.bind(by.jobs), { jobId })).job;
}

describe('after', () => {
  test('names jobs by id or by name, and the newest of a name', async () => {
    const old = await submit('prepare');
    const newest = await submit('prepare');
    const job = await submit('render', { after: [old.jobId, 'prepare', newest.jobId] });
    expect(job.waitsFor).toEqual([old.jobId, newest.jobId]);
    expect(job.spec?.after).toEqual(job.waitsFor);
  });

  test('an unknown job is told at its place, with all other mistakes', async () => {
    const { jobId } = await submit('known');
    const bad = { after: [jobId, 'nobody', ''], memory: '64' };
    for (const isDraft of [true, false]) {
      const error = await errorOf(submitting('bad', bad, isDraft));
      expect(status[error.code]).toBe('INVALID_ARGUMENT');
      expect(fieldViolations(error).map(({ field }) => field)).toEqual([
        'spec.memory',
        'spec.after[1]',
        'spec.after[2]',
      ]);
    }
  });

  test('a job is cancelled with the one that it waits for, and says so', async () => {
    const first = await submit('first');
    const second = await submit('second', { after: ['first'] });
    await by.raw(by.jobs.cancelJob.bind(by.jobs), { jobId: first.jobId });
    expect(await get(second.jobId)).toMatchObject({
      state: JobState.CANCELLED,
      endReason: `it waited for job first (${first.jobId}), which was cancelled`,
    });
    expect(fieldViolations(await errorOf(submitting('third', { after: ['first'] })))).toMatchObject(
      [{ field: 'spec.after[0]' }],
    );
  });
});

describe('outputs of another job', () => {
  const why = async (outputsOf: string, changes: Partial<JobSpec> = {}) => {
    const wanting = submitting('wanting', { tasks: tasksOf(outputsOf), ...changes }, true);
    return fieldViolations(await errorOf(wanting)).map(
      ({ field, description }) => `${field}: ${description}`,
    );
  };
  const tasksOf = (outputsOf: string): NonNullable<JobSpec['tasks']> => ({
    ...{ count: 0, inputs: [], manifest: undefined, rows: '', columns: [], outputsOf },
  });

  test('are of a job of yours, that has ended and has some', async () => {
    const silent = await submit('silent');
    const active = await submit('active', { outputs: ['out'] });
    const broken = await submit('broken', { outputs: ['out'] });
    await by.raw(by.jobs.cancelJob.bind(by.jobs), { jobId: broken.jobId });
    const at = 'spec.tasks.outputsOf:';
    const found: Readonly<Record<string, string>> = {
      wanting: 'wanted the id or the name of a job of yours, found "wanting": see punnet jobs',
      silent: `job silent (${silent.jobId}) keeps no outputs: its job file names none in outputs`,
      active: `job active (${active.jobId}) goes on, 0 of its 3 tasks have ended: submit this one when it has ended (punnet job ${active.jobId} --watch)`,
      broken: `no task of job broken (${broken.jobId}) has succeeded: there are no outputs to take`,
    };
    for (const [name, problem] of Object.entries(found)) {
      expect(await why(name)).toEqual([`${at} ${problem}`]);
    }
  });

  test('come alone, and a site is one that there is', async () => {
    const both = { tasks: { ...tasksOf('silent'), count: 2 }, site: 'nowhere' };
    const problems = await why('silent', both);
    expect(problems[0]).toContain('found count and outputsOf');
    expect(problems).toContain(
      'spec.site: wanted a site of the federation, found "nowhere": ask an operator for its name (punnet sites)',
    );
  });
});

describe('a deadline and a dry run', () => {
  const trying = (changes: object, tasks = { tasks: 0, inputBytes: 0 }) => {
    const source = { $case: 'file' as const, value: 'program' };
    const spec = JobSpec.fromPartial({
      ...{ name: 'tried', command: ['true'], tasks: { count: 3 } },
      bundles: { x86_64: { source } },
      ...changes,
    });
    return by.raw(by.jobs.tryJob.bind(by.jobs), { spec, ...tasks });
  };

  test('a span counts from the submit; a time is a time', async () => {
    const job = await submit('soon', { deadline: '6 h' });
    expect(job.deadlineUnixMs - job.submittedUnixMs).toBeLessThanOrEqual(6 * 3_600_000);
    expect(job.deadlineUnixMs - job.submittedUnixMs).toBeGreaterThan(5.9 * 3_600_000);
    const tenYears = new Date(job.submittedUnixMs + 3e11).toISOString();
    const later = await submit('later', { deadline: tenYears });
    expect(later.spec?.deadline).toBe(tenYears);
    // No node is there.
    expect(later).toMatchObject({ etaUnixMs: 0, etaBoundBy: 'nothing fits', isLate: true });
  });

  test.each(['yesterday', '2020-01-01T00:00:00Z', '2126-01-01T00:00:00Z', '2030-01-01', '0 h'])(
    'the deadline %s is refused at its field',
    async (deadline) => {
      const error = await errorOf(submitting('bad', { deadline }));
      expect(fieldViolations(error)).toMatchObject([
        { field: 'spec.deadline', description: expect.stringContaining(deadline) as string },
      ]);
    },
  );

  test('a dry run leaves nothing, and needs no blob', async () => {
    const { job, fit } = await trying({ deadline: '1 h' });
    expect(job).toMatchObject({ jobId: '', etaBoundBy: 'nothing fits', isLate: true });
    expect(fit).toEqual({ nodes: 0, sites: 0, refusals: [], bySite: [] });
    const all = { pageSize: 0, pageToken: '', state: JobState.UNSPECIFIED, name: 'tried' };
    expect((await by.raw(by.jobs.listJobs.bind(by.jobs), all)).jobs).toEqual([]);
  });

  test('it tells mistakes as a submit does, and wants to know how many inputs there are', async () => {
    const bad = await errorOf(trying({ memory: '64' }));
    expect(fieldViolations(bad)).toMatchObject([{ field: 'spec.memory' }]);
    const inputs = { tasks: { inputs: ['*.txt'] }, command: ['cat', '{input}'] };
    expect(fieldViolations(await errorOf(trying(inputs)))).toMatchObject([{ field: 'tasks' }]);
    const known = await trying(inputs, { tasks: 5, inputBytes: 1_000 });
    expect(known.job?.etaBoundBy).toBe('nothing fits');
  });
});

describe('after the end', () => {
  const retry = (jobId: string, changes: object = {}) =>
    by.raw(by.jobs.retryTasks.bind(by.jobs), { jobId, requestId: 'r', indexes: [], ...changes });

  test('cancelled tasks run again, once for each request', async () => {
    const { jobId } = await submit('again');
    await by.raw(by.jobs.cancelJob.bind(by.jobs), { jobId });
    expect(await retry(jobId, { indexes: [1] })).toMatchObject({
      tasks: 1,
      job: { state: JobState.ACTIVE, endedUnixMs: 0, counts: { waiting: 1, cancelled: 2 } },
    });
    expect(await retry(jobId, { indexes: [1] })).toMatchObject({ tasks: 0 });
    expect(await retry(jobId, { requestId: 'another' })).toMatchObject({ tasks: 2 });
  });

  test.each([
    ['a task that waits', { indexes: [0] }, 'FAILED_PRECONDITION', /Task 0 of job .* is waiting/],
    ['no such task', { indexes: [7] }, 'INVALID_ARGUMENT', /no task 7/],
    ['no request id', { requestId: '' }, 'INVALID_ARGUMENT', /requestId: wanted 1 to 63/],
    ['nothing to retry', {}, 'FAILED_PRECONDITION', /nothing to retry/],
  ])('%s is refused', async (_, changes, code, words) => {
    const { jobId } = await submit('refused');
    const error = await errorOf(retry(jobId, changes));
    expect([status[error.code], error.details]).toEqual([
      code,
      expect.stringMatching(words) as string,
    ]);
  });

  test('an ended job is deleted for good; an active one is not', async () => {
    const { jobId } = await submit('deleted');
    const remove = () => by.raw(by.jobs.deleteJob.bind(by.jobs), { jobId });
    const error = await errorOf(remove());
    expect([status[error.code], error.details]).toEqual([
      'FAILED_PRECONDITION',
      `Job ${jobId} is active: cancel it first (punnet cancel ${jobId}).`,
    ]);
    await by.raw(by.jobs.cancelJob.bind(by.jobs), { jobId });
    expect(await remove()).toEqual({});
    const all = { pageSize: 0, pageToken: '', state: JobState.UNSPECIFIED, name: 'deleted' };
    expect((await by.raw(by.jobs.listJobs.bind(by.jobs), all)).jobs).toEqual([]);
    const codes = await Promise.all([remove(), get(jobId), retry(jobId)].map(codeOf));
    expect(codes).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']);
  });
});
