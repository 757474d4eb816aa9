// The lab is what it says: homes behind NAT that reach the core and not each other, lines as fast as asked.

import { execFileSync } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { coreAddress } from '../../lab/layout.ts';
import { Network } from '../../lab/network.ts';
import type { Space } from '../../lab/space.ts';
import { Program, longTestMs } from '../integration/program.ts';
import { until } from '../integration/rig.ts';
import { reaches } from './reaches.ts';

const missing = Network.missing();
const home = { nodes: 2, downBps: 8_000_000, upBps: 2_000_000 };

describe('a lab of four homes', () => {
  let network: Network;

  beforeAll(() => {
    if (missing !== undefined) return;
    network = Network.create([
      { name: 'one', ...home },
      { name: 'two', ...home, isIsolated: true },
      { name: 'three', ...home, carrier: 'mobile' },
      { name: 'four', ...home, carrier: 'mobile' },
    ]);
  });
  afterAll(() => network?.close());
  beforeEach((context) => context.skip(missing !== undefined, missing));

  test('each node is seen at its home’s or carrier’s address', async () => {
    const seen = new Map<string, string>();
    for (const name of ['one-1', 'one-2', 'two-1', 'three-1', 'four-1']) {
      seen.set(name, await addressOf(network, name));
    }
    expect(seen.get('one-1')).toBe(seen.get('one-2'));
    expect(seen.get('three-1')).toBe(seen.get('four-1'));
    expect(new Set(seen.values()).size).toBe(3);
  });

  test('nodes of a LAN reach each other, those of an isolated one do not, nor does the core reach one', () => {
    expect(isReached(network.node('one-1'), '192.168.1.12')).toBe(true);
    expect(isReached(network.node('two-1'), '192.168.1.12')).toBe(false);
    expect(isReached(network.node('two-1'), coreAddress)).toBe(true);
    expect(isReached(network.core, '192.168.1.11')).toBe(false);
  });

  test('a cable that is out carries nothing, and everything when it is in again', () => {
    network.setPlugged('one', false);
    expect(isReached(network.node('one-1'), coreAddress)).toBe(false);
    network.setPlugged('one', true);
    expect(isReached(network.node('one-1'), coreAddress)).toBe(true);
  });

  test('a node that moves is behind the other home, whose nodes see the router that they knew', async () => {
    const router = routerOf(network, 'one-2');
    for (const guest of ['three-2', 'four-1', 'four-2']) {
      network.move(guest, 'one');
      expect(routerOf(network, guest)).toBe(router);
    }
    expect(await addressOf(network, 'three-2')).toBe(await addressOf(network, 'one-1'));
  });

  test('a line carries what it was asked to, down and up', async () => {
    const before = network.carried('one');
    const downMs = await sendMs(network, { from: network.core, to: 'one-1', bytes: 500_000 });
    expect(rateOf(500_000, downMs)).toBeGreaterThan(0.8 * home.downBps);
    expect(rateOf(500_000, downMs)).toBeLessThan(1.1 * home.downBps);
    const upMs = await sendMs(network, { from: network.node('one-2'), to: 'core', bytes: 250_000 });
    expect(rateOf(250_000, upMs)).toBeGreaterThan(0.8 * home.upBps);
    expect(rateOf(250_000, upMs)).toBeLessThan(1.1 * home.upBps);
    const after = network.carried('one');
    expect(after.receivedBytes - before.receivedBytes).toBeGreaterThan(500_000);
    expect(after.sentBytes - before.sentBytes).toBeGreaterThan(250_000);
  });
});

/** Whether anything answers there, be it only that the port is closed. */
function isReached(from: Space, address: string): boolean {
  return reaches(from, address, 9) !== 'no';
}

/** The hardware address that a node has for its router, once it has said something. */
function routerOf(network: Network, name: string): string {
  const node = network.node(name);
  isReached(node, coreAddress);
  return /lladdr (\S+)/.exec(node.run(['ip', 'neigh', 'show', '192.168.1.1']))?.[1] ?? 'unknown';
}

/** The address that the core sees of a node. */
async function addressOf(network: Network, name: string): Promise<string> {
  const told = await exchange(network, {
    server: network.core,
    serve: 'socket.end(); say(socket.remoteAddress)',
    client: network.node(name),
    address: coreAddress,
    send: '',
  });
  return told.server;
}

interface Sending {
  readonly from: Space;
  /** A node's name, or the core. */
  readonly to: string;
  readonly bytes: number;
}

/** Milliseconds from the first byte to the last, where they arrive. Who is behind NAT connects. */
async function sendMs(network: Network, { from, to, bytes }: Sending): Promise<number> {
  const isDown = from === network.core;
  const send = `socket.end(Buffer.alloc(${bytes}));`;
  const told = await exchange(network, {
    server: network.core,
    serve: isDown ? `${send} say('sent')` : receive,
    client: isDown ? network.node(to) : from,
    address: coreAddress,
    send: isDown ? receive : send,
  });
  return Number(isDown ? told.client : told.server);
}

const receive = `
  let first; socket.on('data', () => { first ??= performance.now(); });
  socket.on('end', () => { socket.end(); say(String(performance.now() - first)); });`;

/** Runs a server and a client that connects to it; what each says. */
async function exchange(
  network: Network,
  talk: {
    readonly server: Space;
    readonly serve: string;
    readonly client: Space;
    readonly address: string;
    readonly send: string;
  },
): Promise<{ readonly server: string; readonly client: string }> {
  const say = 'const say = (text) => console.log(text);';
  const listens = `${say} const server = require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    server.close(); ${talk.serve} }).listen(0, () => say(server.address().port));`;
  // A cable that was just put in may need a moment; what needs longer is told.
  const connects = `${say} let tries = 0; (function connect() {
    const socket = require('node:net').connect(
      { host: process.argv[1], port: Number(process.argv[2]), allowHalfOpen: true });
    socket.on('error', (error) => {
      tries += 1;
      if (tries > 100) throw error;
      setTimeout(connect, 100);
    });
    socket.on('connect', () => { socket.on('end', () => socket.end()); ${talk.send} });
  })();`;
  const server = network.spawn(talk.server, ['node', '-e', listens], piped);
  const lines = linesOf(server);
  const port = (await lines.next()).value as string;
  const client = network.spawn(talk.client, ['node', '-e', connects, talk.address, port], piped);
  const [clientSaid, [code]] = await Promise.all([all(linesOf(client)), once(client, 'close')]);
  if (code !== 0) {
    server.kill();
    throw new Error(`a client ended (${code}); its words are above`);
  }
  const serverSaid = await all(lines);
  return { server: serverSaid.join(''), client: clientSaid.join('') };
}

const piped: SpawnOptions = { stdio: ['ignore', 'pipe', 'inherit'] };

function linesOf(child: ChildProcess): AsyncIterator<string> {
  if (child.stdout === null) throw new Error('its output is read');
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

async function all(lines: AsyncIterator<string>): Promise<string[]> {
  const found: string[] = [];
  for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
    found.push(next.value);
  }
  return found;
}

function rateOf(bytes: number, ms: number): number {
  return (8 * bytes * 1000) / ms;
}

test(
  'whatever ends the process that made it, nothing of a lab is left',
  async ({ skip }) => {
    skip(missing !== undefined, missing);
    const lab = JSON.stringify(new URL('../../lab/network.ts', import.meta.url).href);
    const source = `const { Network } = await import(${lab});
      const network = Network.create([{ name: 'home', nodes: 1, downBps: 1e6, upBps: 1e6 }]);
      console.log('made', network.spawn(network.node('home-1'), ['sleep', '1000']).pid);`;
    const words = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', source];
    const maker = new Program('a maker of labs', words);
    const [, sleeper] = (await maker.said('made')).split(' ');
    const own = `punnet-lab-${maker.pid}-`;
    expect(namespaces()).toContain(own);
    await maker.kill('SIGKILL');
    const isLeft = (): boolean => namespaces().includes(own) || existsSync(`/proc/${sleeper}`);
    await until('nothing of it', () => Promise.resolve(isLeft() ? undefined : true));
  },
  longTestMs,
);

function namespaces(): string {
  // It complains of those that another process is removing.
  return execFileSync('ip', ['netns', 'list'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}
