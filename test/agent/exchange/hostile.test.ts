// Hosts of the LAN that do what no node should, while a blob is exchanged over real sockets: every node has it whole in the end, and the line
// carries it once. And when all have it, nothing is said any more.

import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fullBitmap } from '../../../proto/bitmap.ts';
import { longTestMs } from '../../integration/program.ts';
import type { Answers } from './loopback.ts';
import { bytes, chunkCount, chunkOf, Loopback, proof, sha256 } from './loopback.ts';

let site: Loopback;
beforeEach(() => (site = new Loopback()));
afterEach(() => site.stop());

const withinMs = longTestMs - 10_000;

async function untilWhole(): Promise<void> {
  const look = (): boolean => {
    site.hurry();
    return site.isWhole;
  };
  await expect.poll(look, { timeout: withinMs, interval: 20 }).toBe(true);
  for (const node of site.nodes) expect(site.isRight(node)).toBe(true);
  expect(site.originBytes / bytes.length).toBeLessThan(1.1);
}

function flipped(at: number): Buffer {
  const wrong = Buffer.from(chunkOf(at));
  wrong[at] = (wrong[at] ?? 0) ^ 1;
  return wrong;
}

const isShort = process.env['PUNNET_LONG_TESTS'] === undefined;
let served = 0;
const hosts: readonly (readonly [string, Answers])[] = [
  ['flips one bit', (at, response) => response.end(flipped(at))],
  ['gives another chunk', (at, response) => response.end(chunkOf((at + 1) % chunkCount))],
  ['has an older version of it', (at, response) => response.end(Buffer.alloc(chunkOf(at).length))],
  ['cuts chunks off', (at, response) => response.end(chunkOf(at).subarray(1))],
  [
    'breaks off in the middle of what it promised',
    (at, response) => {
      response.writeHead(200, { 'content-length': chunkOf(at).length });
      response.write(chunkOf(at).subarray(0, 1_000), () => response.destroy());
    },
  ],
  [
    'sends twice as much',
    (at, response) => response.end(Buffer.concat([chunkOf(at), chunkOf(at)])),
  ],
  ['says that it has all, and gives nothing', (_, response) => response.writeHead(404).end()],
  ['is busy for ever', (_, response) => response.writeHead(503, { 'retry-after': '1' }).end()],
  [
    'dies when it has given some',
    (at, response, { socket }) => {
      served += 1;
      if (served > 4) socket.destroy();
      else response.end(chunkOf(at));
    },
  ],
  ['speaks no HTTP', (_, __, { socket }) => socket.end('\0'.repeat(500))],
];

test.for(hosts)(
  'a host that %s spoils nothing',
  { timeout: longTestMs },
  async ([, answers], context) => {
    context.skip(isShort, 'PUNNET_LONG_TESTS=1 runs each alone; below they are all there at once');
    served = 0;
    await site.node('carrier', true);
    await site.node('taker', false);
    site.begin([await site.stranger(answers)]);
    await untilWhole();
    // Two nodes, and each has found it out with one chunk.
    expect(site.events.filter((event) => event === 'a peer sent wrong bytes').length).toBeLessThan(
      3,
    );
  },
);

test(
  'ten of them at once spoil nothing',
  async () => {
    served = 0;
    await site.node('carrier', true);
    await site.node('taker', false);
    const strangers = await Promise.all(hosts.map(([, answers]) => site.stranger(answers)));
    site.begin(strangers);
    await untilWhole();
  },
  longTestMs,
);

test(
  'hosts that say nothing or trickle are given up',
  async () => {
    await site.node('carrier', true);
    await site.node('taker', false);
    const silent = await site.stranger(() => undefined);
    const trickling = await site.stranger((at, response) => {
      const timer = setInterval(() => response.write(chunkOf(at).subarray(0, 1)), 500);
      response.once('close', () => clearInterval(timer));
    });
    site.begin([silent, trickling]);
    await untilWhole();
  },
  longTestMs,
);

test(
  'a host that floods a node with parts that it makes up holds nobody up',
  async () => {
    const carrier = await site.node('carrier', true);
    await site.node('taker', false);
    let isOver = false;
    const flood = async (): Promise<void> => {
      for (let at = 0; !isOver; at += 1) await tellParts(carrier.peer.port, at);
    };
    const floods = [flood(), flood()];
    site.begin();
    await untilWhole();
    isOver = true;
    await Promise.all(floods);
  },
  longTestMs,
);

/** It has all, at another port each time, says the host; the answer is not read. */
function tellParts(port: number, at: number): Promise<void> {
  const authorization = `Bearer ${proof.toString('base64url')}`;
  const headers = { authorization, 'punnet-port': 1_024 + (at % 60_000) };
  return new Promise((resolve) => {
    const path = `/v1/parts/${sha256}`;
    // Not the address of those that it would shut out.
    const from = { host: '127.0.0.1', localAddress: '127.0.0.9', port };
    const asked = request({ ...from, method: 'POST', path, headers }, (answer) => {
      answer.resume().once('close', resolve);
    });
    asked.on('error', () => resolve());
    asked.end(fullBitmap(chunkCount));
  });
}

test(
  'when all have it nothing is said any more, by nobody to nobody, however long',
  async () => {
    for (const name of ['carrier', 'taker', 'third']) await site.node(name, name === 'carrier');
    site.begin();
    await untilWhole();
    const pass = async (spanMs: number, times: number): Promise<void> => {
      for (let at = 0; at < times; at += 1) {
        site.laterMs += spanMs;
        for (const { exchange } of site.nodes) exchange.post({ kind: 'tick' });
        await sleep(20);
      }
    };
    // The last news of who has what.
    await pass(60_000, 20);
    const before = site.messages;
    await pass(3_600_000, 24);
    expect(site.messages).toBe(before);
  },
  longTestMs,
);
