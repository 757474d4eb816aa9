// Reads a file from its beginning to its end in one piece of memory. A stream's pieces are garbage that V8 counts
// for little: while a node of 256 MB hashed a large file, tens of MB of them waited to be collected.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';

const partBytes = 64 * 1024;

/** SHA-256, hexadecimal. Throws when it can't be read. */
export async function hashOfFile(file: string): Promise<string> {
  const handle = await open(file);
  try {
    return await hashOf(handle);
  } finally {
    await handle.close();
  }
}

/** SHA-256 of all of an open file, hexadecimal; it stays open. */
export async function hashOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of partsOf(file)) hash.update(part);
  return hash.digest('hex');
}

/** All of an open file, which stays open. A part is gone when the next one is asked for. */
export async function* partsOf(file: FileHandle): AsyncGenerator<Buffer> {
  const memory = Buffer.allocUnsafeSlow(partBytes);
  for (let at = 0; ;) {
    const { bytesRead } = await file.read(memory, 0, partBytes, at);
    if (bytesRead === 0) return;
    yield memory.subarray(0, bytesRead);
    at += bytesRead;
  }
}
