// The scheduler's end of measurements of lines: it leads one probe a nonce, sends trains down, asks for trains up, and
// times both. A port that answers nobody without a nonce is no amplifier.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { RemoteInfo, Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TrainPacket } from '../../../proto/trains.ts';
import {
  nonceBytes,
  paceOf,
  readTrainPacket,
  trainPacketBytes,
  writeTrainPacket,
} from '../../../proto/trains.ts';
import type { Came } from './trains.ts';
import { estimateOf, nextLength, rateOf } from './trains.ts';

const helloWithinMs = 5_000;
/** A train of 90 kB at 0.5 Mbit/s takes 1.5 s. */
const trainWithinMs = 3_000;
const quietMs = 300;
/** From a train to the next: the line's buffers are empty again, and a machine that was busy may be free. */
const pauseMs = 100;
/** Nothing is told of shorter times. */
const leastMs = 0.1;
/** A node may claim to be so many times as fast as this end's clock says. */
const claimable = 2;

export interface Measured {
  /** Payload, bit/s; null: too little came. */
  readonly downBps: number | null;
  readonly upBps: number | null;
  /** Of the trains, payload, as they were sent and as they came. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

type Take = (packet: TrainPacket, at: number, from: RemoteInfo) => void;
const blank = { train: 0, sequence: 0, count: 0, word: 0, spanMicros: 0, spanCount: 0 };

export class Probes {
  readonly #socket: Socket;
  readonly #open = new Map<string, Probe>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    // What does not come is lost, as on any line.
    socket.on('error', () => undefined);
    socket.on('message', (bytes, from) => {
      const at = performance.now();
      const probe = this.#open.get(bytes.toString('hex', 0, nonceBytes));
      const packet = probe && readTrainPacket(probe.nonce, bytes);
      if (packet !== undefined) probe?.take(packet, at, from);
    });
  }

  /** Listens; port 0 is any. Rejects with the system's error. */
  static async listen(host: string, port: number): Promise<Probes> {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    socket.bind(port, host);
    await once(socket, 'listening');
    return new Probes(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Waits 5 s for the node that has this nonce, and measures its line in both directions. Never rejects. */
  async measure(nonce: Uint8Array): Promise<Measured> {
    const name = Buffer.from(nonce).toString('hex');
    const probe = new Probe(this.#socket, nonce);
    this.#open.set(name, probe);
    const measured = await probe.run();
    this.#open.delete(name);
    return measured;
  }

  /** A probe under way finds nothing more. */
  async close(): Promise<void> {
    for (const probe of this.#open.values()) probe.leave();
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }
}

class Probe {
  readonly nonce: Uint8Array;
  readonly #socket: Socket;
  #peer: RemoteInfo | undefined;
  #isLeft = false;
  /** How long a packet and its answer take. */
  #aloneMs = 0;
  #giveUp: () => void = () => undefined;
  #listener: Take = () => undefined;
  #sentBytes = 0;
  #receivedBytes = 0;
  #train = 0;

  constructor(socket: Socket, nonce: Uint8Array) {
    this.#socket = socket;
    this.nonce = nonce;
  }

  take(packet: TrainPacket, at: number, from: RemoteInfo): void {
    this.#listener(packet, at, from);
  }

  /** Sends nothing more, and waits for nothing. */
  leave(): void {
    this.#isLeft = true;
    this.#giveUp();
  }

  async run(): Promise<Measured> {
    const came = await this.#wait(helloWithinMs, (done) => (packet, _, from) => {
      if (packet.kind !== 'hello') return;
      // From now on this address only.
      this.#peer = from;
      done(true);
    });
    const downBps = came === null ? null : await this.#measureDown();
    const upBps = came === null ? null : await this.#measureUp();
    if (came !== null) this.#send({ kind: 'bye' });
    return { downBps, upBps, sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes };
  }

  /** A single packet first, which tells how long a word and its answer take. */
  async #measureDown(): Promise<number | null> {
    this.#aloneMs = (await this.#down(1)).ms;
    const came: Came[] = [];
    // The node times. What this end's clock says of train and answer is never too fast: no claim goes far beyond it.
    let ownBps = 0;
    for (let sent = nextLength(came); sent !== null; sent = nextLength(came)) {
      const { heard, ms, isTrue } = await this.#down(sent);
      const { spanMicros = 0, sequence: seen = 0, count = 0 } = heard ?? {};
      // No packets came in no time, whatever a node says.
      const spanCount = spanMicros === 0 ? 0 : (heard?.spanCount ?? 0);
      const ownMicros = this.#ownMicros(ms);
      came.push({
        sent,
        isWhole: isTrue && count === sent,
        spanMicros,
        spanCount,
        seen,
        ownMicros,
      });
      const own = { spanMicros: ownMicros, spanCount: sent - 1 };
      if (heard !== undefined) ownBps = Math.max(ownBps, rateOf(own));
      await sleep(pauseMs);
    }
    const bps = estimateOf(came);
    return bps === null ? null : Math.min(bps, claimable * ownBps);
  }

  #ownMicros(ms: number): number {
    return 1_000 * Math.max(leastMs, ms - this.#aloneMs);
  }

  async #measureUp(): Promise<number | null> {
    const came: Came[] = [];
    for (let sent = nextLength(came); sent !== null; sent = nextLength(came)) {
      came.push(await this.#up(sent));
      await sleep(pauseMs);
    }
    return estimateOf(came);
  }

  async #down(
    count: number,
  ): Promise<{ heard: TrainPacket | undefined; ms: number; isTrue: boolean }> {
    this.#train += 1;
    const train = this.#train;
    const start = performance.now();
    let words = 0;
    let ms = trainWithinMs;
    const packets: Uint8Array[] = [];
    for (let sequence = 0; sequence < count; sequence += 1) {
      const word = randomInt(2 ** 32);
      words = (words ^ word) >>> 0;
      const packet = { ...blank, kind: 'down', train, sequence, count, word } as const;
      packets.push(writeTrainPacket(this.nonce, packet));
    }
    this.#sentBytes += count * trainPacketBytes;
    // One right after the other: what takes time is done.
    for (const bytes of packets) this.#sendBytes(bytes);
    const heard = await this.#wait<TrainPacket>(trainWithinMs, (done) => (packet, at) => {
      if (packet.kind !== 'heard' || packet.train !== train) return;
      ms = at - start;
      done(packet);
    });
    return { heard: heard ?? undefined, ms, isTrue: heard?.word === words };
  }

  async #up(count: number): Promise<Came> {
    this.#train += 1;
    const train = this.#train;
    const arrivals: number[] = [];
    const start = performance.now();
    let quiet: NodeJS.Timeout | undefined;
    this.#send({ kind: 'ask', train, count });
    await this.#wait<true>(trainWithinMs, (done) => (packet, at) => {
      if (packet.kind !== 'up' || packet.train !== train || arrivals.length >= count) return;
      arrivals.push(at);
      this.#receivedBytes += trainPacketBytes;
      clearTimeout(quiet);
      if (arrivals.length === count) done(true);
      else quiet = setTimeout(() => done(true), quietMs);
    });
    clearTimeout(quiet);
    const pace = paceOf(arrivals) ?? { spanMicros: 0, spanCount: 0, seen: 0 };
    const ownMicros = this.#ownMicros((arrivals.at(-1) ?? start) - start);
    return { sent: count, isWhole: arrivals.length === count, ownMicros, ...pace };
  }

  /** Null: it was not done in time. */
  async #wait<Found>(
    withinMs: number,
    listen: (done: (found: Found) => void) => Take,
  ): Promise<Found | null> {
    let timer: NodeJS.Timeout | undefined;
    const found = await new Promise<Found | null>((resolve) => {
      this.#giveUp = () => resolve(null);
      timer = setTimeout(this.#giveUp, this.#isLeft ? 0 : withinMs);
      const take = listen(resolve);
      this.#listener = (packet, at, from) => {
        const peer = this.#peer;
        if (peer !== undefined && (peer.address !== from.address || peer.port !== from.port))
          return;
        take(packet, at, from);
      };
    });
    clearTimeout(timer);
    this.#listener = () => undefined;
    return found;
  }

  #send(packet: Partial<TrainPacket> & Pick<TrainPacket, 'kind'>): void {
    this.#sendBytes(writeTrainPacket(this.nonce, { ...blank, ...packet }));
  }

  #sendBytes(bytes: Uint8Array): void {
    const peer = this.#isLeft ? undefined : this.#peer;
    // What is lost is lost, as on any line.
    if (peer !== undefined) this.#socket.send(bytes, peer.port, peer.address, () => undefined);
  }
}
