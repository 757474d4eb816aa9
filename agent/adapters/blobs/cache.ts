// The space that blobs, unpacked bundles and checkpoints take on the node: what was used longest ago goes first,
// what a task needs stays.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { diskUse } from '../sandbox/disk-use.ts';

interface Item {
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedMs: number;
}

export class Cache {
  readonly #folders: readonly string[];
  /** By path and time: folders don't change where they are, but a checkpoint may come again. */
  readonly #sizes = new Map<string, { readonly mtimeMs: number; readonly sizeBytes: number }>();

  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  /** What could go; `keep` are hashes in use. */
  async removableBytes(keep: ReadonlySet<string>): Promise<number> {
    const items = await this.#items();
    return sizeOf(items.filter(({ path }) => !keep.has(hashIn(path))));
  }

  /** Removes until all is within so many bytes, told how many they are; `keep` are hashes in use. */
  async trim(mostBytes: (usedBytes: number) => number, keep: ReadonlySet<string>): Promise<void> {
    const items = await this.#items();
    let total = sizeOf(items);
    const maxBytes = mostBytes(total);
    for (const { path, sizeBytes } of [...items].sort((a, b) => a.usedMs - b.usedMs)) {
      if (total <= maxBytes) return;
      if (keep.has(hashIn(path))) continue;
      await rm(path, { recursive: true, force: true });
      this.#sizes.delete(path);
      total -= sizeBytes;
    }
  }

  async #items(): Promise<readonly Item[]> {
    return (await Promise.all(this.#folders.map((folder) => this.#itemsOf(folder)))).flat();
  }

  async #itemsOf(folder: string): Promise<readonly Item[]> {
    const items: Item[] = [];
    // Before the first start there is none.
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const found = await stat(path).catch(() => null);
      if (found === null) continue;
      const sizeBytes = found.isDirectory() ? this.#sizeOf(path, found.mtimeMs) : found.size;
      items.push({ path, sizeBytes, usedMs: found.mtimeMs });
    }
    return items;
  }

  #sizeOf(path: string, mtimeMs: number): number {
    const known = this.#sizes.get(path);
    if (known?.mtimeMs === mtimeMs) return known.sizeBytes;
    const sizeBytes = diskUse(path);
    this.#sizes.set(path, { mtimeMs, sizeBytes });
    return sizeBytes;
  }
}

function sizeOf(items: readonly Item[]): number {
  return items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Files and folders are named by a hash, with or without an ending. */
function hashIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).slice(0, 64);
}
