// A client that has given up does not hold its connection for as long as a silent host would.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { join } from '../../../agent/adapters/internet/joined.ts';

/** Two ends of one connection. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection');
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [far] = (await accepted) as [Socket];
  server.close();
  for (const each of [near, far]) each.on('error', () => undefined);
  return [near, far];
}

/** With an error or without. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function joined(endedMs: number) {
  const [client, task] = await pair();
  const [host, server] = await pair();
  join({ task, host, up: [], down: [], endedMs });
  return { client, task, host, server };
}

test('who gives up is gone soon, however silent the host is', { timeout: 60_000 }, async () => {
  const { client, task, host, server } = await joined(50);
  client.write('question');
  client.destroy();
  server.resume();
  await Promise.all([closed(task), closed(host)]);
});

test('who has only said all gets the answer', { timeout: 60_000 }, async () => {
  const { client, server } = await joined(60_000);
  client.end('question');
  server.on('data', () => undefined).once('end', () => server.end('answer'));
  expect(await client.setEncoding('utf8').toArray()).toEqual(['answer']);
});
