// Uploads that were cut: `<data>/blobs/partial/<sender>-<sha>`. What came is kept for a while, so that
// a slow line need not send it again. A part is its sender's own: nobody can spoil another's.

import { createHash } from 'node:crypto';
import { open, readdir, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { BlobError } from './blob-error.ts';

/** A week: a home that was away over the holidays goes on. */
const keptMs = 7 * 24 * 3_600_000;
const partsKept = 1_000;
const bytesKept = 20e9;

/** One upload under way. A newer one of the same part ends it. */
export interface PartWriter {
  readonly file: string;
  readonly handle: FileHandle;
  /** Throws once a newer upload has taken the part over. */
  readonly write: (chunk: Uint8Array) => Promise<void>;
}

/** Who writes a part, and what was begun last. */
interface Turn {
  last: Promise<unknown>;
  write: PartWriter['write'] | undefined;
}

export class PartialUploads {
  readonly #folder: string;
  readonly #writers = new Map<string, Turn>();

  /** The folder is there. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Bytes that are here of this sender's blob. */
  async size(sender: string, sha256: string): Promise<number> {
    return (await stat(this.fileOf(sender, sha256)).catch(() => null))?.size ?? 0;
  }

  /** Goes on with the part at `offset`, up to which its bytes stay. Throws when it is not so long. */
  async open(sender: string, sha256: string, offset: number): Promise<PartWriter> {
    const file = this.fileOf(sender, sha256);
    const mine: Turn = { last: Promise.resolve(), write: undefined };
    const before = this.#writers.get(file);
    this.#writers.set(file, mine);
    // Its connection may be dead without anybody knowing; what it has begun to write must end.
    await before?.last.catch(() => undefined);
    const handle = await open(file, 'a+', 0o600);
    const { size } = await handle.stat();
    if (size < offset) {
      await handle.close();
      const wanted = `blob ${sha256}: wanted an offset of 0 to ${size}, where the last bytes ended`;
      throw new BlobError('offset', `${wanted}, found ${offset}; ask again`);
    }
    await handle.truncate(offset);
    const write = (chunk: Uint8Array): Promise<void> => {
      if (this.#writers.get(file) !== mine) {
        throw new BlobError('offset', `blob ${sha256}: a newer upload of it has begun`);
      }
      const writing = handle.writeFile(chunk);
      mine.last = writing;
      return writing;
    };
    mine.write = write;
    return { file, handle, write };
  }

  /** The upload ended; its part stays unless it was moved or removed. */
  async close({ file, handle, write }: PartWriter): Promise<void> {
    if (this.#writers.get(file)?.write === write) this.#writers.delete(file);
    await handle.close();
  }

  /** Removes what is too old or too much, the oldest first. */
  async trim(nowMs: number): Promise<void> {
    const names = await readdir(this.#folder);
    const files = names.map((name) => path.join(this.#folder, name));
    const found = await Promise.all(
      files.map(async (file) => ({ file, ...(await stat(file).catch(() => null)) })),
    );
    let bytes = 0;
    let parts = 0;
    for (const { file, size = 0, mtimeMs = 0 } of found.sort(newestFirst)) {
      bytes += size;
      parts += 1;
      const isKept = nowMs - mtimeMs < keptMs && bytes <= bytesKept && parts <= partsKept;
      if (!isKept && !this.#writers.has(file)) await rm(file, { force: true });
    }
  }

  /** Where the part is kept. */
  fileOf(sender: string, sha256: string): string {
    // Hashed, so that no name of a sender can leave the folder.
    const owner = createHash('sha256').update(sender).digest('hex').slice(0, 32);
    return path.join(this.#folder, `${owner}-${sha256}`);
  }
}

function newestFirst(a: { mtimeMs?: number }, b: { mtimeMs?: number }): number {
  return (b.mtimeMs ?? 0) - (a.mtimeMs ?? 0);
}
