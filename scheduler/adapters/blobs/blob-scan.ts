// Reads all blobs, slowly, so that a disk that rots is noticed before a job needs them: the store removes and
// tells of those that are not what their names say. `<data>/blobs/scan.json` says how far it is.

import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { BlobError, codeOf } from './blob-error.ts';
import type { BlobStore } from './blob-store.ts';

export interface BlobScanOptions {
  readonly dataFolder: string;
  readonly blobs: Pick<BlobStore, 'names' | 'read'>;
  readonly nowMs: () => number;
  /** Resolves after this time, or when the signal is aborted. */
  readonly wait: (spanMs: number, signal: AbortSignal) => Promise<void>;
  readonly onBlob: (seen: { readonly sizeBytes: number; readonly isDamaged: boolean }) => void;
  /** Of a blob that the disk does not give: it stays, and counts as damaged. */
  readonly onUnreadable: (sha256: string, error: unknown) => void;
}

const shape = z.object({
  /** The last blob that was read; empty: none of this pass. */
  after: z.string().regex(/^([0-9a-f]{64})?$/),
  startedAtMs: z.number(),
  /** When a pass over all of them ended; 0: never. */
  endedAtMs: z.number(),
});
type Progress = Readonly<z.infer<typeof shape>>;

/** A tenth of what an old disk reads; 100 GB take seven hours. */
const bytesPerSecond = 4e6;
/** Read at once before the next pause: more would be felt by others. */
const burstBytes = 256 * 1024;
/** Of passes, from begin to begin; it is far less than the time in which a second copy rots, too. */
const everyMs = 7 * 24 * 3_600_000;
/** So much is read again after a restart, at most, and one blob. */
const savedEveryBytes = 64 * 1024 * 1024;

export class BlobScan {
  readonly #options: BlobScanOptions;
  readonly #file: string;
  #progress: Progress = { after: '', startedAtMs: 0, endedAtMs: 0 };
  #unsavedBytes = 0;

  private constructor(file: string, options: BlobScanOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** A file that cannot be read is as good as none: all is read again. */
  static async open(options: BlobScanOptions): Promise<BlobScan> {
    const scan = new BlobScan(path.join(options.dataFolder, 'blobs', 'scan.json'), options);
    try {
      scan.#progress = shape.parse(JSON.parse(await readFile(scan.#file, 'utf8')));
    } catch {
      return scan;
    }
    return scan;
  }

  /** When all blobs had last been read, ms since the epoch; 0: never. */
  get endedAtMs(): number {
    return this.#progress.endedAtMs;
  }

  /** Pass after pass until the signal is aborted. Fails when the folders can't be read or written. */
  async run(signal: AbortSignal): Promise<void> {
    const { nowMs, wait } = this.#options;
    while (!signal.aborted) {
      // A clock that was put back must not stop it for years.
      if (this.#progress.startedAtMs > nowMs()) await this.#save({ startedAtMs: nowMs() });
      const restMs = this.#progress.startedAtMs + everyMs - nowMs();
      if (this.#progress.after === '' && restMs > 0) await wait(restMs, signal);
      else await this.#pass(signal);
    }
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { blobs, nowMs } = this.#options;
    if (this.#progress.after === '') await this.#save({ startedAtMs: nowMs() });
    for await (const sha256 of blobs.names(this.#progress.after)) {
      const isRead = await this.#readOne(sha256, signal);
      if (!isRead) return this.#save({});
      this.#progress = { ...this.#progress, after: sha256 };
      if (this.#unsavedBytes >= savedEveryBytes) await this.#save({});
    }
    await this.#save({ after: '', endedAtMs: nowMs() });
  }

  /** False: it was stopped before the end. */
  async #readOne(sha256: string, signal: AbortSignal): Promise<boolean> {
    const { blobs, onBlob, onUnreadable, wait } = this.#options;
    let sizeBytes = 0;
    let unpaidBytes = 0;
    try {
      // What a stream yields without an encoding.
      const parts: AsyncIterable<Buffer> = blobs.read(sha256);
      for await (const { length } of parts) {
        sizeBytes += length;
        unpaidBytes += length;
        if (unpaidBytes < burstBytes) continue;
        await wait((unpaidBytes / bytesPerSecond) * 1_000, signal);
        unpaidBytes = 0;
        if (signal.aborted) return false;
      }
      onBlob({ sizeBytes, isDamaged: false });
    } catch (error) {
      // One that was removed meanwhile is no matter.
      if (codeOf(error) !== 'ENOENT') onBlob({ sizeBytes, isDamaged: true });
      const isTold = codeOf(error) === 'ENOENT' || error instanceof BlobError;
      if (!isTold) onUnreadable(sha256, error);
    }
    this.#unsavedBytes += sizeBytes;
    await wait((unpaidBytes / bytesPerSecond) * 1_000, signal);
    return true;
  }

  async #save(changed: Partial<Progress>): Promise<void> {
    this.#progress = { ...this.#progress, ...changed };
    this.#unsavedBytes = 0;
    await writeFile(`${this.#file}.new`, JSON.stringify(this.#progress), { mode: 0o600 });
    await rename(`${this.#file}.new`, this.#file);
  }
}
