// Programs at the ends of a line in the lab, each in a namespace of its own. Line by line on their standard input and output:
//
//   core HOST              prints its ports: of probes, of plain transfers, of traffic; for each nonce, what it measured
//   node HOST PORT PORT    takes part in the probe of each nonce, and says what its trains had; `down` or `up`, a plain transfer
//   fill HOST PORT         keeps the line full both ways by TCP
//   load HOST PORT BPS     sends packets at random times, and has the other end send as many

import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { answerProbe } from '../agent/adapters/uplink/answer-probe.ts';
import { Probes } from '../scheduler/adapters/probes/probes.ts';

/** As much as a probe has in one direction. */
const plainBytes = 138_000;
const packetBytes = 1_200;
const lineBytes = 1_242;
const part = Buffer.alloc(16_384);

const [role = '', host = '', ...ports] = process.argv.slice(2);
const [port = 0, plainPort = 0] = ports.map(Number);
const say = (what: unknown): boolean => process.stdout.write(`${JSON.stringify(what)}\n`);
const roles: Readonly<Record<string, () => Promise<unknown>>> = { core, node, fill, load };
await roles[role]?.();

async function core(): Promise<void> {
  const probes = await Probes.listen(host, 0);
  const plain = createServer(servePlain).listen(0, host);
  await once(plain, 'listening');
  const traffic = createSocket('udp4').bind(0, host);
  await once(traffic, 'listening');
  traffic.on('message', (bytes, from) => {
    const bps = Number(/^load (\d+)$/.exec(String(bytes))?.[1]);
    if (bps > 0) sendAtRandom(traffic, bps, from);
  });
  say([probes.port, (plain.address() as AddressInfo).port, traffic.address().port]);
  for await (const nonce of createInterface({ input: process.stdin })) {
    say(await probes.measure(Buffer.from(nonce, 'hex')));
  }
}

async function node(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'down' || line === 'up') say(await plainTransfer(line));
    else {
      const lease = { host, port, nonce: Buffer.from(line, 'hex'), maxBytes: 150_000 };
      say(await answerProbe(lease));
    }
  }
}

/** What came, bit/s, from the first byte to the last, as a test of speed would say. */
async function plainTransfer(direction: 'down' | 'up'): Promise<number> {
  const socket = connect(plainPort, host);
  await once(socket, 'connect');
  if (direction === 'down') {
    const rate = rateOf(socket);
    socket.write(direction);
    return rate;
  }
  socket.write(Buffer.concat([Buffer.from('up  '), Buffer.alloc(plainBytes)]));
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return Number(String(answer));
}

function servePlain(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.once('data', (bytes: Buffer) => {
    const word = String(bytes.subarray(0, 4));
    if (word === 'fill') return keepFull(socket);
    if (word === 'down') return void socket.write(Buffer.alloc(plainBytes));
    void rateOf(socket, bytes.length).then((bps) => socket.write(String(bps)));
  });
}

/** Of all that comes after its first part, of so many bytes, which may be there already. */
async function rateOf(socket: Socket, firstBytes = 0): Promise<number> {
  let first = firstBytes;
  let total = first;
  let firstAt = performance.now();
  await new Promise<void>((resolve) => {
    socket.on('data', (each: Buffer) => {
      total += each.length;
      if (first === 0) [first, firstAt] = [total, performance.now()];
      if (total >= plainBytes) resolve();
    });
  });
  // All of it may come at once.
  return ((total - first) * 8_000) / Math.max(0.01, performance.now() - firstAt);
}

async function fill(): Promise<void> {
  const socket = connect(port, host);
  await once(socket, 'connect');
  socket.write('fill');
  keepFull(socket);
}

function keepFull(socket: Socket): void {
  socket.on('data', () => undefined);
  const more = (): void => {
    while (socket.write(part));
  };
  socket.on('drain', more);
  setTimeout(more, 100);
}

async function load(): Promise<void> {
  const [, bps = 0] = ports.map(Number);
  const socket = createSocket('udp4').bind(0);
  await once(socket, 'listening');
  socket.on('message', () => undefined);
  socket.send(`load ${bps}`, port, host);
  sendAtRandom(socket, bps, { port, address: host });
}

/** A Poisson process; what a busy machine could not send in time is sent a little later. */
function sendAtRandom(
  socket: UdpSocket,
  bps: number,
  to: { readonly port: number; readonly address: string },
): void {
  const packet = Buffer.alloc(packetBytes);
  const meanMs = (lineBytes * 8_000) / bps;
  let nextMs = performance.now();
  setInterval(() => {
    const nowMs = performance.now();
    // No long bursts after it was asleep.
    nextMs = Math.max(nextMs, nowMs - 20);
    for (; nextMs < nowMs; nextMs -= meanMs * Math.log(1 - Math.random())) {
      socket.send(packet, to.port, to.address, () => undefined);
    }
  }, 1);
}
