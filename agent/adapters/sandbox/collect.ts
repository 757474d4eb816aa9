// Takes a finished task's outputs: only regular files that really lie in the work folder.
// The task's processes must have ended before, so that nothing moves underneath.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { partsOf } from '../blobs/hash-file.ts';

export interface Output {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly absolutePath: string;
}

export type Collected =
  | { readonly kind: 'collected'; readonly outputs: readonly Output[] }
  | { readonly kind: 'bad_output'; readonly detail: string };

/** Hashes each named output, a relative path in `workPath`; the first bad one ends it. */
export async function collectOutputs(
  workPath: string,
  names: readonly string[],
  maxBytes: number,
): Promise<Collected> {
  const outputs: Output[] = [];
  let leftBytes = maxBytes;
  for (const name of names) {
    const taken = await takeOutput(await realpath(workPath), name, leftBytes);
    if (typeof taken === 'string') {
      return { kind: 'bad_output', detail: `output '${name}': ${taken}` };
    }
    outputs.push(taken);
    leftBytes -= taken.sizeBytes;
  }
  return { kind: 'collected', outputs };
}

async function takeOutput(root: string, name: string, maxBytes: number): Promise<Output | string> {
  const parts = name.split('/');
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (isAbsolute(name) || !isPlain || name.includes('\0')) {
    return 'wanted a relative path without . and .. parts';
  }
  try {
    const path = join(root, name);
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const stat = await lstat(join(root, ...parts.slice(0, depth)));
      if (stat.isSymbolicLink()) return 'wanted a regular file, found a symbolic link on the way';
    }
    if (!(await realpath(path)).startsWith(root + sep)) return 'lies outside the work folder';
    return await hashFile(path, name, maxBytes);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return isMissing ? 'the task did not write it' : String(error);
  }
}

async function hashFile(path: string, name: string, maxBytes: number): Promise<Output | string> {
  // O_NONBLOCK: a named pipe must not hold us.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return 'wanted a regular file';
    if (stat.size > maxBytes) return `is ${stat.size} bytes, ${maxBytes} are left of the limit`;
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const bytes of partsOf(file)) {
      hash.update(bytes);
      sizeBytes += bytes.length;
      if (sizeBytes > maxBytes) return 'grew while it was read';
    }
    return {
      path: name,
      sha256: hash.digest('hex'),
      sizeBytes,
      absolutePath: path,
    };
  } finally {
    await file.close();
  }
}
