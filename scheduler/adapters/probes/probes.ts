// The scheduler's end of measurements of lines: it leads one probe a nonce, sends trains down, asks for trains up, and
// times both. A port that answers nobody without a nonce is no amplifier.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { RemoteInfo, Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { TrainPacket } from '../../../proto/trains.ts';
import {
  laterSpan,
  nonceBytes,
  readTrainPacket,
  trainPacketBytes,
  writeTrainPacket,
} from '../../../proto/trains.ts';

/** Packets of trains. */
const lengths = [10, 30, 75] as const;
/** Of a probe in one direction: of at most 1,300 bytes on the line, 150 kB. */
export const packetsMost = 115;
/** Of trains that are sent again since longer ones lose packets. */
const repeats = 4;
/** How much faster than shorter trains a longer one may seem. */
const agreeing = 1.25;
const helloWithinMs = 5_000;
/** A train of 90 kB at 0.5 Mbit/s takes 1.5 s. */
const trainWithinMs = 3_000;
const quietMs = 300;

export interface Measured {
  /** Payload, bit/s; null: too little came. */
  readonly downBps: number | null;
  readonly upBps: number | null;
  /** Of the trains, payload, as they were sent and as they came. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** How a train came. */
interface Came {
  readonly spanMicros: number;
  readonly spanCount: number;
  readonly isWhole: boolean;
}

const nothingCame: Came = { spanMicros: 0, spanCount: 0, isWhole: false };

type Take = (packet: TrainPacket, at: number, from: RemoteInfo) => void;
const blank = { train: 0, sequence: 0, count: 0, word: 0, spanMicros: 0, spanCount: 0 };

export class Probes {
  readonly #socket: Socket;
  readonly #open = new Map<string, { readonly nonce: Uint8Array; take: Take }>();

  private constructor(socket: Socket) {
    this.#socket = socket;
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

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }
}

class Probe {
  readonly nonce: Uint8Array;
  readonly #socket: Socket;
  #peer: RemoteInfo | undefined;
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

  async run(): Promise<Measured> {
    const came = await this.#wait(helloWithinMs, (done) => (packet, _, from) => {
      if (packet.kind !== 'hello') return;
      // From now on this address only.
      this.#peer = from;
      done(true);
    });
    const downBps = came === null ? null : await this.#grow(await this.#directDown());
    const upBps = came === null ? null : await this.#grow((count) => this.#up(count));
    if (came !== null) this.#send({ kind: 'bye' });
    return { downBps, upBps, sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes };
  }

  /**
   * Trains grow while nothing is lost; then those of the last length are sent again, as far as the budget goes.
   */
  async #grow(send: (count: number) => Promise<Came>): Promise<number | null> {
    const came: Came[] = [];
    let step = 0;
    let left = packetsMost;
    for (let count: number = lengths[0]; count <= left; count = lengths[step] ?? lengths[0]) {
      const next = await send(count);
      came.push(next);
      left -= count;
      if (!next.isWhole && step === 0) break;
      if (!next.isWhole) {
        step -= 1;
        left = Math.min(left, repeats * (lengths[step] ?? 0));
      } else if (came.every(({ isWhole }) => isWhole))
        step = Math.min(step + 1, lengths.length - 1);
    }
    return estimateOf(came);
  }

  /** How trains go down: a single packet first, which tells how long a word and its answer take. */
  async #directDown(): Promise<(count: number) => Promise<Came>> {
    const alone = await this.#down(1);
    return async (count) => {
      const { heard, ms, isTrue } = await this.#down(count);
      if (heard === undefined) return nothingCame;
      const { spanCount } = heard;
      // The node times; it cannot claim twice what this end's clock says of train and answer.
      const ownMicros = (Math.max(0, ms - alone.ms) * 1000 * spanCount) / (count - 1);
      const spanMicros = Math.max(heard.spanMicros, ownMicros / 2);
      return { spanMicros, spanCount, isWhole: isTrue && heard.count === count };
    };
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
    return { ...nothingCame, ...laterSpan(arrivals), isWhole: arrivals.length === count };
  }

  /** Null: it was not done in time. */
  async #wait<Found>(
    withinMs: number,
    listen: (done: (found: Found) => void) => Take,
  ): Promise<Found | null> {
    let timer: NodeJS.Timeout | undefined;
    const found = await new Promise<Found | null>((resolve) => {
      timer = setTimeout(() => resolve(null), withinMs);
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
    const peer = this.#peer;
    // What is lost is lost, as on any line.
    if (peer !== undefined) this.#socket.send(bytes, peer.port, peer.address, () => undefined);
  }
}

/**
 * Payload, bit/s: the median of the longest trains that came whole; where none did, of what came. Short ones read high, since
 * buffers let them through; a longer one that reads much higher was seen late and all at once by a busy machine.
 */
function estimateOf(came: readonly Came[]): number | null {
  const whole = came.filter(({ isWhole, spanCount }) => isWhole && spanCount > 0);
  if (whole.length === 0) return medianOf(came.filter(({ spanCount }) => spanCount > 0));
  const longest = Math.max(...whole.map(({ spanCount }) => spanCount));
  const found = medianOf(whole.filter(({ spanCount }) => spanCount === longest));
  const shorter = whole.filter(({ spanCount }) => spanCount < longest).map(rateOf);
  if (found === null || shorter.length === 0) return found;
  return Math.min(found, agreeing * Math.max(...shorter));
}

function medianOf(came: readonly Came[]): number | null {
  const rates = came.map(rateOf).sort((a, b) => a - b);
  return rates[Math.floor(rates.length / 2)] ?? null;
}

/** Payload, bit/s. */
function rateOf(span: Pick<TrainPacket, 'spanMicros' | 'spanCount'>): number {
  return (span.spanCount * trainPacketBytes * 8e6) / span.spanMicros;
}
