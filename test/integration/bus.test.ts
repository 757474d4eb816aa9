// What nodes may say on the bus and what becomes of it: strange, late, repeated and foreign
// messages, revoked nodes, and two agents with one identity.

import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { connect, jwtAuthenticator } from 'nats';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FromNode } from '../../proto/gen/punnet/v1/agent.ts';
import type { LeaseGrant, ToNode } from '../../proto/gen/punnet/v1/agent.ts';
import type { Job } from '../../proto/gen/punnet/v1/job.ts';
import { AttemptResult, EndCode, JobState, TaskState } from '../../proto/gen/punnet/v1/job.ts';
import { NodeHealth } from '../../proto/gen/punnet/v1/node_service.ts';
import { fromNodeSubject, toNodeSubject } from '../../proto/subjects.ts';
import { burstMessages } from '../../scheduler/adapters/nats/flood-meter.ts';
import { NatsIdentity } from '../../scheduler/adapters/nats/nats-identity.ts';
import { LightNode, enrolLight } from './light-node.ts';
import { longTestMs } from './program.ts';
import { Rig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
}, longTestMs);
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

/** A node without an agent, healthy. Each has a site of its own. */
async function lightNode(name: string): Promise<LightNode> {
  const { secret: token, url, caPem } = await rig.nodeToken({ site: name });
  const node = await LightNode.connect(await enrolLight({ url, caPem, token, name }));
  node.report();
  await healthOf(name, NodeHealth.HEALTHY);
  return node;
}

async function healthOf(name: string, health: NodeHealth): Promise<void> {
  await rig.untilNode(name, (node) => node.health === health);
}

/** A job of one task, for the architecture of light nodes. */
async function submitOne(): Promise<Job> {
  return rig.submit(rig.jobFile('true', { tasks: { count: 1 }, retries: 0 }));
}

async function grantTo(node: LightNode, job: Job): Promise<LeaseGrant> {
  const isIt = (grant: LeaseGrant): boolean => grant.jobId === job.jobId;
  const { grants } = await node.hears((message: ToNode) => message.grants.some(isIt));
  const grant = grants.find(isIt);
  if (grant === undefined) throw new Error('heard no such grant');
  return grant;
}

const isAcknowledged = (leaseId: number) => (message: ToNode) =>
  message.acknowledged.includes(leaseId);

function endOf(leaseId: number, result?: { sha256: string; sizeBytes: number }) {
  return { leaseId, code: EndCode.SUCCEEDED, exitCode: 0, cpuMs: 1, wallMs: 1, result };
}

test('a message with fields of a newer version is heard', async () => {
  const node = await lightNode('newer');
  await node.connection.flush();
  const status = { ...{ load: 3, memoryAvailableBytes: 1, diskAvailableBytes: 1 }, slots: 1 };
  const bytes = FromNode.encode(
    FromNode.fromPartial({
      instanceNumber: 1,
      instanceId: 'light',
      sequence: 9,
      report: { status },
    }),
  ).finish();
  node.sayBytes(Buffer.concat([bytes, Uint8Array.from([0xca, 0x3e, 0x02, 0x68, 0x69])]));
  await rig.untilNode('newer', (found) => found.status?.load === 3);
  await node.connection.close();
});

test('garbage is dropped, counted and told once; the node stays healthy', async () => {
  const node = await lightNode('broken');
  const said = rig.scheduler.lines.length;
  for (let round = 0; round < 50; round += 1) node.sayBytes(Buffer.from(`garbage ${round}`));
  const line = await rig.scheduler.said('message dropped', said);
  expect(JSON.parse(line)).toMatchObject({ node: node.id, reason: 'not protobuf' });
  node.report();
  await node.connection.flush();
  await healthOf('broken', NodeHealth.HEALTHY);
  // One a minute and node, whatever comes.
  const lines = rig.scheduler.lines.slice(said).filter((each) => each.includes(node.id));
  expect(lines).toHaveLength(1);
  await node.connection.close();
});

test('a node that floods the bus is heard in part, told once, and cut off when it goes on', async () => {
  const flood = await lightNode('flood');
  const calm = await lightNode('calm');
  const said = rig.scheduler.lines.length;
  const closed = flood.connection.closed();
  // The first thousands are a burst as of one that comes back; then hardly anything is heard of it.
  while (!flood.connection.isClosed()) {
    for (let each = 0; each < burstMessages; each += 1) flood.say();
    await Promise.race([flood.connection.flush(), closed]);
  }
  await healthOf('flood', NodeHealth.REVOKED);
  const lines = rig.scheduler.lines.slice(said).filter((each) => each.includes(flood.id));
  expect(lines.map((each) => (JSON.parse(each) as { msg: string }).msg)).toEqual([
    'message dropped',
    'a node that floods the bus is revoked',
    'nodes revoked',
  ]);
  calm.report();
  await calm.connection.flush();
  await healthOf('calm', NodeHealth.HEALTHY);
  await calm.connection.close();
});

test('a message over 64 KiB never leaves the node', async () => {
  const node = await lightNode('loud');
  expect(node.connection.info?.max_payload).toBe(65_536);
  expect(() => node.sayBytes(Buffer.alloc(65_537))).toThrow(/MAX_PAYLOAD/);
  await node.connection.close();
});

test('what an enrolled node was given opens nothing of another node', async () => {
  const thief = await lightNode('thief');
  const victim = await lightNode('victim');
  const refused = (subject: string): Promise<string> =>
    new Promise((resolve) => {
      thief.connection.subscribe(subject, { callback: (error) => resolve(String(error)) });
    });
  for (const subject of [toNodeSubject(victim.id), `_INBOX.${victim.id}.>`, '$SYS.>', '>']) {
    expect(await refused(subject)).toMatch(/Permissions Violation/i);
  }
  const statuses = thief.connection.status()[Symbol.asyncIterator]();
  thief.connection.publish(fromNodeSubject(victim.id), 'x');
  const { value } = await statuses.next();
  expect(value).toMatchObject({ type: 'error', data: 'PERMISSIONS_VIOLATION' });
  for (const node of [thief, victim]) await node.connection.close();
});

test('a stranger, a forged JWT and one that was copied without its key are let in nowhere', async () => {
  const victim = await lightNode('copied');
  const { servers, tls, natsJwt } = victim.access;
  const own = createUser();
  const elsewhere = NatsIdentity.open(join(rig.folder, 'elsewhere'));
  const foreign = await elsewhere.issueNodeJwt(victim.id, own.getPublicKey());
  const [head = '', claims = '', seal = ''] = natsJwt.split('.');
  const sub = JSON.parse(Buffer.from(claims, 'base64url').toString()) as object;
  const bent = Buffer.from(JSON.stringify({ ...sub, sub: own.getPublicKey() }));
  const forged = [head, bent.toString('base64url'), seal].join('.');
  const tries = [natsJwt, forged, foreign].map((jwt) => jwtAuthenticator(jwt, own.getSeed()));
  for (const authenticator of [undefined, ...tries]) {
    const options = authenticator === undefined ? {} : { authenticator };
    const trying = connect({ servers, tls, ...options, reconnect: false });
    await expect(trying).rejects.toThrow(/Authorization Violation|authorization/i);
  }
  victim.report();
  await victim.connection.flush();
  await healthOf('copied', NodeHealth.HEALTHY);
  await victim.connection.close();
});

test('an older report that comes late takes nothing back', async () => {
  const node = await lightNode('late');
  const status = (load: number) => ({
    ...{ load, memoryAvailableBytes: 1e9, diskAvailableBytes: 1e10, temperatureC: 40 },
    ...{ uplink: undefined, isAccepting: true, notAccepting: undefined, slots: 1 },
    refuses: [],
    month: undefined,
  });
  const report = (load: number) => ({
    ...{
      status: status(load),
      inventory: undefined,
      held: [],
      releases: [],
      tellsReleases: false,
      kept: undefined,
    },
  });
  node.say({ sequence: 20, report: report(1) });
  node.say({ sequence: 19, report: report(2) });
  node.say({ sequence: 21, report: report(3) });
  const seen: number[] = [];
  await rig.untilNode('late', (found) => {
    seen.push(found.status?.load ?? -1);
    return found.status?.load === 3;
  });
  expect(seen).not.toContain(2);
  await node.connection.close();
});

test('a foreign result changes nothing; the true one counts once, however often it is said', async () => {
  const node = await lightNode('owner');
  const stranger = await lightNode('stranger');
  const job = await submitOne();
  const holder = await Promise.race([
    grantTo(node, job).then((grant) => ({ grant, node, other: stranger })),
    grantTo(stranger, job).then((grant) => ({ grant, node: stranger, other: node })),
  ]);
  const { leaseId } = holder.grant;
  // Of a lease that is another's, and of one that never was: the second is acknowledged as needless.
  holder.other.say({ ended: [endOf(leaseId), endOf(999_999)] });
  await holder.other.hears(isAcknowledged(999_999));
  expect(holder.other.heard.some(isAcknowledged(leaseId))).toBe(false);
  expect((await rig.tasks(job.jobId))[0]).toMatchObject({ state: TaskState.STAGING });

  const bytes = AttemptResult.encode(AttemptResult.create({ logTail: Buffer.from('hi') })).finish();
  const result = { sha256: hashOf(bytes), sizeBytes: bytes.length };
  holder.node.say({ ended: [endOf(leaseId, result)] });
  await holder.node.hears((message) => message.blobsMissing.includes(leaseId));
  expect((await rig.tasks(job.jobId))[0]).toMatchObject({ state: TaskState.STAGING });
  expect(await putBlob(holder.grant.uploadCapability, Buffer.from(bytes))).toBe(201);
  holder.node.say({ ended: [endOf(leaseId, result)] });
  await holder.node.hears(isAcknowledged(leaseId));
  holder.node.say({ ended: [endOf(leaseId, result)] });
  holder.node.say({ ended: [{ ...endOf(leaseId), code: EndCode.EXITED, exitCode: 1 }] });
  // What is said in order is judged in order: this one last.
  holder.node.say({ ended: [endOf(888_888)] });
  await holder.node.hears(isAcknowledged(888_888));
  const ended = await rig.untilSucceeded(job.jobId);
  expect(ended.counts).toMatchObject({ total: 1, succeeded: 1, failed: 0 });
  const [found] = (await rig.listNodes()).filter((each) => each.nodeId === holder.node.id);
  expect(found).toMatchObject({ tasksSucceeded: 1, tasksFailed: 0 });
  for (const each of [node, stranger]) await each.connection.close();
});

test('a result that comes after its job was cancelled is acknowledged and changes nothing', async () => {
  const node = await lightNode('slow');
  const job = await submitOne();
  const { leaseId } = await grantTo(node, job);
  const { jobs } = rig.connection;
  await rig.connection.call(jobs.cancelJob.bind(jobs), { jobId: job.jobId });
  await node.hears((message) => message.cancels.includes(leaseId));
  node.say({ ended: [endOf(leaseId)] });
  await node.hears(isAcknowledged(leaseId));
  const get = jobs.getJob.bind(jobs);
  const after = await rig.connection.call(get, { jobId: job.jobId });
  expect(after.job).toMatchObject({ state: JobState.CANCELLED, counts: { succeeded: 0 } });
  await node.connection.close();
});

test('a revoked node is out at once, for good, and its task goes elsewhere; others stay', async () => {
  const revoked = await lightNode('leaving');
  const job = await submitOne();
  const grant = await grantTo(revoked, job);
  const other = await lightNode('staying');
  const closed = revoked.connection.closed();
  expect(await rig.punnet('node', 'revoke', revoked.id)).toMatchObject({ code: 0 });
  expect(String(await closed)).toMatch(/revoked/i);
  const again = await grantTo(other, job);
  expect(await putBlob(grant.uploadCapability, Buffer.from('x'))).toBe(403);
  other.say({ ended: [endOf(again.leaseId)] });
  await rig.untilSucceeded(job.jobId);
  await rig.scheduler.kill('SIGKILL');
  await rig.startScheduler();
  expect((await rig.punnet('nodes')).out).toMatch(/leaving .* revoked/);
});

test('two agents with one identity are both stopped, and their task goes elsewhere', async () => {
  await rig.addNodes(['twin', 'only']);
  const { id, state, agent } = rig.node('twin');
  await agent.kill('SIGTERM');
  const copy = join(rig.folder, 'copy');
  // As a card is copied: with the socket that the agent has left there, which Node.js does not copy.
  execFileSync('cp', ['-a', state, copy]);
  const said = [rig.agent('twin'), rig.agent('copy')];
  for (const twin of said) {
    expect(await twin.ended).toEqual({ code: 3, signal: null });
    expect(twin.tail()).toMatch(
      new RegExp(`two agents have the identity of node ${id}.*punnet node revoke ${id}`),
    );
  }
  await healthOf('twin', NodeHealth.QUARANTINED);
  await rig.scheduler.said(`"nodes":["${id} twin"],"msg":"nodes quarantined`);
  expect((await rig.punnet('nodes')).out).toMatch(
    new RegExp(`twin .* quarantined [^]*what to do: punnet node ${id}`),
  );
  expect((await rig.punnet('node', id)).out).toMatch(
    new RegExp(`quarantined +two agents .*"punnet node revoke ${id}", then enrol each node again`),
  );
  const job = await rig.untilSucceeded((await submitOne()).jobId);
  expect((await rig.tasks(job.jobId))[0]?.nodeName).toBe('only');
  rmSync(copy, { recursive: true });
});

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Sends a blob with this right; the status of the answer. */
async function putBlob(capability: string, bytes: Buffer): Promise<number> {
  const { url, caPem } = await rig.nodeToken({ site: 'nowhere' });
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${capability}`,
      'content-length': String(bytes.length),
    };
    const target = `${url}/v1/blob/${hashOf(bytes)}`;
    const asked = request(target, { method: 'PUT', headers, ca: caPem, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on('error', reject);
    asked.end(bytes);
  });
}
