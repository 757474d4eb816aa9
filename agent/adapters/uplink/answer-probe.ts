// The node's end of a measurement of its line: it sends the trains that it is asked for, and tells how those
// that come arrive. What it sends is bounded here, whatever it is asked.

import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { TrainPacket } from '../../../proto/trains.ts';
import {
  paceOf,
  readTrainPacket,
  trainPacketBytes,
  writeTrainPacket,
} from '../../../proto/trains.ts';

/** A train is over when nothing has come for so long. */
const quietMs = 300;
/** The scheduler is gone. */
const silentMs = 4_000;
const helloMs = 500;
/** It gives up on a scheduler that never comes to an end. */
const longestMs = 90_000;

export interface ProbeLease {
  readonly host: string;
  readonly port: number;
  readonly nonce: Uint8Array;
  /** What its trains may have in all, payload. */
  readonly maxBytes: number;
}

const blank = { train: 0, sequence: 0, count: 0, word: 0, spanMicros: 0, spanCount: 0 };

/** Payload of trains. */
export interface ProbeBytes {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Takes part until the scheduler has enough or is silent, or it is stopped. Never rejects. */
export function answerProbe(lease: ProbeLease, signal?: AbortSignal): Promise<ProbeBytes> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(lease.host) ? 'udp6' : 'udp4');
    let sentBytes = 0;
    let receivedBytes = 0;
    let coming: Train | undefined;
    // What is lost is lost, as on any line.
    const sendBytes = (bytes: Uint8Array): void => socket.send(bytes, () => undefined);
    const send = (packet: Partial<TrainPacket> & Pick<TrainPacket, 'kind'>): void =>
      sendBytes(writeTrainPacket(lease.nonce, { ...blank, ...packet }));
    let hello: NodeJS.Timeout | undefined;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(silence);
      clearTimeout(longest);
      clearInterval(hello);
      coming?.forget();
      signal?.removeEventListener('abort', end);
      socket.close(() => resolve({ sentBytes, receivedBytes }));
    };
    const silence = setTimeout(end, silentMs);
    const longest = setTimeout(end, longestMs);
    signal?.addEventListener('abort', end);
    // For good: one that comes while it closes must not end the agent.
    socket.on('error', end);
    socket.on('message', (bytes) => {
      const at = performance.now();
      const packet = readTrainPacket(lease.nonce, bytes);
      if (packet === undefined || isOver) return;
      clearInterval(hello);
      silence.refresh();
      if (packet.kind === 'bye') end();
      if (packet.kind === 'down') {
        if (coming?.train !== packet.train) {
          coming?.forget();
          coming = new Train(packet.train, (heard) => send({ kind: 'heard', ...heard }));
        }
        receivedBytes += bytes.length;
        coming.take(packet, at);
      }
      if (packet.kind !== 'ask') return;
      const count = Math.min(
        packet.count,
        Math.floor((lease.maxBytes - sentBytes) / trainPacketBytes),
      );
      sentBytes += count * trainPacketBytes;
      // One right after the other: what takes time is done before.
      const train = Array.from({ length: count }, (_, sequence) =>
        writeTrainPacket(lease.nonce, { ...packet, kind: 'up', sequence }),
      );
      for (const each of train) sendBytes(each);
    });
    socket.once('connect', () => {
      send({ kind: 'hello' });
      hello = setInterval(() => send({ kind: 'hello' }), helloMs);
    });
    // To one address: the system need not look it up for each packet. A failure is an `error` without a callback here.
    socket.connect(lease.port, lease.host);
  });
}

/** One that comes. */
class Train {
  readonly train: number;
  readonly #tell: (heard: Partial<TrainPacket>) => void;
  readonly #arrivals: number[] = [];
  #word = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(train: number, tell: (heard: Partial<TrainPacket>) => void) {
    this.train = train;
    this.#tell = tell;
  }

  take({ count, word }: TrainPacket, at: number): void {
    this.#arrivals.push(at);
    this.#word = (this.#word ^ word) >>> 0;
    this.forget();
    if (this.#arrivals.length >= count) return this.#end();
    this.#timer = setTimeout(() => this.#end(), quietMs);
  }

  forget(): void {
    clearTimeout(this.#timer);
  }

  #end(): void {
    const heard = { train: this.train, count: this.#arrivals.length, word: this.#word };
    const { seen = 0, ...pace } = paceOf(this.#arrivals) ?? {};
    this.#tell({ ...heard, ...pace, sequence: seen });
  }
}
