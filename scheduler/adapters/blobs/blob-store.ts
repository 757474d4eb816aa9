// Blobs as files named by their SHA-256: `<data>/blobs/ab/<sha>`. A blob is there whole or not at
// all. Who owns what is kept as empty marker files.

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';

export type BlobErrorCode =
  'wrong_hash' | 'too_short' | 'too_long' | 'disk_full' | 'not_found' | 'invalid' | 'io';

export class BlobError extends Error {
  readonly code: BlobErrorCode;

  constructor(code: BlobErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BlobError';
    this.code = code;
  }
}

export interface ByteRange {
  readonly offset?: number;
  readonly length?: number;
}

export class BlobStore {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Opens `<dataFolder>/blobs` and removes what unfinished writes left there. */
  static async open(dataFolder: string): Promise<BlobStore> {
    const root = path.join(dataFolder, 'blobs');
    await rm(path.join(root, 'tmp'), { recursive: true, force: true });
    await mkdir(path.join(root, 'tmp'), { recursive: true, mode: 0o700 });
    await mkdir(path.join(root, 'owners'), { recursive: true, mode: 0o700 });
    return new BlobStore(root);
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.size(sha256)) !== undefined;
  }

  /** Bytes, or undefined when the blob is not here. */
  async size(sha256: string): Promise<number | undefined> {
    if (!isSha256(sha256)) return undefined;
    try {
      return (await stat(this.#path(sha256))).size;
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
    const folder = path.dirname(this.#path(expectedSha));
    try {
      await writeChecked(temporary, stream, expectedSha, expectedSize);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await rename(temporary, this.#path(expectedSha));
      await syncFolder(folder);
      await syncFolder(this.#root);
    } catch (error) {
      await rm(temporary, { force: true });
      throw asBlobError(error, expectedSha);
    }
  }

  /** Stores bytes; returns their SHA-256. */
  async putBytes(bytes: Uint8Array): Promise<string> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (!(await this.has(sha256))) await this.put(Readable.from([bytes]), sha256, bytes.length);
    return sha256;
  }

  /** Streams the blob or a part of it. The stream fails with ENOENT when the blob is not here. */
  read(sha256: string, range: ByteRange = {}): Readable {
    const start = range.offset ?? 0;
    if (range.length === 0) return Readable.from([]);
    const end = range.length === undefined ? Infinity : start + range.length - 1;
    return createReadStream(this.#path(sha256), { start, end });
  }

  /** The whole blob. Throws a BlobError when it is not here or larger than `maxBytes`. */
  async readBytes(sha256: string, maxBytes: number): Promise<Buffer> {
    const size = await this.size(sha256);
    if (size === undefined) throw new BlobError('not_found', `blob ${sha256}: not here; send it`);
    if (size > maxBytes) {
      throw new BlobError('too_long', `blob ${sha256}: want up to ${maxBytes} bytes, has ${size}`);
    }
    return await readFile(this.#path(sha256));
  }

  async markOwned(principal: string, sha256: string): Promise<void> {
    const file = this.#marker(principal, sha256);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, '', { mode: 0o600 });
  }

  async isOwned(principal: string, sha256: string): Promise<boolean> {
    try {
      await stat(this.#marker(principal, sha256));
      return true;
    } catch {
      return false;
    }
  }

  #path(sha256: string): string {
    if (!isSha256(sha256)) throw new BlobError('invalid', 'blob: want 64 lower-case hex digits');
    return path.join(this.#root, sha256.slice(0, 2), sha256);
  }

  #marker(principal: string, sha256: string): string {
    if (!isSha256(sha256)) throw new BlobError('invalid', 'blob: want 64 lower-case hex digits');
    // Hashed, so that no name of a principal can leave the folder.
    const owner = createHash('sha256').update(principal).digest('hex').slice(0, 32);
    return path.join(this.#root, 'owners', owner, sha256);
  }
}

export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

async function writeChecked(
  file: string,
  stream: AsyncIterable<Uint8Array>,
  sha256: string,
  sizeBytes: number,
): Promise<void> {
  const hash = createHash('sha256');
  const handle = await open(file, 'wx', 0o600);
  try {
    let count = 0;
    for await (const chunk of stream) {
      count += chunk.length;
      if (count > sizeBytes) {
        throw new BlobError('too_long', `blob ${sha256}: want ${sizeBytes} bytes, found more`);
      }
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    if (count < sizeBytes) {
      throw new BlobError('too_short', `blob ${sha256}: want ${sizeBytes} bytes, found ${count}`);
    }
    const found = hash.digest('hex');
    if (found !== sha256) {
      throw new BlobError(
        'wrong_hash',
        `blob ${sha256}: the bytes hash to ${found}; send it again`,
      );
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asBlobError(error: unknown, sha256: string): BlobError {
  if (error instanceof BlobError) return error;
  if (['ENOSPC', 'EDQUOT'].includes(codeOf(error))) {
    return new BlobError('disk_full', `blob ${sha256}: the disk is full; free some space`, error);
  }
  return new BlobError('io', `blob ${sha256}: could not be stored; send it again`, error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
