// The journal in a folder: append-only segments and snapshots. One fdatasync a batch; a snapshot is
// checked before anything goes, and the one before it stays, with all batches since.

import { fstatSync, mkdirSync, rmSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DurableFact, StateImage } from '../../core/index.ts';
import type { Journal, Recovery } from '../../ports.ts';
import { syncFolder } from '../durable-file.ts';
import { encodeFrame } from './codec.ts';
import { JournalError, missingError } from './journal-error.ts';
import { fileOf, listFiles, removeCovered, sequenceOf } from './journal-files.ts';
import type { Repair } from './segment-reader.ts';
import { readSegment, repair } from './segment-reader.ts';
import { newestSnapshot, writeSnapshot } from './snapshot-store.ts';

export interface JournalOptions {
  /** A segment that has reached this size is closed. */
  readonly segmentBytes: number;
  /** Segments between snapshots. */
  readonly segmentsBetweenSnapshots: number;
}

const defaults: JournalOptions = { segmentBytes: 64 * 1024 * 1024, segmentsBetweenSnapshots: 4 };

export class FileJournal implements Journal {
  readonly #folder: string;
  readonly #options: JournalOptions;
  #segment: FileHandle | undefined;
  #segmentBytes = 0;
  #sequence = 0;
  /** Of the newest snapshot that is known to be whole; 0: none. */
  #snapshotSequence = 0;
  #closedSegments = 0;
  #failure: Error | undefined = new JournalError('Read the journal first: call recover().');
  #isWriting = false;
  #unsyncedBytes = 0;
  #syncedBytes = 0;

  private constructor(folder: string, options: JournalOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Opens the journal of a folder, or makes one. */
  static open(folder: string, options: Partial<JournalOptions> = {}): FileJournal {
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (made !== undefined) syncFolder(dirname(made));
    return new FileJournal(folder, { ...defaults, ...options });
  }

  recover(): Promise<Recovery> {
    // Snapshots whose writing never came to its end.
    for (const file of listFiles(this.#folder, '.new')) rmSync(file);
    const warnings: string[] = [];
    const snapshot = newestSnapshot(this.#folder, warnings);
    const start = snapshot?.sequence ?? 0;
    this.#snapshotSequence = start;
    const segments = listFiles(this.#folder, '.segment');
    const first = segments.findLastIndex((file) => sequenceOf(file) <= start);
    return Promise.resolve({
      image: snapshot?.image,
      imageSequence: start,
      batches: this.#read(segments.slice(Math.max(0, first)), start, warnings),
      lastSequence: () => this.#sequence,
      warnings,
    });
  }

  async *#read(
    segments: readonly string[],
    start: number,
    warnings: string[],
  ): AsyncGenerator<readonly DurableFact[]> {
    const repairs: Repair[] = [];
    let next = Math.min(start, sequenceOf(segments[0] ?? fileOf('', start, '.segment')));
    for (const file of segments) {
      if (sequenceOf(file) !== next) {
        throw missingError(file, [next, sequenceOf(file)], warnings);
      }
      for (const part of readSegment({ file, first: next, isLast: file === segments.at(-1) })) {
        if (part.kind !== 'batch') {
          repairs.push(part);
          continue;
        }
        next = part.sequence + 1;
        if (part.sequence >= start) yield part.facts;
      }
    }
    for (const each of repairs) warnings.push(repair(each));
    this.#sequence = Math.max(start, next);
    this.#closedSegments = Math.max(0, segments.length - 1);
    const last = segments.at(-1);
    // A snapshot may know more batches than are left: then the next one begins a segment.
    if (last !== undefined && next === this.#sequence) await this.#openSegment(last, 'a');
    this.#failure = undefined;
  }

  async append(facts: readonly DurableFact[], expectedSequence: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isWriting) throw new JournalError('A batch is being written already.');
    if (expectedSequence !== this.#sequence) {
      throw this.#fail(
        `batch ${expectedSequence} was to be written where batch ${this.#sequence} belongs: somebody else writes here`,
      );
    }
    this.#isWriting = true;
    try {
      const frame = encodeFrame(facts, expectedSequence);
      this.#unsyncedBytes = frame.length;
      const segment = await this.#segmentToWrite();
      await writeWhole(segment, frame);
      await segment.datasync();
      this.#unsyncedBytes = 0;
      this.#syncedBytes += frame.length;
      this.#segmentBytes += frame.length;
      this.#sequence += 1;
    } catch (error) {
      throw this.#fail('a batch could not be written', error);
    } finally {
      this.#isWriting = false;
    }
  }

  /** Bytes of the batch that is being written, and those that were synced since the start. */
  get bytes(): { readonly unsynced: number; readonly synced: number } {
    return { unsynced: this.#unsyncedBytes, synced: this.#syncedBytes };
  }

  #fail(what: string, cause?: unknown): Error {
    const why = cause instanceof Error ? ` (${cause.message})` : '';
    this.#failure ??= new JournalError(
      `The journal in ${this.#folder} takes nothing more: ${what}${why}. Mend that and start the scheduler again; all that was acknowledged is on disk.`,
      { cause },
    );
    return this.#failure;
  }

  /** The lock of the data folder does not reach into containers: another writer is found here. */
  async #segmentToWrite(): Promise<FileHandle> {
    const current = this.#segment;
    if (current !== undefined && fstatSync(current.fd).size !== this.#segmentBytes) {
      throw new Error('somebody else writes here');
    }
    if (current !== undefined && this.#segmentBytes < this.#options.segmentBytes) return current;
    if (current !== undefined) this.#closedSegments += 1;
    await current?.close();
    // Made by nobody else.
    const next = await this.#openSegment(fileOf(this.#folder, this.#sequence, '.segment'), 'ax');
    syncFolder(this.#folder);
    return next;
  }

  async #openSegment(file: string, flags: 'a' | 'ax'): Promise<FileHandle> {
    const segment = await open(file, flags, 0o600);
    this.#segment = segment;
    this.#segmentBytes = (await segment.stat()).size;
    return segment;
  }

  wantsSnapshot(): boolean {
    return this.#closedSegments >= this.#options.segmentsBetweenSnapshots;
  }

  async snapshot(image: StateImage, sequence: number): Promise<void> {
    // Should it fail, it is tried again after as many segments more.
    this.#closedSegments = 0;
    await writeSnapshot(this.#folder, { image, sequence });
    removeCovered(this.#folder, { older: this.#snapshotSequence, newer: sequence });
    this.#snapshotSequence = sequence;
  }

  async close(): Promise<void> {
    await this.#segment?.close();
    this.#segment = undefined;
    this.#failure = new JournalError('The journal is closed.');
  }
}

/** A write may take less than it was given, on a disk that is nearly full. */
async function writeWhole(segment: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await segment.write(bytes, written)).bytesWritten;
  }
}
