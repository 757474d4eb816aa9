// Blobs as files named by their SHA-256: `<data>/blobs/ab/<sha>`. A blob is there whole or not at
// all. Who owns what is kept as empty marker files.

import { createHash, randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { existsSync, renameSync, statSync, utimesSync } from 'node:fs';
import {
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BlobRef } from '../../../proto/gen/punnet/v1/common.ts';
import { BlobError, asBlobError, codeOf } from './blob-error.ts';
import { PartialUploads } from './partial-uploads.ts';
import { writeChecked } from './write-checked.ts';

export interface ByteRange {
  readonly offset?: number;
  readonly length?: number;
}

/** The end of the disk is the journal's: it must go on when uploads have filled the rest. */
const reservedRatio = 0.05;
const reservedBytes = 1e9;
/** About a millisecond on a warm disk. */
const filesInASlice = 256;
const manyFiles = 1_000;
/** Less is sent again as a whole: to ask would cost as much. */
const resumableBytes = 256 * 1024;
/**
 * A blob that nothing names stays so long after it was sent or asked for: as a part of one does, since a home that was
 * away has sent outputs whose end it still has to tell, and a thin line needs days for them.
 */
export const unnamedKeptMs = 7 * 24 * 3_600_000;
/** After these errors the part is of no use. */
const spoiled: ReadonlySet<string> = new Set(['wrong_hash', 'too_long']);

export class BlobStore {
  readonly #root: string;
  readonly #onDamage: (error: BlobError) => void;
  readonly #parts: PartialUploads;
  /** What uploads under way have announced and not written yet: the disk counts the rest. */
  #expectedBytes = 0;
  /** Uploads under way, by their blobs. */
  readonly #placing = new Map<string, number>();

  private constructor(root: string, onDamage: (error: BlobError) => void) {
    this.#root = root;
    this.#onDamage = onDamage;
    this.#parts = new PartialUploads(path.join(root, 'partial'));
  }

  /**
   * Opens `<dataFolder>/blobs` and removes what unfinished writes left there. `onDamage` is told of
   * blobs that were found to be others than their names say; they are removed.
   */
  static async open(dataFolder: string, onDamage: (error: BlobError) => void): Promise<BlobStore> {
    const root = path.join(dataFolder, 'blobs');
    await rm(path.join(root, 'tmp'), { recursive: true, force: true });
    await mkdir(path.join(root, 'tmp'), { recursive: true, mode: 0o700 });
    await mkdir(path.join(root, 'partial'), { recursive: true, mode: 0o700 });
    await mkdir(path.join(root, 'owners'), { recursive: true, mode: 0o700 });
    await syncFolder(dataFolder);
    const store = new BlobStore(root, onDamage);
    await store.#parts.trim(Date.now());
    return store;
  }

  /** Bytes, or undefined when the blob is not here. Who asks may be about to name it: it is kept for a while. */
  async size(sha256: string): Promise<number | undefined> {
    if (!isSha256(sha256)) return undefined;
    try {
      const file = this.#path(sha256);
      const { size, mtimeMs } = await stat(file);
      const now = Date.now();
      if (isHalfOld(mtimeMs, now)) await utimes(file, now / 1_000, now / 1_000);
      return size;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw new BlobError('io', `blob ${sha256}: could not look for it; check the disk`, error);
    }
  }

  /** Stores a stream of bytes. Throws a BlobError; nothing is left then. */
  async put(
    stream: AsyncIterable<Uint8Array>,
    expectedSha: string,
    expectedSize: number,
  ): Promise<void> {
    if (!isSha256(expectedSha)) {
      throw new BlobError('invalid', `blob ${expectedSha.slice(0, 80)}: want 64 hex digits`);
    }
    const temporary = path.join(this.#root, 'tmp', randomUUID());
    const blob = { sha256: expectedSha, sizeBytes: expectedSize };
    await this.#place(blob, { file: temporary, comingBytes: expectedSize }, async (onWritten) => {
      const handle = await open(temporary, 'wx', 0o600);
      const write = (chunk: Uint8Array): Promise<void> => handle.writeFile(chunk);
      try {
        await writeChecked({ file: temporary, handle, write }, stream, {
          blob,
          offset: 0,
          onWritten,
        });
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      } finally {
        await handle.close();
      }
    });
  }

  /** Bytes of this blob that an upload of this sender may begin after. */
  async committed(sender: string, { sha256, sizeBytes }: BlobRef): Promise<number> {
    if (!isSha256(sha256)) return 0;
    return Math.min(await this.#parts.size(sender, sha256), sizeBytes);
  }

  /** As `put`, from `offset` on. What came stays for the same sender's next try when it is cut. */
  async resume(
    stream: AsyncIterable<Uint8Array>,
    blob: BlobRef,
    { sender, offset }: { readonly sender: string; readonly offset: number },
  ): Promise<void> {
    const { sha256, sizeBytes } = blob;
    if (offset === 0 && sizeBytes < resumableBytes) return this.put(stream, sha256, sizeBytes);
    const file = this.#parts.fileOf(sender, sha256);
    await this.#place(blob, { file, comingBytes: sizeBytes - offset }, async (onWritten) => {
      const part = await this.#parts.open(sender, sha256, offset);
      try {
        await writeChecked(part, stream, { blob, offset, onWritten });
      } catch (error) {
        const isSpoiled = error instanceof BlobError && spoiled.has(error.code);
        if (isSpoiled) await rm(file, { force: true });
        throw error;
      } finally {
        await this.#parts.close(part);
      }
    }).catch(async (error: unknown) => {
      await this.#parts.trim(Date.now());
      throw error;
    });
  }

  /** Fills a file, which becomes the blob. */
  async #place(
    { sha256 }: BlobRef,
    { file, comingBytes }: { readonly file: string; readonly comingBytes: number },
    fill: (onWritten: (countBytes: number) => void) => Promise<void>,
  ): Promise<void> {
    const folder = path.dirname(this.#path(sha256));
    this.#placing.set(sha256, (this.#placing.get(sha256) ?? 0) + 1);
    const othersBytes = this.#expectedBytes;
    this.#expectedBytes += comingBytes;
    let leftBytes = comingBytes;
    const onWritten = (countBytes: number): void => {
      leftBytes -= countBytes;
      this.#expectedBytes -= countBytes;
    };
    try {
      await this.#checkSpace(sha256, comingBytes, othersBytes);
      await fill(onWritten);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await rename(file, this.#path(sha256));
      await syncFolder(folder);
      await syncFolder(this.#root);
    } catch (error) {
      throw asBlobError(error, sha256);
    } finally {
      this.#expectedBytes -= leftBytes;
      const others = (this.#placing.get(sha256) ?? 0) - 1;
      if (others > 0) this.#placing.set(sha256, others);
      else this.#placing.delete(sha256);
    }
  }

  async #checkSpace(sha256: string, sizeBytes: number, othersBytes: number): Promise<void> {
    const { bavail, bsize, blocks } = await statfs(this.#root);
    const reserved = Math.min(reservedBytes, reservedRatio * blocks * bsize);
    const room = Math.max(0, Math.floor(bavail * bsize - reserved - othersBytes));
    if (sizeBytes <= room) return;
    throw new BlobError(
      'disk_full',
      `blob ${sha256}: want ${sizeBytes} bytes, the scheduler's disk has room for ${room}; free some space there, or try later`,
    );
  }

  /**
   * Streams the blob or a part of it. The stream fails with ENOENT when the blob is not here, and
   * with a BlobError after its last byte when the whole was read and is not what its name says.
   */
  read(sha256: string, range: ByteRange = {}): Readable {
    return Readable.from(this.#read(sha256, range));
  }

  async *#read(
    sha256: string,
    { offset = 0, length = Infinity }: ByteRange,
  ): AsyncGenerator<Buffer> {
    if (length === 0) return;
    const hash = createHash('sha256');
    const handle = await open(this.#path(sha256), 'r');
    try {
      const options = { start: offset, end: offset + length - 1, autoClose: false };
      // What a stream yields without an encoding.
      const parts: AsyncIterable<Buffer> = handle.createReadStream(options);
      for await (const part of parts) {
        hash.update(part);
        yield part;
      }
      const found = await handle.stat();
      const isWhole = offset === 0 && length >= found.size;
      if (isWhole && hash.digest('hex') !== sha256) throw await this.#remove(sha256, found);
    } finally {
      await handle.close();
    }
  }

  /** Damaged bytes must not stand in the way of good ones, which may be there already. */
  async #remove(sha256: string, damaged: Stats): Promise<BlobError> {
    const file = this.#path(sha256);
    const found = await stat(file).catch(() => null);
    if (found?.ino === damaged.ino) await rm(file);
    const error = new BlobError(
      'damaged',
      `blob ${sha256}: its bytes changed on the scheduler's disk, and were removed; send it again, and check that disk`,
    );
    this.#onDamage(error);
    return error;
  }

  /** The whole blob. Throws a BlobError when it is not here, damaged or larger than `maxBytes`. */
  async readBytes(sha256: string, maxBytes: number): Promise<Buffer> {
    const size = await this.size(sha256);
    if (size === undefined) throw new BlobError('not_found', `blob ${sha256}: not here; send it`);
    if (size > maxBytes) {
      throw new BlobError('too_long', `blob ${sha256}: want up to ${maxBytes} bytes, has ${size}`);
    }
    const parts: Buffer[] = [];
    for await (const part of this.#read(sha256, {})) parts.push(part);
    return Buffer.concat(parts);
  }

  /** All blobs, in the order of their names, those after this one. */
  async *names(after = ''): AsyncGenerator<string> {
    const folders = (await readdir(this.#root)).filter((name) => /^[0-9a-f]{2}$/.test(name));
    for (const folder of folders.sort()) {
      if (folder < after.slice(0, 2)) continue;
      const names = await readdir(path.join(this.#root, folder));
      yield* names.filter((name) => isSha256(name) && name > after).sort();
    }
  }

  /**
   * Removes a blob that nothing names, unless it was sent or asked for lately, or is on its way. Bytes that
   * it had; null: it stays.
   */
  async removeUnnamed(sha256: string): Promise<number | null> {
    const file = this.#path(sha256);
    const found = statSync(file, { throwIfNoEntry: false });
    const isOld = found !== undefined && Date.now() - found.mtimeMs > unnamedKeptMs;
    if (!isOld || this.#placing.has(sha256)) return null;
    // Nothing of this program comes between, and to remove a large file takes long.
    const aside = path.join(this.#root, 'tmp', randomUUID());
    renameSync(file, aside);
    await rm(aside);
    return found.size;
  }

  /** Removes old marks of owners of blobs that are gone. */
  async dropMarks(): Promise<void> {
    const owners = path.join(this.#root, 'owners');
    let looked = 0;
    for (const owner of await readdir(owners)) {
      const folder = path.join(owners, owner);
      for (const sha256 of await readdir(folder)) {
        looked += 1;
        if (looked % filesInASlice === 0) await nextTurn();
        if (isSha256(sha256) && existsSync(this.#path(sha256))) continue;
        const mark = path.join(folder, sha256);
        const markedAt = statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
        if (Date.now() - markedAt > unnamedKeptMs) await rm(mark, { force: true });
      }
    }
  }

  async markOwned(principal: string, sha256: string): Promise<void> {
    if (!isSha256(sha256)) throw new BlobError('invalid', 'blob: want 64 lower-case hex digits');
    const folder = this.#ownerFolder(principal);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(path.join(folder, sha256), '', { mode: 0o600 });
  }

  /**
   * Those of the blobs that this principal has not uploaded, or that are not here whole. The files
   * are looked at in slices between turns of the event loop: in the thread pool each takes ten
   * times as long, and a job may have 100,000 inputs.
   */
  async missing<B extends BlobRef>(principal: string, blobs: readonly B[]): Promise<readonly B[]> {
    const isOwned = await this.#ownedBy(principal, blobs.length);
    const missing: B[] = [];
    for (const [at, blob] of blobs.entries()) {
      if (at % filesInASlice === filesInASlice - 1) await nextTurn();
      const { sha256, sizeBytes } = blob;
      const isHere = isOwned(sha256) && this.#sizeNow(sha256) === sizeBytes;
      if (!isHere) missing.push(blob);
    }
    return missing;
  }

  /**
   * For many questions the folder is read once: that takes a third of the time of asking each. What
   * is in it is a SHA-256.
   */
  async #ownedBy(principal: string, questions: number): Promise<(sha256: string) => boolean> {
    const folder = this.#ownerFolder(principal);
    if (questions < manyFiles) {
      return (sha256) => isSha256(sha256) && existsSync(path.join(folder, sha256));
    }
    const names = new Set(await readdir(folder).catch(() => []));
    return (sha256) => names.has(sha256);
  }

  /** As `size`; its hash was checked. */
  #sizeNow(sha256: string): number | undefined {
    try {
      const file = `${this.#root}/${sha256.slice(0, 2)}/${sha256}`;
      const found = statSync(file, { throwIfNoEntry: false });
      const now = Date.now();
      if (isHalfOld(found?.mtimeMs ?? now, now)) utimesSync(file, now / 1_000, now / 1_000);
      return found?.size;
    } catch (error) {
      throw new BlobError('io', `blob ${sha256}: could not look for it; check the disk`, error);
    }
  }

  #path(sha256: string): string {
    if (!isSha256(sha256)) throw new BlobError('invalid', 'blob: want 64 lower-case hex digits');
    return path.join(this.#root, sha256.slice(0, 2), sha256);
  }

  #ownerFolder(principal: string): string {
    // Hashed, so that no name of a principal can leave the folder.
    const owner = createHash('sha256').update(principal).digest('hex').slice(0, 32);
    return path.join(this.#root, 'owners', owner);
  }
}

/** Often enough to stay, seldom enough to cost nothing. */
function isHalfOld(mtimeMs: number, nowMs: number): boolean {
  return nowMs - mtimeMs > unnamedKeptMs / 2;
}

export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
