// Paces the bytes of each site and direction to the rate that is ours to spend. It decides nothing:
// which transfer goes next is the core's word.

import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';

export type Direction = 'down' | 'up';

export interface SiteRate {
  readonly siteId: string;
  /** Bit/s of the shared part. */
  readonly downBps: number;
  readonly upBps: number;
}

export interface PacerClock {
  nowMs(): number;
  callAfter(spanMs: number, callback: () => void): void;
}

/** Bytes that may go at once after a pause; a share of the rate, at least one chunk of a stream. */
const burstMs = 100;
const leastBurstBytes = 64 * 1024;

interface Bucket {
  /** When all that was let through so far would have been sent at the rate. */
  clearMs: number;
  bytes: number;
}

export class Pacer {
  readonly #clock: PacerClock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: PacerClock) {
    this.#clock = clock;
  }

  /** Bytes that have crossed the uplink of a site since the start. */
  bytes(siteId: string, direction: Direction): number {
    return this.#buckets.get(`${direction} ${siteId}`)?.bytes ?? 0;
  }

  /** A stream that lets bytes through at what is left of the site's rate. */
  stream(rateOf: () => SiteRate | undefined, direction: Direction): Transform {
    return new Transform({
      transform: (part: Buffer, _encoding, done: TransformCallback) => {
        const waitMs = this.#take(rateOf(), direction, part.length);
        if (waitMs <= 0) done(null, part);
        else this.#clock.callAfter(waitMs, () => done(null, part));
      },
    });
  }

  /** Books the bytes; returns how long they must wait, in milliseconds. */
  #take(rate: SiteRate | undefined, direction: Direction, size: number): number {
    if (rate === undefined) return 0;
    const bps = direction === 'down' ? rate.downBps : rate.upBps;
    const key = `${direction} ${rate.siteId}`;
    const bucket = this.#buckets.get(key) ?? { clearMs: 0, bytes: 0 };
    this.#buckets.set(key, bucket);
    const nowMs = this.#clock.nowMs();
    const allowanceMs = Math.max(burstMs, (8_000 * leastBurstBytes) / bps);
    bucket.clearMs = Math.max(bucket.clearMs, nowMs) + (8_000 * size) / bps;
    bucket.bytes += size;
    return Math.max(0, bucket.clearMs - nowMs - allowanceMs);
  }
}
