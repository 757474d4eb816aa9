// Habits of the API that only show over the wire: details, deadlines, pages that fit a message, and
// blobs that are the caller's own. No node is enrolled.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ResourceInfo } from '../../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../../proto/gen/google/rpc/status.ts';
import { JobSpec, JobState, TaskManifest } from '../../../proto/gen/punnet/v1/job.ts';
import { TokenRole } from '../../../proto/gen/punnet/v1/token_service.ts';
import { FileJournal } from '../../../scheduler/adapters/journal/file-journal.ts';
import { allPages, Connection } from '../../../scheduler/cli/connection.ts';
import { readContextFile } from '../../../scheduler/cli/context.ts';
import { fieldViolations } from '../../../scheduler/cli/errors.ts';
import { codeOf, errorOf, firstOf, refOf, upload } from '../../integration/api-calls.ts';
import { debianArmhf, tarOf, tinyElf } from '../bundle/tiny-elf.ts';
import { Rig } from '../../integration/rig.ts';

let rig: Rig;
let operator: Connection;
let eve: Connection;
let eveToken = '';
const bundle = Buffer.alloc(1_024);

beforeAll(async () => {
  rig = await Rig.start();
  operator = rig.connection;
  const { tokens } = operator;
  const wanted = { role: TokenRole.RESEARCHER, name: 'eve', siteId: '', expiresIn: '', uses: 0 };
  eveToken = (await operator.call(tokens.createToken.bind(tokens), wanted)).secret;
  const context = await readContextFile(join(rig.data, 'operator.context'));
  eve = new Connection({ ...context, token: eveToken });
  for (const each of [operator, eve]) await upload(each, bundle);
});
afterEach((each) => {
  if (each.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(async () => {
  eve.close();
  await rig.stop();
});

async function submit(by: Connection, changes: Parameters<typeof JobSpec.fromPartial>[0]) {
  const source = { $case: 'blob' as const, value: refOf(bundle) };
  const spec = JobSpec.fromPartial({
    ...{ name: 'job', command: ['true'], tasks: { count: 1 }, bundles: { x86_64: { source } } },
    ...changes,
  });
  const request = { spec, requestId: randomUUID(), validateOnly: false };
  return by.raw(by.jobs.submitJob.bind(by.jobs), request);
}

test('an input that only somebody else has uploaded cannot be named in a manifest', async () => {
  const secret = Buffer.from('the operator has uploaded this');
  await upload(operator, secret);
  const entries = [{ path: 'in.txt', blob: refOf(secret) }];
  const manifest = Buffer.from(
    TaskManifest.encode(TaskManifest.fromPartial({ tasks: entries })).finish(),
  );
  await upload(eve, manifest);
  await upload(operator, manifest);
  const changes = { tasks: { manifest: refOf(manifest) } };
  const error = await errorOf(submit(eve, changes));
  expect(fieldViolations(error)).toMatchObject([{ field: 'spec.tasks.manifest' }]);
  expect(error.details).toContain('is not here: upload it first');
  expect(await submit(operator, changes)).toMatchObject({ job: { counts: { total: 1 } } });
});

test.each([
  ['a path out of the folder', '../in.txt', /task 0: wanted a path inside the work folder/],
  ['the path of a shared input', 'shared', /task 0: "shared" is a shared input too/],
  ['the folder of the checkpoint', 'checkpoint/a', /"checkpoint\/a" is in the folder of the check/],
])('%s cannot be the place of an input', async (_, path, told) => {
  const entries = [{ path, blob: refOf(bundle) }];
  const manifest = Buffer.from(
    TaskManifest.encode(TaskManifest.fromPartial({ tasks: entries })).finish(),
  );
  await upload(eve, manifest);
  const sharedInputs = [
    { path: 'shared', source: { $case: 'blob' as const, value: refOf(bundle) } },
  ];
  const tasks = { manifest: refOf(manifest) };
  const submitting = submit(eve, { tasks, sharedInputs, checkpoint: true });
  expect((await errorOf(submitting)).details).toMatch(told);
});

test('a bundle for other machines than it is said to be is refused, whoever sends it', async () => {
  const program = tinyElf({ machine: 40, attributes: debianArmhf });
  const tar = await tarOf({ 'bin/solve': program });
  await upload(eve, tar);
  const source = { $case: 'blob' as const, value: refOf(tar) };
  const refused = await errorOf(submit(eve, { bundles: { armv6l: { source } } }));
  expect(fieldViolations(refused)).toMatchObject([
    {
      field: 'spec.bundles["armv6l"]',
      description: expect.stringContaining('bin/solve: wanted code for armv6l, found armv7'),
    },
  ]);
  expect(await submit(eve, { bundles: { armv7l: { source } } })).toMatchObject({ job: {} });
});

test('the resource that is not there is named in the details', async () => {
  const { nodes } = eve;
  const error = await errorOf(eve.raw(nodes.getNode.bind(nodes), { nodeId: 'n9' }));
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const { code, details } = Status.decode(typeof bytes === 'object' ? bytes : Buffer.of());
  expect(code).toBe(status.NOT_FOUND);
  const info = details.find(({ typeUrl }) => typeUrl.endsWith('ResourceInfo'));
  expect(ResourceInfo.decode(info?.value ?? Buffer.of())).toMatchObject({
    resourceType: 'node',
    resourceName: 'n9',
  });
});

test('the internet is not there for jobs where the operator has not said so', async () => {
  const profile = { work: '', output: '', internet: '1 MB' };
  const error = await errorOf(submit(eve, { network: 'internet', profile }));
  expect(error.code).toBe(status.INVALID_ARGUMENT);
  expect(fieldViolations(error)).toMatchObject([
    {
      field: 'spec.network',
      description: expect.stringContaining('lets no job reach the internet'),
    },
  ]);
});

test('a list of a site that is not there is NOT_FOUND, not empty', async () => {
  const { nodes } = eve;
  const request = { pageSize: 0, pageToken: '', siteId: 'nowhere' };
  expect(await codeOf(eve.raw(nodes.listNodes.bind(nodes), request))).toBe('NOT_FOUND');
});

test('a deadline ends a watch', async () => {
  const { job } = await submit(eve, {});
  const watch = eve.jobs.watchJob({ jobId: job?.jobId ?? '' }, eve.metadata, {
    deadline: Date.now() + 300,
  });
  const all = (async (): Promise<void> => {
    for await (const _ of watch as AsyncIterable<unknown>);
  })();
  expect(await codeOf(all)).toBe('DEADLINE_EXCEEDED');
  // And the server goes on serving watchers.
  expect(await firstOf(eve.jobs.watchJob({ jobId: job?.jobId ?? '' }, eve.metadata))).toBeDefined();
});

test('pages of large jobs fit the 4 MB that a client takes, and are the whole list', async () => {
  const words = [
    'true',
    'x'.repeat(4_000),
    'y'.repeat(4_000),
    'z'.repeat(4_000),
    'w'.repeat(4_000),
  ];
  const command = [...words, 'v'.repeat(3_000)];
  const wanted = 250;
  for (let count = 0; count < wanted; count += 1) await submit(eve, { name: 'large', command });
  const { jobs } = eve;
  const sizes: number[] = [];
  const found = await allPages(
    async (pageToken) => {
      const filter = { state: JobState.UNSPECIFIED, name: 'large' };
      const request = { pageSize: 1_000, pageToken, ...filter };
      const page = await eve.raw(jobs.listJobs.bind(jobs), request);
      sizes.push(page.jobs.length);
      return page;
    },
    (page) => page.jobs,
  );
  expect(new Set(found.map((job) => job.jobId)).size).toBe(wanted);
  expect(found).toHaveLength(wanted);
  expect(sizes.length).toBeGreaterThan(1);
});

// The last one: the scheduler ends.
test('the journal has a token as its hash alone', async () => {
  await rig.scheduler.kill('SIGKILL');
  const journal = FileJournal.open(join(rig.data, 'journal'));
  const facts: string[] = [];
  const recovery = await journal.recover();
  for await (const batch of recovery.batches) facts.push(JSON.stringify(batch));
  await journal.close();
  const created = facts.join('\n');
  expect(created).toMatch(
    /"hash":"[0-9a-f]{64}".*"name":"eve"|"name":"eve".*"hash":"[0-9a-f]{64}"/,
  );
  expect(created).not.toContain(eveToken);
});
