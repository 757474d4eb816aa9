// How much disk a folder takes, by blocks: a sparse file counts for what it really holds.

import { lstatSync, readdirSync, statfsSync, type Stats } from 'node:fs';
import { join } from 'node:path';

/** Entries after which counting stops; a folder with more is over any limit. */
export const maxEntries = 100_000;

/** Linux takes 4,095; the rest is room for the folder to be moved to a longer path. */
const maxPathBytes = 3_800;

/**
 * Bytes on disk of everything below `folder`; Infinity when it holds over `maxEntries` entries, or
 * paths longer than the system takes: what lies there could be neither counted nor removed.
 * Files that were deleted but are still open are not seen: the free-space reserve catches those.
 */
export function diskUse(folder: string): number {
  let bytes = 0;
  let entryCount = 0;
  const linked = new Set<number>();
  const waiting = [folder];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const name of namesIn(path)) {
      entryCount += 1;
      if (entryCount > maxEntries) return Infinity;
      const full = join(path, name);
      if (Buffer.byteLength(full) > maxPathBytes) return Infinity;
      const stat = statOf(full);
      if (stat === null) continue;
      const isLinked = stat.nlink > 1 && !stat.isDirectory();
      if (isLinked && linked.has(stat.ino)) continue;
      if (isLinked) linked.add(stat.ino);
      bytes += stat.blocks * 512;
      if (stat.isDirectory()) waiting.push(full);
    }
  }
  return bytes;
}

/** Bytes an unprivileged user may still write on the disk that holds `path`. */
export function diskFree(path: string): number {
  const stat = statfsSync(path);
  return stat.bavail * stat.bsize;
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function statOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}
