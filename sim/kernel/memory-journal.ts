// The journal of a simulated scheduler: a disk in memory that outlives its process. Batches and
// snapshots are kept as the file journal's bytes, so that nothing is shared with a state. It has no
// damaged bytes: those are for the file journal's own tests.

import { decodeFrame, encodeFrame } from '../../scheduler/adapters/journal/codec.ts';
import { decodeSnapshot, encodeSnapshot } from '../../scheduler/adapters/journal/snapshot-codec.ts';
import type { DurableFact, StateImage } from '../../scheduler/core/index.ts';
import type { Journal, Recovery } from '../../scheduler/ports.ts';

/** What becomes of one append. */
export type AppendFate =
  | 'kept'
  /** The disk refuses: an error, and nothing is kept. */
  | 'failed'
  /** The process dies before the batch is on disk: no answer ever comes. */
  | 'lost'
  /** The process dies when the batch is on disk, before it hears so: no answer ever comes. */
  | 'unanswered';

/** What is left when a process has died; its successor opens another `MemoryJournal` on it. */
export class MemoryDisk {
  readonly #frames: Buffer[] = [];
  #snapshot: Buffer | undefined;
  #snapshotSequence = 0;

  /** How many batches were ever appended. */
  get batchCount(): number {
    return this.#snapshotSequence + this.#frames.length;
  }

  /** Encoded batches since the snapshot, oldest first. */
  get frames(): readonly Buffer[] {
    return this.#frames;
  }

  get snapshot(): Buffer | undefined {
    return this.#snapshot;
  }

  write(frame: Buffer): void {
    this.#frames.push(frame);
  }

  /** Keeps a snapshot instead of the batches before it. */
  replace(snapshot: Buffer, sequence: number): void {
    this.#frames.splice(0, sequence - this.#snapshotSequence);
    this.#snapshot = snapshot;
    this.#snapshotSequence = sequence;
  }
}

export interface MemoryJournalOptions {
  readonly batchesBetweenSnapshots?: number;
  /** Asked once for each append, with the number of batches before it. */
  readonly fateOf?: (sequence: number) => AppendFate;
}

export class MemoryJournal implements Journal {
  readonly #disk: MemoryDisk;
  readonly #options: MemoryJournalOptions;
  #batchesSinceSnapshot = 0;
  #failure: Error | undefined = new Error('read the journal first: call recover()');

  constructor(disk: MemoryDisk, options: MemoryJournalOptions = {}) {
    this.#disk = disk;
    this.#options = options;
  }

  recover(): Promise<Recovery> {
    const snapshot =
      this.#disk.snapshot === undefined ? undefined : decodeSnapshot(this.#disk.snapshot);
    return Promise.resolve({
      image: snapshot?.image,
      imageSequence: snapshot?.sequence ?? 0,
      batches: this.#read(),
      lastSequence: () => this.#disk.batchCount,
      warnings: [],
    });
  }

  async *#read(): AsyncGenerator<readonly DurableFact[]> {
    for (const frame of this.#disk.frames) {
      const decoded = decodeFrame(frame, 0);
      if (decoded.kind !== 'batch') throw new Error('a batch in memory is damaged');
      yield await Promise.resolve(decoded.facts);
    }
    this.#batchesSinceSnapshot = this.#disk.frames.length;
    this.#failure = undefined;
  }

  append(facts: readonly DurableFact[], expectedSequence: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (expectedSequence !== this.#disk.batchCount) return this.#fail('somebody else writes here');
    const fate = this.#options.fateOf?.(expectedSequence) ?? 'kept';
    if (fate === 'failed') return this.#fail('the disk refuses');
    if (fate === 'kept' || fate === 'unanswered') {
      this.#disk.write(encodeFrame(facts, expectedSequence));
      this.#batchesSinceSnapshot += 1;
    }
    if (fate === 'kept') return Promise.resolve();
    this.#failure = new Error('this process has died');
    return new Promise(() => undefined);
  }

  #fail(what: string): Promise<void> {
    this.#failure = new Error(`the journal in memory takes nothing more: ${what}`);
    return Promise.reject(this.#failure);
  }

  wantsSnapshot(): boolean {
    return this.#batchesSinceSnapshot >= (this.#options.batchesBetweenSnapshots ?? Infinity);
  }

  snapshot(image: StateImage, sequence: number): Promise<void> {
    this.#batchesSinceSnapshot = 0;
    this.#disk.replace(encodeSnapshot(image, sequence), sequence);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#failure = new Error('the journal is closed');
    return Promise.resolve();
  }
}
