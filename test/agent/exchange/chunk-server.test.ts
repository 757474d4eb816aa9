// Chunks between two nodes, over real sockets: who shows the proof gets what is there and nothing else, and a peer that lies, trickles
// or floods is found out and cut off.

import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  ChunkClient,
  PeerError,
  type PeerBlob,
} from '../../../agent/adapters/exchange/chunk-client.ts';
import { ChunkServer, type SharedBlob } from '../../../agent/adapters/exchange/chunk-server.ts';
import { UplinkPacer } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import { leastLanBps } from '../../../agent/adapters/owner/limits.ts';
import { emptyBitmap, setChunk, type Bitmap } from '../../../proto/bitmap.ts';

const host = '127.0.0.1';
const sha256 = 'c'.repeat(64);
const proof = randomBytes(32);
const chunk = randomBytes(100_000);
const never = new AbortController().signal;

let client: ChunkClient;
let server: ChunkServer;
let blob: PeerBlob;
let held: Bitmap;
let read: SharedBlob['read'];
let isPeer = true;
let nowMs = 0;
let told: unknown[] = [];

beforeEach(async () => {
  held = emptyBitmap(9);
  setChunk(held, 4);
  read = (at) => Promise.resolve(at === 4 ? chunk : null);
  [isPeer, nowMs, told] = [true, 0, []];
  client = new ChunkClient(unlimited());
  server = newServer(unlimited());
  blob = { sha256, proof, peer: { address: host, port: await server.start(host) } };
});
afterEach(() => {
  client.stop();
  server.stop();
});

function newServer(pacer: UplinkPacer): ChunkServer {
  return new ChunkServer({
    blobOf: (name) => (name === sha256 ? served() : null),
    isPeer: () => isPeer,
    onPeerHas: (...words) => told.push(words),
    ...{ mostOut: 1, pacer, nowMs: () => nowMs },
  });
}

function unlimited(): UplinkPacer {
  return new UplinkPacer(
    () => null,
    () => undefined,
  );
}

function served(): SharedBlob {
  const index = (): Promise<Buffer> => Promise.resolve(Buffer.from('an index'));
  return { chunks: 9, held, proof, index, read: (at) => read(at) };
}

function ask(from: PeerBlob = blob, at = 4): Promise<Buffer> {
  return client.chunk(from, { chunk: at, lengthBytes: chunk.length }, never);
}

describe('a chunk server', () => {
  test('gives chunks, the index and what it has to who shows the proof', async () => {
    expect((await ask()).equals(chunk)).toBe(true);
    expect((await client.index(blob, 100, never)).toString()).toBe('an index');
    const own = emptyBitmap(9);
    setChunk(own, 8);
    const swapped = await client.swap(blob, { held: own, chunks: 9, port: 7_000 }, never);
    expect([...swapped]).toEqual([...held]);
    expect(told).toEqual([[sha256, { address: host, port: 7_000 }, own]]);
  });

  test.each<[string, () => PeerBlob, number]>([
    ['another proof', () => ({ ...blob, proof: randomBytes(32) }), 4],
    ['a proof of another length', () => ({ ...blob, proof: randomBytes(31) }), 4],
    ['no proof', () => ({ ...blob, proof: new Uint8Array(0) }), 4],
    ['a blob that is not exchanged', () => ({ ...blob, sha256: 'd'.repeat(64) }), 4],
    ['a path', () => ({ ...blob, sha256: '../../../../etc/passwd' }), 4],
    ['a chunk that is not there', () => blob, 5],
    ['a chunk that the blob does not have', () => blob, 9],
    ['a chunk of no number', () => blob, -1],
  ])('gives nothing for %s', async (_, from, at) => {
    await expect(ask(from(), at)).rejects.toThrow('HTTP status 404');
    expect((await ask()).equals(chunk)).toBe(true);
  });

  test('says that it is busy while it gives as many chunks as it may', async () => {
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    read = () => gate.then(() => chunk);
    const first = ask();
    await expect.poll(() => ask().catch((error: PeerError) => error.restMs)).toBe(100);
    go();
    expect((await first).equals(chunk)).toBe(true);
  });

  test('has no connection with who is not of its LAN', async () => {
    isPeer = false;
    await expect(ask()).rejects.toThrow(PeerError);
  });

  test('cuts off who floods it, until the window is over', async () => {
    for (let at = 0; at < 400; at += 1) await client.index(blob, 100, never);
    await expect(client.index(blob, 100, never)).rejects.toThrow(PeerError);
    nowMs = 10_000;
    expect((await client.index(blob, 100, never)).toString()).toBe('an index');
  });

  test('takes no bitmap that the blob can’t have', async () => {
    const swap = (length: number): Promise<Bitmap> =>
      client.swap(blob, { held: new Uint8Array(length).fill(255), chunks: 9, port: 7_000 }, never);
    for (const length of [1, 2, 3, 100_000]) await expect(swap(length)).rejects.toThrow(PeerError);
    expect(told).toEqual([]);
  });

  test('ends a connection that says what is no request', async () => {
    const socket = connect(blob.peer.port, host);
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(`GET /${'x'.repeat(100_000)}`);
    await once(socket, 'close');
    expect((await ask()).equals(chunk)).toBe(true);
  });
});

test('a chunk server keeps so many connections of one host and no more', async () => {
  const sockets = Array.from({ length: 6 }, () => connect(blob.peer.port, host));
  const gone = sockets.map((socket) => once(socket.on('error', () => undefined).resume(), 'close'));
  await Promise.race(gone);
  await expect.poll(() => sockets.filter(({ closed }) => !closed).length).toBe(4);
  await expect(ask()).rejects.toThrow(PeerError);
  sockets.forEach((socket) => socket.destroy());
  await expect
    .poll(() =>
      ask().then(
        (bytes) => bytes.equals(chunk),
        () => false,
      ),
    )
    .toBe(true);
});

test.each(['gives', 'takes'])(
  'a node %s no more of its LAN than its owner allows',
  async (side) => {
    // Of both ends only one has the limit; what may go at once is a tenth of a second of it.
    const limited = new UplinkPacer(
      () => ({ downBps: 8e6, upBps: 8e6 }),
      () => undefined,
    );
    if (side === 'gives') {
      server.stop();
      server = newServer(limited);
      blob = { ...blob, peer: { address: host, port: await server.start(host) } };
    } else {
      client.stop();
      client = new ChunkClient(limited);
    }
    const startMs = performance.now();
    for (let at = 0; at < 5; at += 1) expect((await ask()).equals(chunk)).toBe(true);
    expect(performance.now() - startMs).toBeGreaterThan(390);
  },
);

describe('at the least rate that an owner may set, and half of it for each of two', () => {
  const lengthBytes = 2 ** 20;
  const neededMs = (8_000 * lengthBytes) / (leastLanBps / 2);
  let open: (() => void) | undefined;
  let gated: Server;

  /** Holds each answer until the test opens it, so that no test lasts as long as a thin LAN. */
  beforeEach(async () => {
    open = undefined;
    gated = createServer((_, response) => {
      open = () => response.end(Buffer.alloc(lengthBytes));
    }).listen(0, host);
    await once(gated, 'listening');
    blob = { ...blob, peer: { address: host, port: (gated.address() as AddressInfo).port } };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
    gated.closeAllConnections();
    gated.close();
  });

  async function untilAsked(): Promise<void> {
    while (open === undefined) await new Promise(setImmediate);
  }

  test.each<[string, (bytes: number) => Promise<Buffer>]>([
    ['a chunk', (bytes) => client.chunk(blob, { chunk: 4, lengthBytes: bytes }, never)],
    ['an index', (bytes) => client.index(blob, bytes, never)],
  ])('%s of 1 MiB is waited for, and no longer than a short one may take', async (_, get) => {
    const answer = get(lengthBytes);
    await untilAsked();
    vi.advanceTimersByTime(neededMs);
    open?.();
    expect((await answer).length).toBe(lengthBytes);
    open = undefined;
    const late = expect(get(1_000)).rejects.toThrow('no answer in 4000 ms');
    await untilAsked();
    vi.advanceTimersByTime(neededMs);
    await late;
  });
});

describe('a peer', () => {
  let liar: Server;
  beforeEach(() => {
    client = new ChunkClient(unlimited(), () => 1_000);
  });
  afterEach(() => {
    liar.closeAllConnections();
    liar.close();
  });

  async function peerThat(answers: RequestListener): Promise<PeerBlob> {
    liar = createServer(answers).listen(0, host);
    await once(liar, 'listening');
    return { ...blob, peer: { address: host, port: (liar.address() as AddressInfo).port } };
  }

  test.each<[string, RequestListener, string]>([
    ['says nothing', () => undefined, 'no answer in 1000 ms'],
    [
      'trickles',
      (_, response) => {
        const timer = setInterval(() => response.write('x'), 20);
        response.once('close', () => clearInterval(timer));
      },
      'no answer in 1000 ms',
    ],
    ['cuts its answer off', (_, response) => response.end(chunk.subarray(1)), '99999 came'],
    ['breaks off', (_, response) => response.destroy(), 'socket hang up'],
    [
      'says more than it should',
      (_, response) => response.end(Buffer.concat([chunk, chunk])),
      'more than 100000 bytes',
    ],
    [
      'sends no end of bytes',
      (_, response) => {
        const more = (): void => {
          while (response.write(chunk)) continue;
        };
        response.on('drain', more);
        more();
      },
      'more than 100000 bytes',
    ],
    [
      'wants to be asked again in a year',
      (_, response) => response.writeHead(503, { 'retry-after': '31536000' }).end(),
      'HTTP status 503',
    ],
  ])('that %s is given up', async (_, answers, why) => {
    const from = await peerThat(answers);
    const error: unknown = await ask(from).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PeerError);
    expect(error).toMatchObject({ message: expect.stringContaining(why) });
    if (why.endsWith('503')) expect(error).toMatchObject({ restMs: 60_000 });
  });

  test('that lies in its bitmap of a chunk the blob has not is not believed', async () => {
    const from = await peerThat((_, response) => response.end(Buffer.from([0, 0xff])));
    const own = { held: emptyBitmap(9), chunks: 9, port: 7_000 };
    await expect(client.swap(from, own, never)).rejects.toThrow('found more in its last byte');
  });
});
