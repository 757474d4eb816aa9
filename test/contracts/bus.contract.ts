// What every bus of a federation promises, whoever runs its nats-server and of whatever version: a
// node speaks and hears on its own subjects only, a revoked one is out, for good, and the
// scheduler hears who comes and goes.

import { createUser } from '@nats-io/nkeys';
import { connect, credsAuthenticator, jwtAuthenticator } from 'nats';
import type { Authenticator, Msg, NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChunkLease, ExchangeNews, FromNode } from '../../proto/gen/punnet/v1/agent.ts';
import { fromNodeSubject, toNodeSubject } from '../../proto/subjects.ts';
import { subscriptionsOfNode } from '../../scheduler/adapters/nats/nats-identity.ts';
import type { NatsIdentity } from '../../scheduler/adapters/nats/nats-identity.ts';
import { NodeLink } from '../../scheduler/adapters/nats/node-link.ts';
import { until } from '../integration/rig.ts';

/** A bus with keys of its own. */
export interface BusRig {
  readonly identity: NatsIdentity;
  readonly caPem: string;
  /** Starts nats-server, and the scheduler's end of it; both again after `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Once it was started. */
  readonly urls: readonly string[];
  revokeUsers(publicKeys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** A node as an attacker would have it: its JWT and seed, and any client. */
interface User {
  readonly publicKey: string;
  readonly connection: NatsConnection;
  readonly connectAgain: () => Promise<NatsConnection>;
  /** Types of all that its connection went through. */
  readonly statuses: string[];
}

class Bus {
  readonly rig: BusRig;
  readonly #connections: NatsConnection[] = [];
  #scheduler: NatsConnection | undefined;

  constructor(rig: BusRig) {
    this.rig = rig;
  }

  async start(): Promise<void> {
    await this.rig.start();
    const credentials = await this.rig.identity.schedulerCredentials();
    this.#scheduler = await this.connect(credsAuthenticator(credentials), { reconnect: true });
  }

  /** With the scheduler's rights, and back after each restart. */
  get scheduler(): NatsConnection {
    if (this.#scheduler === undefined) throw new Error('the bus was not started');
    return this.#scheduler;
  }

  async connect(
    authenticator: Authenticator,
    more: { readonly inboxPrefix?: string; readonly reconnect?: boolean },
  ): Promise<NatsConnection> {
    const connection = await connect({
      servers: [...this.rig.urls],
      tls: { ca: this.rig.caPem },
      ...{ maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnect: false },
      ...{ authenticator, ...more },
    });
    this.#connections.push(connection);
    return connection;
  }

  async node(id: string): Promise<User> {
    const key = createUser();
    const jwt = await this.rig.identity.issueNodeJwt(id, key.getPublicKey());
    const connectAgain = (): Promise<NatsConnection> =>
      this.connect(jwtAuthenticator(jwt, key.getSeed()), { inboxPrefix: `_INBOX.${id}` });
    const connection = await connectAgain();
    const statuses: string[] = [];
    void (async () => {
      for await (const { type } of connection.status()) statuses.push(type);
    })();
    return { publicKey: key.getPublicKey(), connection, connectAgain, statuses };
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) await connection.close();
    await this.rig.close();
  }
}

export function busContract(name: string, makeRig: () => Promise<BusRig>): void {
  describe(`the bus ${name}`, () => {
    let bus: Bus;
    beforeAll(async () => {
      bus = new Bus(await makeRig());
      await bus.start();
    });
    afterAll(() => bus.close());
    for (const [promise, check] of Object.entries(promises)) it(promise, () => check(bus));
  });
}

const refused = /authorization|revoked/i;

const promises: Readonly<Record<string, (bus: Bus) => Promise<void>>> = {
  'lets a node speak on its own subject, and hear what is for it': async (bus) => {
    const { connection, statuses } = await bus.node('alone');
    const up = bus.scheduler.subscribe(fromNodeSubject('alone'), { max: 1 });
    const down = connection.subscribe(toNodeSubject('alone'), { max: 1 });
    await Promise.all([connection.flush(), bus.scheduler.flush()]);
    connection.publish(fromNodeSubject('alone'), 'up');
    bus.scheduler.publish(toNodeSubject('alone'), 'down');
    for await (const message of up) expect(message.string()).toBe('up');
    for await (const message of down) expect(message.string()).toBe('down');
    expect(statuses).toEqual([]);
  },

  'refuses whatever else a node publishes to, and nobody hears it': async (bus) => {
    const thief = await bus.node('thief');
    const subjects = [
      ...[fromNodeSubject('victim'), toNodeSubject('victim'), toNodeSubject('thief')],
      ...['punnet.v1.node', '_INBOX.victim.1', 'anything'],
      ...['$SYS.REQ.CLAIMS.UPDATE', '$SYS.REQ.SERVER.PING'],
    ];
    const heard: string[] = [];
    const all = bus.scheduler.subscribe('>', {
      callback: (_, message) => heard.push(message.subject),
    });
    await bus.scheduler.flush();
    const found = refusals(thief, subjects.length);
    for (const subject of subjects) thief.connection.publish(subject, 'x');
    expect(await found).toEqual(subjects.map((subject) => `publish ${subject}`));
    await bus.scheduler.flush();
    all.unsubscribe();
    expect(heard).toEqual([]);
  },

  'refuses to let a node listen to anything else': async (bus) => {
    const subjects = [
      ...['punnet.v1.>', 'punnet.v1.node.*.up', 'punnet.v1.to.*', 'punnet.v1.to.victim'],
      ...['_INBOX.>', '_INBOX.victim.>', '$SYS.>', '$SYS.ACCOUNT.*.DISCONNECT', '>', '*'],
    ];
    const secrets = ['punnet.v1.to.victim', 'punnet.v1.node.victim.up', '_INBOX.victim.1'];
    const check = async (subject: string, at: number): Promise<void> => {
      // A node of its own for each: the server counts subscriptions that it refused.
      const { connection } = await bus.node(`spy-${at}`);
      const { refusal, heard } = eavesdrop(connection, { subject });
      expect(String(await refusal), subject).toMatch(/Permissions Violation for Subscription/i);
      for (const each of secrets) bus.scheduler.publish(each, 'secret');
      await bus.scheduler.flush();
      await connection.flush();
      expect(heard, subject).toEqual([]);
    };
    await Promise.all(subjects.map(check));
    const grouped = await bus.node('grouped');
    const queue = { subject: 'punnet.v1.to.victim', queue: 'victim' };
    expect(String(await eavesdrop(grouped.connection, queue).refusal)).toMatch(/Permissions/i);
  },

  'gives a node so many subscriptions, and not one more': async (bus) => {
    const { connection } = await bus.node('greedy');
    const heard: string[] = [];
    const callback = (_: Error | null, message: Msg): void => void heard.push(message.subject);
    const inboxes = Array.from(
      { length: subscriptionsOfNode + 1 },
      (_, at) => `_INBOX.greedy.${at}`,
    );
    for (const inbox of inboxes) connection.subscribe(inbox, { callback });
    await connection.flush();
    for (const inbox of inboxes) bus.scheduler.publish(inbox);
    await bus.scheduler.flush();
    await connection.flush();
    expect(heard).toEqual(inboxes.slice(0, subscriptionsOfNode));
  },

  'refuses a JWT that says another name than it was signed with': async (bus) => {
    const key = createUser();
    const jwt = await bus.rig.identity.issueNodeJwt('honest', key.getPublicKey());
    const [header = '', payload = '', signature = ''] = jwt.split('.');
    const text = Buffer.from(payload, 'base64url').toString().replace('"honest"', '"victim"');
    const forged = [header, Buffer.from(text).toString('base64url'), signature].join('.');
    const authenticator = jwtAuthenticator(forged, key.getSeed());
    await expect(bus.connect(authenticator, {})).rejects.toThrow(refused);
  },

  'tells the scheduler what a node says, and then that it has gone; over a restart, too': async (
    bus,
  ) => {
    const { link, submitted } = await listen(bus);
    try {
      const user = await bus.node('guest');
      await speakAndGo(user.connection, 'guest');
      expect(await submitted(2)).toEqual(['nodeSpoke guest', 'nodeDisconnected guest']);
      const isBack = nextReconnect(bus.scheduler);
      await bus.rig.stop();
      await bus.rig.start();
      await isBack;
      await until('the link is back', () => Promise.resolve(link.isConnected || undefined));
      await speakAndGo(await user.connectAgain(), 'guest');
      expect((await submitted(4)).slice(2)).toEqual(['nodeSpoke guest', 'nodeDisconnected guest']);
    } finally {
      await link.stop();
    }
  },

  'drops a revoked node at once and keeps it out, over a restart; others never notice': async (
    bus,
  ) => {
    const user = await bus.node('revoked');
    const other = await bus.node('other');
    await bus.rig.revokeUsers([user.publicKey]);
    expect(String(await user.connection.closed())).toMatch(/revoked/i);
    await expect(user.connectAgain()).rejects.toThrow(refused);
    expect(other.connection.isClosed()).toBe(false);
    expect(other.statuses).toEqual([]);

    // The scheduler died after the revocation was on its disk, and before the server heard of it.
    const missed = await bus.node('missed');
    await bus.rig.stop();
    bus.rig.identity.revoke([missed.publicKey], Date.now());
    await bus.rig.start();
    await expect(user.connectAgain()).rejects.toThrow(refused);
    await expect(missed.connectAgain()).rejects.toThrow(refused);
    await other.connectAgain();
  },
};

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

function eavesdrop(
  connection: NatsConnection,
  { subject, ...options }: { readonly subject: string; readonly queue?: string },
) {
  const heard: unknown[] = [];
  const refusal = new Promise<Error>((resolve) => {
    connection.subscribe(subject, {
      ...options,
      callback: (error, message) => (error === null ? heard.push(message) : resolve(error)),
    });
  });
  return { refusal, heard };
}

/** The scheduler's own end, and what it submits, as "kind node". */
async function listen(bus: Bus) {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const link = await NodeLink.connect({
    ...{ urls: bus.rig.urls, caPem: bus.rig.caPem },
    credentials: await bus.rig.identity.schedulerCredentials(),
    closedSubject: bus.rig.identity.closedSubject,
    restMs: () => 0,
    submit: (command) => {
      if ('nodeId' in command) lines.push(`${command.kind} ${command.nodeId}`);
      for (const look of waiting) look();
    },
    recipientsOf: () => [],
    instanceOf: () => 'first',
    onKeptMissing: () => undefined,
    hasResult: () => Promise.resolve(true),
    composeLease: () => undefined,
    composeExchange: {
      lease: ({ runs, spanMs }) => ChunkLease.fromPartial({ runs: [...runs], spanMs }),
      news: ({ isClosed }) => ExchangeNews.fromPartial({ isClosed }),
    },
    composeRelease: ({ name, version }) => ({ name, version, action: 1, blobs: [] }),
    revoke: () => Promise.resolve(),
    log: () => undefined,
  });
  await link.listen();
  /** All of this test's node, once there are so many. */
  const submitted = (count: number): Promise<readonly string[]> =>
    new Promise((resolve) => {
      const look = (): void => {
        const ofGuest = lines.filter((line) => line.endsWith(' guest'));
        if (ofGuest.length >= count) resolve(ofGuest);
      };
      waiting.add(look);
      look();
    });
  return { link, submitted };
}

async function speakAndGo(connection: NatsConnection, id: string): Promise<void> {
  const message = FromNode.create({ instanceNumber: 1, instanceId: 'first', sequence: 1 });
  connection.publish(fromNodeSubject(id), FromNode.encode(message).finish());
  await connection.drain();
}

async function nextReconnect(connection: NatsConnection): Promise<void> {
  for await (const { type } of connection.status()) if (type === 'reconnect') return;
}
