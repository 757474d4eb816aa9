// Leases as the state keeps them. The times of all leases, and what they still add to backlogs, are
// side by side in one column, a row for each lease: V8 keeps every such number of an object somewhere
// else on its heap, and with tens of thousands of leases each look at one is a wait for memory.

import { grown } from './grown.ts';
import type { Instant, LeaseId } from './model/ids.ts';
import { instant } from './model/ids.ts';
import type { LeasePhase } from './model/job.ts';
import { noRates } from './model/service.ts';
import type { LeaseRecord } from './state.ts';

/** Where a number stands in the row of its lease: eight of them fill a line of the CPU's cache. */
const places = {
  ...{ grantedAt: 0, sentAt: 1, phaseSince: 2 },
  ...{ workGhzSeconds: 3, downBytes: 4, upBytes: 5, claimedGhzSeconds: 6, claimedBits: 7 },
} as const;
const rowLength = 8;
const firstRows = 256;

export interface NewLease {
  readonly leaseId: LeaseId;
  readonly jobNumber: number;
  readonly taskIndex: number;
  readonly nodeNumber: number;
  readonly at: Instant;
}

export class LeaseNumbers {
  #numbers = new Float64Array(firstRows * rowLength);
  #rows = 0;
  /** Rows of leases that are no more. */
  readonly #free: number[] = [];

  get(row: number, place: number): number {
    return this.#numbers[row + place] ?? 0;
  }

  set(row: number, place: number, value: number): void {
    this.#numbers[row + place] = value;
  }

  begin(lease: NewLease): LeaseRecord {
    const row = this.#free.pop() ?? this.#addRow();
    this.#numbers.fill(0, row, row + rowLength);
    return new Lease(this, row, lease);
  }

  /** The lease is read no more once another begins. */
  end(lease: LeaseRecord): void {
    this.#free.push(lease.row);
  }

  #addRow(): number {
    const row = this.#rows * rowLength;
    this.#rows += 1;
    if (row === this.#numbers.length) this.#numbers = grown(this.#numbers, 2 * row);
    return row;
  }
}

class Lease implements LeaseRecord {
  readonly leaseId: LeaseId;
  readonly jobNumber: number;
  readonly taskIndex: number;
  readonly nodeNumber: number;
  readonly row: number;
  readonly #numbers: LeaseNumbers;
  isVoid = false;
  phase: LeasePhase = 'granted';
  resends = 0;
  rates = noRates;
  relayedBytes = 0;

  constructor(numbers: LeaseNumbers, row: number, lease: NewLease) {
    this.leaseId = lease.leaseId;
    this.jobNumber = lease.jobNumber;
    this.taskIndex = lease.taskIndex;
    this.nodeNumber = lease.nodeNumber;
    this.row = row;
    this.#numbers = numbers;
    numbers.set(row, places.grantedAt, lease.at);
    this.sentAt = lease.at;
    this.phaseSince = lease.at;
  }

  get grantedAt(): Instant {
    return instant(this.#numbers.get(this.row, places.grantedAt));
  }

  get sentAt(): Instant {
    return instant(this.#numbers.get(this.row, places.sentAt));
  }

  set sentAt(at: Instant) {
    this.#numbers.set(this.row, places.sentAt, at);
  }

  get phaseSince(): Instant {
    return instant(this.#numbers.get(this.row, places.phaseSince));
  }

  set phaseSince(at: Instant) {
    this.#numbers.set(this.row, places.phaseSince, at);
  }

  get workGhzSeconds(): number {
    return this.#numbers.get(this.row, places.workGhzSeconds);
  }

  set workGhzSeconds(work: number) {
    this.#numbers.set(this.row, places.workGhzSeconds, work);
  }

  get downBytes(): number {
    return this.#numbers.get(this.row, places.downBytes);
  }

  set downBytes(bytes: number) {
    this.#numbers.set(this.row, places.downBytes, bytes);
  }

  get upBytes(): number {
    return this.#numbers.get(this.row, places.upBytes);
  }

  set upBytes(bytes: number) {
    this.#numbers.set(this.row, places.upBytes, bytes);
  }

  get claimedGhzSeconds(): number {
    return this.#numbers.get(this.row, places.claimedGhzSeconds);
  }

  set claimedGhzSeconds(work: number) {
    this.#numbers.set(this.row, places.claimedGhzSeconds, work);
  }

  get claimedBits(): number {
    return this.#numbers.get(this.row, places.claimedBits);
  }

  set claimedBits(bits: number) {
    this.#numbers.set(this.row, places.claimedBits, bits);
  }
}
