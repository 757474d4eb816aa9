// The journal in a folder: append-only segments and snapshots. One fdatasync a batch; a snapshot is
// checked before what it replaces goes.

import { closeSync, fsyncSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { mkdirSync, truncateSync, unlinkSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { DurableFact, StateImage } from '../../core/index.ts';
import type { Journal, Recovery } from '../../ports.ts';
import { decodeFrame, encodeFrame, hasFrameAfter } from './codec.ts';
import { decodeSnapshot } from './snapshot-codec.ts';

export interface JournalOptions {
  /** A segment that has reached this size is closed. */
  readonly segmentBytes: number;
  /** Segments between snapshots. */
  readonly segmentsBetweenSnapshots: number;
}

const defaults: JournalOptions = { segmentBytes: 64 * 1024 * 1024, segmentsBetweenSnapshots: 4 };

export class JournalError extends Error {
  override readonly name = 'JournalError';
}

export class FileJournal implements Journal {
  readonly #folder: string;
  readonly #options: JournalOptions;
  #segment: FileHandle | undefined;
  #segmentBytes = 0;
  #sequence = 0;
  #closedSegments = 0;
  #failure: Error | undefined = new JournalError('Read the journal first: call recover().');
  #isWriting = false;

  private constructor(folder: string, options: JournalOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Opens the journal of a folder, or makes one. */
  static open(folder: string, options: Partial<JournalOptions> = {}): FileJournal {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return new FileJournal(folder, { ...defaults, ...options });
  }

  async recover(): Promise<Recovery> {
    const warnings: string[] = [];
    const snapshot = this.#newestSnapshot(warnings);
    const start = snapshot?.sequence ?? 0;
    const names = this.#list('.segment');
    const first = names.findLastIndex((name) => numberOf(name) <= start);
    if (names.length > 0 && first < 0) {
      throw new JournalError(
        `The journal in ${this.#folder} starts at batch ${numberOf(names[0] ?? '')}, and the newest valid snapshot is of batch ${start}: batches between are missing. Restore the folder from a backup.`,
      );
    }
    const segments = names.slice(Math.max(0, first));
    this.#sequence = start;
    const read = this.#read(segments, start, warnings);
    return Promise.resolve({
      image: snapshot?.image,
      imageSequence: start,
      batches: read,
      lastSequence: () => this.#sequence,
      warnings,
    });
  }

  #newestSnapshot(
    warnings: string[],
  ): { readonly image: StateImage; readonly sequence: number } | undefined {
    for (const name of this.#list('.snapshot').reverse()) {
      const snapshot = decodeSnapshot(readFileSync(join(this.#folder, name)));
      if (snapshot !== undefined) return snapshot;
      warnings.push(`The snapshot ${name} is damaged; an older one is used.`);
    }
    return undefined;
  }

  async *#read(
    segments: readonly string[],
    start: number,
    warnings: string[],
  ): AsyncGenerator<readonly DurableFact[]> {
    let expected: number | undefined;
    for (const [place, name] of segments.entries()) {
      const file = join(this.#folder, name);
      const bytes = readFileSync(file);
      expected ??= numberOf(name);
      if (numberOf(name) !== expected) {
        throw new JournalError(
          `The journal lacks batches ${expected} to ${numberOf(name) - 1}: a segment before ${file} is missing. Restore the folder from a backup.`,
        );
      }
      let offset = 0;
      for (;;) {
        const decoded = decodeFrame(bytes, offset);
        if (decoded.kind === 'end') break;
        if (decoded.kind === 'flaw') {
          const isLast = place === segments.length - 1;
          if (!isLast || hasFrameAfter(bytes, offset)) {
            throw new JournalError(
              `The journal is damaged: ${file} has ${decoded.what} at byte ${offset}, before its end. Nothing was changed; restore the folder from a backup.`,
            );
          }
          const lost = bytes.length - offset;
          warnings.push(
            `The last write to ${file} was never finished: ${lost} bytes at byte ${offset} were cut off (${decoded.what}).`,
          );
          truncateSync(file, offset);
          break;
        }
        if (decoded.sequence !== expected) {
          throw new JournalError(
            `The journal is damaged: ${file} has batch ${decoded.sequence} at byte ${offset} where batch ${expected} belongs. Restore the folder from a backup.`,
          );
        }
        expected += 1;
        offset = decoded.nextOffset;
        if (decoded.sequence < start) continue;
        this.#sequence = expected;
        yield decoded.facts;
      }
    }
    const last = segments.at(-1);
    if (last !== undefined) await this.#openSegment(last);
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
      if (this.#segment === undefined || this.#segmentBytes >= this.#options.segmentBytes) {
        await this.#nextSegment();
      }
      await this.#write(frame);
      await this.#segment?.datasync();
      this.#segmentBytes += frame.length;
      this.#sequence += 1;
    } catch (error) {
      throw this.#fail('a batch could not be written', error);
    } finally {
      this.#isWriting = false;
    }
  }

  /** A write may take less than it was given, on a disk that is nearly full. */
  async #write(frame: Buffer): Promise<void> {
    for (let written = 0; written < frame.length;) {
      const result = await this.#segment?.write(frame, written);
      written += result?.bytesWritten ?? 0;
    }
  }

  #fail(what: string, cause?: unknown): Error {
    const why = cause instanceof Error ? ` (${cause.message})` : '';
    this.#failure ??= new JournalError(
      `The journal in ${this.#folder} takes nothing more: ${what}${why}. Mend that and start the scheduler again; all that was acknowledged is on disk.`,
      { cause },
    );
    return this.#failure;
  }

  async #nextSegment(): Promise<void> {
    if (this.#segment !== undefined) {
      await this.#segment.close();
      this.#closedSegments += 1;
    }
    await this.#openSegment(`${String(this.#sequence).padStart(16, '0')}.segment`);
    syncFolder(this.#folder);
  }

  async #openSegment(name: string): Promise<void> {
    this.#segment = await open(join(this.#folder, name), 'a', 0o600);
    this.#segmentBytes = (await this.#segment.stat()).size;
  }

  wantsSnapshot(): boolean {
    return this.#closedSegments >= this.#options.segmentsBetweenSnapshots;
  }

  async snapshot(image: StateImage, sequence: number): Promise<void> {
    this.#closedSegments = 0;
    const name = `${String(sequence).padStart(16, '0')}.snapshot`;
    await runWorker({ image, sequence, file: join(this.#folder, name) });
    for (const old of this.#list('.snapshot')) {
      if (numberOf(old) < sequence) unlinkSync(join(this.#folder, old));
    }
    // A segment is covered when the next one starts at or before the snapshot.
    const segments = this.#list('.segment');
    for (const [place, old] of segments.entries()) {
      const next = segments[place + 1];
      if (next !== undefined && numberOf(next) <= sequence) unlinkSync(join(this.#folder, old));
    }
  }

  async close(): Promise<void> {
    await this.#segment?.close();
    this.#segment = undefined;
    this.#failure = new JournalError('The journal is closed.');
  }

  /** Names with this ending, oldest first. */
  #list(ending: string): string[] {
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith(ending))
      .sort();
  }
}

function numberOf(name: string): number {
  return Number.parseInt(name, 10);
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

function runWorker(data: {
  readonly image: StateImage;
  readonly sequence: number;
  readonly file: string;
}): Promise<void> {
  const { href, pathname } = new URL(
    `./snapshot-worker${extname(import.meta.url)}`,
    import.meta.url,
  );
  // Node can't start a thread from TypeScript: run from source (tests), a line of JavaScript loads it.
  const isSource = pathname.endsWith('.ts');
  const load = `import('tsx/esm/api').then((tsx) => tsx.tsImport('${href}', '${href}'))`;
  const worker = new Worker(isSource ? load : new URL(href), {
    eval: isSource,
    workerData: data,
    transferList: Object.values(data.image.columns).map((column) => column.buffer as ArrayBuffer),
  });
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
    worker.once('exit', (code) =>
      reject(new JournalError(`The snapshot's thread ended (${code}).`)),
    );
  });
}
