// A package: bytes that nobody in the federation declared. The node knows their hash and where they are published, and they
// are one chunk of any size, which goes from disk to disk and is never whole in memory.

import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobRef } from '../../core/index.ts';
import { hashOfFile } from '../blobs/hash-file.ts';

export interface ForeignBlob extends BlobRef {
  /** Writes them to this file from where they are published. Rejects when they can't be had, or are not so many. */
  readonly fetchFromSource: (file: string, signal: AbortSignal) => Promise<void>;
}

/**
 * Has it brought to a file beside its place, and puts it there when its hash is right. Returns the blob's file; null: the
 * hash is another, and nothing is kept. Throws what `bring` and the disk say.
 */
export async function takeForeign(
  folder: string,
  sha256: string,
  bring: (file: string) => Promise<void>,
): Promise<string | null> {
  const file = join(folder, sha256);
  // One that was given up may still come to its end.
  const part = `${file}.part${randomBytes(4).toString('hex')}`;
  try {
    await bring(part);
    if ((await hashOfFile(part)) !== sha256) return null;
    const handle = await open(part, 'r');
    await handle.datasync();
    await handle.close();
    await rename(part, file);
    return file;
  } finally {
    await rm(part, { force: true });
  }
}
