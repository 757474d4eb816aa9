// Every attempt of a run as columns, by the number of its lease: leases count up from 1, and a run
// has millions.

import { endedRowLength, grown } from '../../scheduler/core/index.ts';
import type { Streamed } from './streams.ts';

/**
 * wanted: its bytes wait for their turn; moving: they are on the way; blocked: another attempt, or the
 * site's exchange, brings the bundle; ready: waits for a slot.
 */
export const phases = {
  none: 0,
  wanted: 1,
  moving: 2,
  blocked: 3,
  ready: 4,
  running: 5,
  sendWanted: 6,
  sending: 7,
  over: 8,
} as const;

/** One batch of chunks over a site's line. */
export interface Brought {
  readonly site: number;
  readonly job: number;
  readonly bytes: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export class Attempts {
  node = new Int32Array(1024);
  /** Number of a job or of a service (world/services.ts). */
  job = new Int32Array(1024);
  task = new Int32Array(1024);
  phase = new Uint8Array(1024);
  /** Of what it asked for last. */
  bytes = new Float64Array(1024);
  grantedAt = new Float64Array(1024);
  /** When it began to fetch, had all that it fetches, and began to send; 0: it had no need. */
  fetchingAt = new Float64Array(1024);
  fetchedAt = new Float64Array(1024);
  sendingAt = new Float64Array(1024);
  startedAt = new Float64Array(1024);
  exitedAt = new Float64Array(1024);
  /** When its result was taken. */
  doneAt = new Float64Array(1024);
  /** That it fetched, that it sent, and of a transfer that was stopped. */
  downBytes = new Float64Array(1024);
  upBytes = new Float64Array(1024);
  stoppedBytes = new Float64Array(1024);
  /** What replicas of services moved while they ran, beside that. */
  readonly streamed = new Map<number, Streamed>();
  /** Chunks of programs that nodes brought for their sites, those of batches that were stopped too. */
  readonly brought: Brought[] = [];
  /** Number of the last lease. */
  last = 0;

  add(lease: number, of: { readonly node: number; readonly job: number; readonly task: number }) {
    if (lease >= this.node.length) this.#grow(lease);
    this.node[lease] = of.node;
    this.job[lease] = of.job;
    this.task[lease] = of.task;
    this.last = Math.max(this.last, lease);
  }

  /** The scheduler has taken the ends of leases: rows of a fact `tasksEnded`. */
  ended(rows: readonly number[], nowMs: number): void {
    for (let at = 0; at < rows.length; at += endedRowLength) this.doneAt[rows[at] ?? 0] = nowMs;
  }

  #grow(lease: number): void {
    const length = Math.max(2 * this.node.length, lease + 1);
    this.node = grown(this.node, length);
    this.job = grown(this.job, length);
    this.task = grown(this.task, length);
    this.phase = grown(this.phase, length);
    this.bytes = grown(this.bytes, length);
    this.grantedAt = grown(this.grantedAt, length);
    this.fetchingAt = grown(this.fetchingAt, length);
    this.fetchedAt = grown(this.fetchedAt, length);
    this.sendingAt = grown(this.sendingAt, length);
    this.startedAt = grown(this.startedAt, length);
    this.exitedAt = grown(this.exitedAt, length);
    this.doneAt = grown(this.doneAt, length);
    this.downBytes = grown(this.downBytes, length);
    this.upBytes = grown(this.upBytes, length);
    this.stoppedBytes = grown(this.stoppedBytes, length);
  }
}
