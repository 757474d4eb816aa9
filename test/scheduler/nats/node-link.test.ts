// The scheduler's end of the bus over a real nats-server: what nodes say becomes commands, in order.

import { createUser } from '@nats-io/nkeys';
import { connect, jwtAuthenticator } from 'nats';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ChunkLease, ExchangeNews, FromNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { fromNodeSubject } from '../../../proto/subjects.ts';
import { NodeLink } from '../../../scheduler/adapters/nats/node-link.ts';
import { NatsRig } from './nats-rig.ts';

let rig: NatsRig;
let link: NodeLink;
/** What was submitted, as "kind node", and who waits for more. */
const submitted: string[] = [];
const waiting = new Set<() => void>();
let hasBlob: (sha256: string) => Promise<boolean>;

beforeAll(async () => {
  rig = await NatsRig.open();
  await rig.start();
  link = await NodeLink.connect({
    ...{ urls: rig.server.urls, caPem: rig.pki.caPem },
    credentials: await rig.identity.schedulerCredentials(),
    closedSubject: rig.identity.closedSubject,
    restMs: () => 0,
    submit: (command) => {
      if ('nodeId' in command) submitted.push(`${command.kind} ${command.nodeId}`);
      for (const look of waiting) look();
    },
    recipientsOf: () => [],
    instanceOf: () => 'first',
    hasResult: (ref) => hasBlob(ref.sha256),
    onKeptMissing: () => undefined,
    composeLease: () => undefined,
    composeExchange: {
      lease: ({ runs, spanMs }) => ChunkLease.fromPartial({ runs: [...runs], spanMs }),
      news: ({ isClosed }) => ExchangeNews.fromPartial({ isClosed }),
    },
    composeRelease: ({ name, version }) => ({ name, version, action: 1, blobs: [] }),
    revoke: () => Promise.resolve(),
    log: (event, fields) => rig.logged.push({ event, fields }),
  });
  await link.listen();
});
beforeEach(() => {
  submitted.length = 0;
  hasBlob = () => Promise.resolve(true);
});
afterAll(async () => {
  await link.stop();
  await rig.close();
});

async function connectNode(id: string): Promise<NatsConnection> {
  const key = createUser();
  const jwt = await rig.identity.issueNodeJwt(id, key.getPublicKey());
  const authenticator = jwtAuthenticator(jwt, key.getSeed());
  return connect({ servers: [...rig.server.urls], authenticator, tls: { ca: rig.pki.caPem } });
}

/** A message that says ends, each with a result that is looked for in the blob store. */
function say(connection: NatsConnection, id: string, ends = 1): void {
  const result = { sha256: 'ab'.repeat(32), sizeBytes: 1 };
  const end = { leaseId: 1, code: 1 as const, exitCode: 0, cpuMs: 1, wallMs: 1, result };
  const ended = Array.from({ length: ends }, () => end);
  const message = FromNode.create({ instanceNumber: 1, instanceId: 'first', sequence: 1, ended });
  connection.publish(fromNodeSubject(id), FromNode.encode(message).finish());
}

function untilSubmitted(count: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (submitted.length >= count) resolve();
    };
    waiting.add(look);
    look();
  });
}

test('the last word of a node comes before the end of its connection, however long it takes', async () => {
  let release: (isThere: boolean) => void = () => undefined;
  const isThere = new Promise<boolean>((resolve) => (release = resolve));
  const slow = await connectNode('slow');
  hasBlob = () => isThere;
  say(slow, 'slow');
  await slow.drain();
  // When another node has come and gone, the end of the first has long been heard.
  const other = await connectNode('other');
  await other.drain();
  await untilSubmitted(1);
  expect(submitted).toEqual(['nodeDisconnected other']);
  release(true);
  await untilSubmitted(3);
  expect(submitted.slice(1)).toEqual(['nodeSpoke slow', 'nodeDisconnected slow']);
});

test('results of one message are looked for one after another', async () => {
  const node = await connectNode('many');
  let [looking, most] = [0, 0];
  hasBlob = async () => {
    looking += 1;
    most = Math.max(most, looking);
    await nextTurn();
    looking -= 1;
    return true;
  };
  say(node, 'many', 5);
  await untilSubmitted(1);
  expect(most).toBe(1);
  await node.drain();
  await untilSubmitted(2);
});

test('a message that the blob store fails on is dropped and counted; the next is heard', async () => {
  const node = await connectNode('unlucky');
  hasBlob = () => Promise.reject(new Error('no disk'));
  const before = link.droppedMessages;
  say(node, 'unlucky');
  node.publish(fromNodeSubject('unlucky'), Buffer.from('garbage'));
  node.publish(fromNodeSubject('unlucky'));
  await untilSubmitted(1);
  expect(submitted).toEqual(['nodeSpoke unlucky']);
  expect(link.droppedMessages).toBe(before + 2);
  expect(rig.logged.filter(({ event }) => event === 'message dropped')).toHaveLength(1);
  await node.drain();
});
