// A real nats-server with our configuration: a node speaks and hears on its own subjects only, and
// a revoked one is out, for good.

import { createUser } from '@nats-io/nkeys';
import { connect, credsAuthenticator, jwtAuthenticator } from 'nats';
import type { Msg, NatsConnection, Status } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fromNodeSubject, toNodeSubject } from '../../../proto/subjects.ts';
import { subscriptionsOfNode } from '../../../scheduler/adapters/nats/nats-identity.ts';
import { NatsRig } from './nats-rig.ts';

const connections: NatsConnection[] = [];
let rig: NatsRig;
let scheduler: NatsConnection;

interface User {
  readonly id: string;
  readonly publicKey: string;
  readonly connection: NatsConnection;
  readonly connectAgain: () => Promise<NatsConnection>;
  readonly statuses: Status[];
}

/** A node as an attacker would have it: its JWT and seed, and any client. */
async function connectNode(id: string): Promise<User> {
  const key = createUser();
  const jwt = await rig.identity.issueNodeJwt(id, key.getPublicKey());
  const connectAgain = (): Promise<NatsConnection> =>
    connect({
      servers: [...rig.server.urls],
      authenticator: jwtAuthenticator(jwt, key.getSeed()),
      tls: { ca: rig.pki.caPem },
      inboxPrefix: `_INBOX.${id}`,
      reconnect: false,
    });
  const connection = await connectAgain();
  connections.push(connection);
  const statuses: Status[] = [];
  void (async () => {
    for await (const status of connection.status()) statuses.push(status);
  })();
  return { id, publicKey: key.getPublicKey(), connection, connectAgain, statuses };
}

beforeAll(async () => {
  rig = await NatsRig.open();
  await rig.start();
  scheduler = await connect({
    servers: [...rig.server.urls],
    authenticator: credsAuthenticator(await rig.identity.schedulerCredentials()),
    tls: { ca: rig.pki.caPem },
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  });
  connections.push(scheduler);
});
afterAll(async () => {
  for (const connection of connections) await connection.close();
  await rig.close();
});

/** The first so many things that the server refused, as "publish SUBJECT". */
async function refusals(user: User, count: number): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { type, permissionContext } of user.connection.status()) {
    if (type !== 'error') continue;
    found.push(`${permissionContext?.operation} ${permissionContext?.subject}`);
    if (found.length === count) break;
  }
  return found;
}

test('a node is heard on its own subject, and hears what is for it', async () => {
  const { connection, id, statuses } = await connectNode('alone');
  const up = scheduler.subscribe(fromNodeSubject(id), { max: 1 });
  const down = connection.subscribe(toNodeSubject(id), { max: 1 });
  await Promise.all([connection.flush(), scheduler.flush()]);
  connection.publish(fromNodeSubject(id), 'up');
  scheduler.publish(toNodeSubject(id), 'down');
  for await (const message of up) expect(message.string()).toBe('up');
  for await (const message of down) expect(message.string()).toBe('down');
  expect(statuses).toEqual([]);
});

test('whatever else a node publishes to is refused, and nobody hears it', async () => {
  const thief = await connectNode('thief');
  await connectNode('victim');
  const subjects = [
    fromNodeSubject('victim'),
    toNodeSubject('victim'),
    toNodeSubject('thief'),
    'punnet.v1.node',
    '_INBOX.victim.1',
    '$SYS.REQ.CLAIMS.UPDATE',
    '$SYS.REQ.SERVER.PING',
    'anything',
  ];
  const heard: string[] = [];
  scheduler.subscribe('>', { callback: (_, message) => heard.push(message.subject) });
  await scheduler.flush();
  const refused = refusals(thief, subjects.length);
  for (const subject of subjects) thief.connection.publish(subject, 'x');
  expect(await refused).toEqual(subjects.map((subject) => `publish ${subject}`));
  await scheduler.flush();
  expect(heard).toEqual([]);
});

test.each([
  'punnet.v1.>',
  'punnet.v1.node.*.up',
  'punnet.v1.to.*',
  'punnet.v1.to.victim',
  '_INBOX.>',
  '_INBOX.victim.>',
  '$SYS.>',
  '$SYS.ACCOUNT.*.DISCONNECT',
  '>',
  '*',
])('a node may not listen to %s', async (subject) => {
  const spy = await connectNode(`spy-${Buffer.from(subject).toString('hex')}`);
  const heard: unknown[] = [];
  const refused = new Promise<Error | null>((resolve) => {
    spy.connection.subscribe(subject, {
      callback: (error, message) => (error === null ? heard.push(message) : resolve(error)),
    });
  });
  expect(String(await refused)).toMatch(/Permissions Violation for Subscription/i);
  for (const each of ['punnet.v1.to.victim', 'punnet.v1.node.victim.up', '_INBOX.victim.1']) {
    scheduler.publish(each, 'secret');
  }
  await scheduler.flush();
  await spy.connection.flush();
  expect(heard).toEqual([]);
});

test('a queue group is no way round', async () => {
  const spy = await connectNode('grouped');
  const refused = new Promise<Error | null>((resolve) => {
    const callback = (error: Error | null): void => resolve(error);
    spy.connection.subscribe('punnet.v1.to.victim', { queue: 'victim', callback });
  });
  expect(String(await refused)).toMatch(/Permissions Violation/i);
});

test('a node has so many subscriptions, and not one more', async () => {
  const { connection } = await connectNode('greedy');
  const heard: string[] = [];
  const callback = (_: Error | null, message: Msg): void => void heard.push(message.subject);
  const inboxes = Array.from({ length: subscriptionsOfNode + 1 }, (_, at) => `_INBOX.greedy.${at}`);
  for (const inbox of inboxes) connection.subscribe(inbox, { callback });
  await connection.flush();
  for (const inbox of inboxes) scheduler.publish(inbox);
  await scheduler.flush();
  await connection.flush();
  expect(heard).toEqual(inboxes.slice(0, subscriptionsOfNode));
});

test('a JWT that says another name than it was signed with is refused', async () => {
  const key = createUser();
  const jwt = await rig.identity.issueNodeJwt('honest', key.getPublicKey());
  const [header = '', payload = '', signature = ''] = jwt.split('.');
  const text = Buffer.from(payload, 'base64url').toString().replace('"honest"', '"victim"');
  const forged = [header, Buffer.from(text).toString('base64url'), signature].join('.');
  const options = { servers: [...rig.server.urls], tls: { ca: rig.pki.caPem }, reconnect: false };
  const authenticator = jwtAuthenticator(forged, key.getSeed());
  await expect(connect({ ...options, authenticator })).rejects.toThrow(/authorization/i);
});

test('a revoked node is dropped and stays out, over a restart too; others never notice', async () => {
  const revoked = await connectNode('revoked');
  const other = await connectNode('other');
  await rig.server.revokeUsers([revoked.publicKey]);
  expect(String(await revoked.connection.closed())).toMatch(/revoked/i);
  await expect(revoked.connectAgain()).rejects.toThrow(/authorization|revoked/i);
  expect(other.connection.isClosed()).toBe(false);
  expect(other.statuses).toEqual([]);
  await rig.stop();
  await rig.start();
  await expect(revoked.connectAgain()).rejects.toThrow(/authorization|revoked/i);
  connections.push(await other.connectAgain());
});

test('a revocation that nats-server missed stands at its next start', async () => {
  const revoked = await connectNode('missed');
  await rig.stop();
  await expect(rig.server.revokeUsers([revoked.publicKey])).rejects.toThrow();
  await rig.start();
  await expect(revoked.connectAgain()).rejects.toThrow(/authorization|revoked/i);
});
