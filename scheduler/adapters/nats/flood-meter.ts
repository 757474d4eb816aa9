// Which node says more than any agent has to say. A bucket a node, which fills with time.

import type { NodeId } from '../../core/index.ts';

/** An agent says a report each 30 s, and when a task starts and ends: 340 a second of 512 slots, the most
 * that there may be, with tasks of three seconds. A Pi says a few. */
export const messagesPerSecond = 500;
/** One that comes back after a day tells what it has kept. */
export const burstMessages = 5_000;
/** What is dropped without a rest before a node is cut off: two minutes of twice what is allowed. */
export const droppedMost = 60_000;

/** `cut`: too much for too long, told once. */
export type Flow = 'heard' | 'dropped' | 'cut';

interface Bucket {
  room: number;
  atMs: number;
  dropped: number;
}

export class FloodMeter {
  readonly #buckets = new Map<NodeId, Bucket>();

  /** A node has said something at `nowMs`, which never goes back. */
  take(id: NodeId, nowMs: number): Flow {
    const bucket = this.#bucketOf(id, nowMs);
    bucket.room += ((nowMs - bucket.atMs) / 1_000) * messagesPerSecond;
    bucket.atMs = nowMs;
    if (bucket.room >= burstMessages) {
      bucket.room = burstMessages;
      bucket.dropped = 0;
    }
    if (bucket.room >= 1) {
      bucket.room -= 1;
      return 'heard';
    }
    bucket.dropped += 1;
    return bucket.dropped === droppedMost ? 'cut' : 'dropped';
  }

  #bucketOf(id: NodeId, nowMs: number): Bucket {
    const known = this.#buckets.get(id);
    if (known !== undefined) return known;
    const made = { room: burstMessages, atMs: nowMs, dropped: 0 };
    this.#buckets.set(id, made);
    return made;
  }
}
