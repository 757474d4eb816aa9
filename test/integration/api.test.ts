// The gRPC surface over the wire: health, reflection, errors with their fields, pages, uploads, and
// who may see what. No node is enrolled, so that every job waits.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { JobSpec, JobState } from '../../proto/gen/punnet/v1/job.ts';
import { TokenRole } from '../../proto/gen/punnet/v1/token_service.ts';
import { Connection } from '../../scheduler/cli/connection.ts';
import type { Context } from '../../scheduler/cli/context.ts';
import { readContextFile } from '../../scheduler/cli/context.ts';
import { fieldViolations } from '../../scheduler/cli/errors.ts';
import { openPki } from '../../scheduler/adapters/pki/pki.ts';
import { codeOf, errorOf, firstOf, nameOf, refOf, upload, write } from './api-calls.ts';
import { callPlain } from './plain-client.ts';
import { Rig, root } from './rig.ts';

let rig: Rig;
let context: Context;
let operator: Connection;
let ada: Connection;
let bob: Connection;
const opened: Connection[] = [];

beforeAll(async () => {
  rig = await Rig.start();
  context = await readContextFile(join(rig.data, 'operator.context'));
  operator = rig.connection;
  ada = await person('ada', TokenRole.RESEARCHER);
  bob = await person('bob', TokenRole.RESEARCHER);
  for (const each of [ada, bob]) await upload(each, bundle);
});
afterEach((each) => {
  if (each.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(async () => {
  for (const each of opened) each.close();
  await rig.stop();
});

async function person(name: string, role: TokenRole): Promise<Connection> {
  const { tokens } = operator;
  const wanted = { role, name, siteId: '', expiresIn: '', uses: role === TokenRole.NODE ? 1 : 0 };
  const { secret } = await operator.call(tokens.createToken.bind(tokens), wanted);
  return withToken(secret);
}

function withToken(token: string, changes: Partial<Context> = {}): Connection {
  const connection = new Connection({ ...context, ...changes, token });
  opened.push(connection);
  return connection;
}

const bundle = Buffer.alloc(1_024);

async function isMissing(by: Connection, bytes: Uint8Array): Promise<boolean> {
  const { blobs } = by;
  const request = { blobs: [refOf(bytes)] };
  return (await by.call(blobs.findMissingBlobs.bind(blobs), request)).missing.length > 0;
}

function specOf(name: string): JobSpec {
  const source = { $case: 'blob' as const, value: refOf(bundle) };
  return JobSpec.fromPartial({
    ...{ name, command: ['true'], tasks: { count: 1 } },
    bundles: { x86_64: { source } },
  });
}

async function submit(
  by: Connection,
  name: string,
  requestId: string = randomUUID(),
): Promise<string> {
  const request = { spec: specOf(name), requestId, validateOnly: false };
  const { job } = await by.raw(by.jobs.submitJob.bind(by.jobs), request);
  return job?.jobId ?? '';
}

async function listJobs(by: Connection, changes: object = {}) {
  const all = { pageSize: 0, pageToken: '', state: JobState.UNSPECIFIED, name: '' };
  return by.raw(by.jobs.listJobs.bind(by.jobs), { ...all, ...changes });
}

describe('ordinary tools', () => {
  const server = () => ({
    endpoint: context.endpoint,
    credentials: credentials.createSsl(Buffer.from(context.caPem)),
  });

  test('grpc.health.v1 says SERVING, without a token', async () => {
    const check = {
      folder: join(root, 'node_modules/grpc-health-check/proto'),
      file: 'health/v1/health.proto',
      service: 'grpc.health.v1.Health',
      method: 'Check',
    };
    // 1: SERVING.
    expect(await callPlain({ ...server(), ...check }, {})).toMatchObject({ status: 1 });
  });

  test.each(['v1', 'v1alpha'])(
    'server reflection %s lists the services and describes them',
    async (version) => {
      const reflection = {
        folder: join(root, 'node_modules/@grpc/reflection/build/proto'),
        file: `grpc/reflection/${version}/reflection.proto`,
        service: `grpc.reflection.${version}.ServerReflection`,
        method: 'ServerReflectionInfo',
      };
      const listed = await callPlain({ ...server(), ...reflection }, { listServices: '' });
      const names = ['Blob', 'Job', 'Node', 'Site', 'Token'].map(
        (name) => `punnet.v1.${name}Service`,
      );
      for (const name of ['google.bytestream.ByteStream', ...names]) {
        expect(listed).toHaveProperty(
          'listServicesResponse.service',
          expect.arrayContaining([{ name }]),
        );
      }
      const request = { fileContainingSymbol: 'punnet.v1.JobService' };
      expect(await callPlain({ ...server(), ...reflection }, request)).toHaveProperty(
        'fileDescriptorResponse.fileDescriptorProto',
        expect.arrayContaining([
          expect.toSatisfy((bytes: Buffer) => bytes.includes('SubmitJobRequest')),
        ]),
      );
    },
  );

  test('a scheduler of another CA is not talked to', async () => {
    const { caPem } = await openPki(rig.folder, []);
    expect(await codeOf(listJobs(withToken(context.token, { caPem })))).toBe('UNAVAILABLE');
  });
});

describe('jobs', () => {
  test('a repeated submit is harmless; the same id of another researcher is another job', async () => {
    const first = await submit(ada, 'once', 'the same');
    expect(await submit(ada, 'once', 'the same')).toBe(first);
    expect(await submit(bob, 'once', 'the same')).not.toBe(first);
    const { jobs } = await listJobs(ada, { name: 'once' });
    expect(jobs.map((job) => job.jobId)).toEqual([first]);
  });

  test('submits of one id at the same time are one job', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => submit(ada, 'race', 'race')));
    expect(new Set(ids).size).toBe(1);
  });

  test('INVALID_ARGUMENT names every field, what was wanted and what was found', async () => {
    const spec = JobSpec.fromPartial({ ...specOf('bad'), memory: '64', timeout: '1 fortnight' });
    const request = { spec, requestId: 'bad', validateOnly: false };
    const error = await errorOf(ada.raw(ada.jobs.submitJob.bind(ada.jobs), request));
    expect(status[error.code]).toBe('INVALID_ARGUMENT');
    const violations = fieldViolations(error).map(({ field, description }) => [field, description]);
    expect(Object.fromEntries(violations)).toEqual({
      'spec.memory': expect.stringMatching(/^wanted bytes with a unit.*found "64"/) as string,
      'spec.timeout': expect.stringMatching(
        /^wanted a time with a unit.*found "1 fortnight"/,
      ) as string,
    });
    expect((await listJobs(ada, { name: 'bad' })).jobs).toEqual([]);
  });

  test('pages are stable while others submit, and a token is of its own list only', async () => {
    const ids: string[] = [];
    for (let number = 0; number < 5; number += 1) ids.unshift(await submit(bob, 'paged'));
    const page = (pageToken: string) => listJobs(bob, { name: 'paged', pageSize: 2, pageToken });
    const first = await page('');
    await submit(bob, 'paged');
    const second = await page(first.nextPageToken);
    const third = await page(second.nextPageToken);
    const seen = [first, second, third].map(({ jobs }) => jobs.map((job) => job.jobId));
    expect(seen).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
    expect(third.nextPageToken).toBe('');
    expect(await page(first.nextPageToken)).toEqual(second);
    const foreign = listJobs(bob, { pageSize: 2, pageToken: first.nextPageToken });
    expect(fieldViolations(await errorOf(foreign))).toMatchObject([{ field: 'pageToken' }]);
    expect(await codeOf(listJobs(bob, { pageToken: 'x' }))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(listJobs(bob, { pageSize: -1 }))).toBe('INVALID_ARGUMENT');
  });

  test('a message over 4 MB is refused', async () => {
    const spec = JobSpec.fromPartial({ ...specOf('large'), command: ['x'.repeat(5_000_000)] });
    const request = { spec, requestId: 'large', validateOnly: false };
    const submitting = ada.raw(ada.jobs.submitJob.bind(ada.jobs), request);
    expect(await codeOf(submitting)).toBe('RESOURCE_EXHAUSTED');
  });
});

describe('uploads', () => {
  test('one that begins where nothing ended: ABORTED, the caller asks again', async () => {
    const bytes = Buffer.alloc(300_000, 'part');
    const late = { resourceName: nameOf(bytes), writeOffset: 5, data: bytes.subarray(5) };
    expect(await codeOf(write(ada, [{ ...late, finishWrite: true }]))).toBe('ABORTED');
  });

  test('one that is cut in the middle is not there; sent again it is there', async () => {
    const bytes = Buffer.alloc(300_000, 'cut');
    const cut = new Promise<ServiceError | null>((resolve) => {
      const call = ada.bytes.write(ada.metadata, (error) => resolve(error));
      const first = { resourceName: nameOf(bytes), writeOffset: 0, finishWrite: false };
      call.write({ ...first, data: bytes.subarray(0, 100_000) }, () => call.cancel());
    });
    expect((await cut)?.code).toBe(status.CANCELLED);
    expect(await isMissing(ada, bytes)).toBe(true);
    expect(await upload(ada, bytes)).toBe(bytes.length);
    expect(await isMissing(ada, bytes)).toBe(false);
  });

  test('what somebody else has uploaded is missing all the same', async () => {
    const bytes = Buffer.from('a secret of ada');
    await upload(ada, bytes);
    expect(await isMissing(bob, bytes)).toBe(true);
  });

  const right = Buffer.from('the right bytes');
  const wrong = Buffer.from('other bytes, 15');
  const chunk = { resourceName: nameOf(right), data: right, finishWrite: true };
  test.each([
    ['other bytes', [{ ...chunk, data: wrong }], /hash to/],
    ['too few bytes', [{ ...chunk, data: right.subarray(1) }], /found 14/],
    ['too many bytes', [{ ...chunk, data: Buffer.concat([right, right]) }], /found more/],
    [
      'a gap',
      [
        { ...chunk, data: right.subarray(0, 5), finishWrite: false },
        { ...chunk, writeOffset: 6 },
      ],
      /writeOffset: wanted 5.*found 6/,
    ],
    ['a start beyond the end', [{ ...chunk, writeOffset: 16 }], /writeOffset: wanted 0 to 15/],
    ['a name of another form', [{ ...chunk, resourceName: '../../x' }], /resourceName: wanted/],
    ['no message', [], /resourceName: wanted an upload/],
  ])('%s: INVALID_ARGUMENT, and nothing is kept', async (_, requests, words) => {
    const error = await errorOf(write(ada, requests));
    expect(status[error.code]).toBe('INVALID_ARGUMENT');
    expect(error.details).toMatch(words);
    expect(await isMissing(ada, right)).toBe(true);
  });
});

describe('who may what', () => {
  test("a researcher sees no other's job, by any call", async () => {
    const jobId = await submit(ada, 'private');
    const { jobs, bytes } = bob;
    const resourceName = `jobs/${jobId}/tasks/0/outputs/out.txt`;
    const calls = [
      bob.raw(jobs.getJob.bind(jobs), { jobId }),
      bob.raw(jobs.cancelJob.bind(jobs), { jobId }),
      bob.raw(jobs.retryTasks.bind(jobs), { jobId, requestId: 'r', indexes: [] }),
      bob.raw(jobs.deleteJob.bind(jobs), { jobId }),
      bob.raw(jobs.listTasks.bind(jobs), { jobId, pageSize: 0, pageToken: '', state: 0 }),
      bob.raw(jobs.getTaskResult.bind(jobs), { jobId, index: 0 }),
      bob.raw(jobs.listFailures.bind(jobs), { jobId }),
      bob.raw(jobs.explainJob.bind(jobs), { jobId, index: undefined }),
      firstOf(jobs.watchJob({ jobId }, bob.metadata)),
      firstOf(bytes.read({ resourceName, readOffset: 0, readLimit: 0 }, bob.metadata)),
    ];
    const codes = await Promise.all(calls.map(codeOf));
    expect(codes).toEqual(calls.map(() => 'NOT_FOUND'));
    expect((await listJobs(bob)).jobs.map((job) => job.jobId)).not.toContain(jobId);
    expect((await listJobs(operator)).jobs.map((job) => job.jobId)).toContain(jobId);
  });

  test('a researcher manages no nodes, sites or tokens', async () => {
    const { nodes, sites, tokens } = bob;
    const token = { role: TokenRole.OPERATOR, name: 'bob', siteId: '', expiresIn: '', uses: 0 };
    const calls = [
      bob.raw(nodes.revokeNode.bind(nodes), { nodeId: 'n1' }),
      bob.raw(sites.setSite.bind(sites), {
        siteId: 's',
        down: '1 Mbit/s',
        up: '',
        share: 1,
        isMeasured: false,
      }),
      bob.raw(tokens.createToken.bind(tokens), token),
      bob.raw(tokens.listTokens.bind(tokens), { pageSize: 0, pageToken: '' }),
      bob.raw(tokens.revokeToken.bind(tokens), { tokenId: 't1' }),
    ];
    const codes = await Promise.all(calls.map(codeOf));
    expect(codes).toEqual(calls.map(() => 'PERMISSION_DENIED'));
  });

  test.each([
    ['no token', () => Promise.resolve(withToken('')), /TOKEN_MISSING|Wanted "authorization/],
    ['a forged one', () => Promise.resolve(withToken(`pnt_${'0'.repeat(32)}`)), /unknown here/],
    ["a node's", () => person('', TokenRole.NODE), /node's token; here a researcher's is wanted/],
  ])('%s lets nobody in', async (_, connect, words) => {
    const error = await errorOf(listJobs(await connect()));
    expect(status[error.code]).toBe('UNAUTHENTICATED');
    expect(error.details).toMatch(words);
  });

  test('a revoked token is refused from then on', async () => {
    const eve = await person('eve', TokenRole.RESEARCHER);
    await listJobs(eve);
    const { tokens } = operator;
    const list = { pageSize: 0, pageToken: '' };
    const all = await operator.call(tokens.listTokens.bind(tokens), list);
    const tokenId = all.tokens.find((token) => token.name === 'eve')?.tokenId ?? '';
    await operator.call(tokens.revokeToken.bind(tokens), { tokenId });
    expect((await errorOf(listJobs(eve))).details).toMatch(/This token was revoked: ask an/);
  });
});
