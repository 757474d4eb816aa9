// Writes all of the bytes, where a handle's own write may take a piece of them and say nothing.

import type { FileHandle } from 'node:fs/promises';

/** Throws what the disk says: one that is full takes a piece first, and says so only when asked again. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, offset + at);
    at += bytesWritten;
  }
}
