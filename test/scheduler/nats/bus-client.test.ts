// The scheduler's connection to a real nats-server: read in bursts, told what went wrong. That it
// comes back after the server was away is in the contract of the bus.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { credsAuthenticator } from 'nats';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { BusClient } from '../../../scheduler/adapters/nats/bus-client.ts';
import type { BusClientOptions } from '../../../scheduler/adapters/nats/bus-client.ts';
import { NatsRig } from './nats-rig.ts';

let rig: NatsRig;
let options: BusClientOptions;

beforeAll(async () => {
  rig = await NatsRig.open();
  await rig.start();
  options = {
    ...{ urls: rig.server.urls, caPem: rig.pki.caPem, restMs: () => 0, askEveryMs: 30_000 },
    authenticator: credsAuthenticator(await rig.identity.schedulerCredentials()),
    onMessage: () => undefined,
    onTurn: () => undefined,
    log: (event, fields) => rig.logged.push({ event, fields }),
  };
});
afterAll(() => rig.close());

/** What it heard, in order, and whoever waits for so much. */
function ear() {
  const heard: string[] = [];
  let look: () => void = () => undefined;
  const onMessage = (subject: string, bytes: Buffer): void => {
    heard.push(`${subject} ${String(bytes)}`);
    look();
  };
  const until = (count: number): Promise<void> =>
    new Promise((resolve) => {
      look = () => heard.length >= count && resolve();
      look();
    });
  return { heard, onMessage, until };
}

test('what comes while it rests comes in one burst; all of it, and in order', async () => {
  const { heard, onMessage, until } = ear();
  const wanted: string[] = [];
  let rests = 0;
  let restMs = 0;
  const rest = (): number => {
    if (restMs > 0) rests += 1;
    return restMs;
  };
  const listener = await BusClient.connect({ ...options, onMessage, restMs: rest });
  await listener.subscribe('burst.*');
  restMs = 100;
  const speaker = await BusClient.connect(options);
  for (let at = 0; at < 300; at += 1) {
    wanted.push(`burst.${at} ${'x'.repeat(at)}`);
    speaker.publish(`burst.${at}`, Buffer.from('x'.repeat(at)));
    // Each goes by itself, so that each would wake who listens.
    await new Promise(setImmediate);
  }
  await until(300);
  expect(heard).toEqual(wanted);
  expect(rests).toBeLessThan(50);
  await Promise.all([listener.close(), speaker.close()]);
});

test('a flood of more than one burst is heard whole', async () => {
  const { heard, onMessage, until } = ear();
  const client = await BusClient.connect({ ...options, onMessage });
  await client.subscribe('flood');
  const bytes = Buffer.alloc(60_000, 'x');
  for (let at = 0; at < 200; at += 1) client.publish('flood', bytes);
  await until(200);
  expect(heard.every((each) => each.length === 'flood '.length + bytes.length)).toBe(true);
  await client.close();
});

const servers: Readonly<Record<string, readonly [(socket: Socket) => void, RegExp]>> = {
  'that closes at once': [(socket) => socket.destroy(), /closed the connection/],
  'of another kind': [(socket) => socket.end('220 mail\r\n'), /wanted the INFO.*"220 mail/],
  'without TLS': [(socket) => socket.write('INFO {}\r\n') && socket.end(), /secure TLS connection/],
};

test.each(Object.entries(servers))('a server %s is named with what it did', async (_, it) => {
  const [behave, words] = it;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    behave(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const connecting = BusClient.connect({ ...options, urls: [`tls://127.0.0.1:${port}`] });
  await expect(connecting).rejects.toThrow(words);
  await expect(connecting).rejects.toThrow(`tls://127.0.0.1:${port}: `);
  server.close();
});

test('a server that is not ours, or that does not know us, is refused with its reason', async () => {
  const other = await NatsRig.open();
  const stranger = credsAuthenticator(await other.identity.schedulerCredentials());
  const refused = BusClient.connect({ ...options, authenticator: stranger });
  await expect(refused).rejects.toThrow(/-ERR 'Authorization Violation'/);
  const distrusted = BusClient.connect({ ...options, caPem: other.pki.caPem });
  await expect(distrusted).rejects.toThrow(/certificate/);
  await other.close();
});

test('a server that hangs is away, and is back when it goes on', async () => {
  const pid = Number(readFileSync(join(rig.folder, 'nats/nats-server.pid'), 'utf8'));
  const turns: boolean[] = [];
  let look: () => void = () => undefined;
  const onTurn = (isConnected: boolean): void => {
    turns.push(isConnected);
    look();
  };
  const turned = (): Promise<void> => new Promise((resolve) => (look = resolve));
  const client = await BusClient.connect({ ...options, onTurn, askEveryMs: 500 });
  onTestFinished(() => client.close());
  const away = turned();
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => void process.kill(pid, 'SIGCONT'));
  await away;
  const back = turned();
  process.kill(pid, 'SIGCONT');
  await back;
  expect(turns.slice(0, 2)).toEqual([false, true]);
});

test('the next server of a list is tried when the first is away', async () => {
  const urls = ['tls://127.0.0.1:1', ...options.urls];
  const client = await BusClient.connect({ ...options, urls });
  await client.subscribe('any');
  await client.close();
});
