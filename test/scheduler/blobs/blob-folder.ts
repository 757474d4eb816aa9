// A blob store in a folder of its own, for tests that make its files old, or harm them.

import { createHash } from 'node:crypto';
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { BlobStore } from '../../../scheduler/adapters/blobs/blob-store.ts';

export const dayMs = 24 * 3_600_000;

export class BlobFolder {
  readonly folder: string;
  readonly store: BlobStore;

  private constructor(folder: string, store: BlobStore) {
    this.folder = folder;
    this.store = store;
  }

  static async make(): Promise<BlobFolder> {
    const folder = mkdtempSync(join(tmpdir(), 'punnet-blob-folder-'));
    return new BlobFolder(folder, await BlobStore.open(folder, () => undefined));
  }

  /** Stores these bytes for a researcher, or for a node. */
  async put(bytes: Uint8Array, owner?: string): Promise<string> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await this.store.put(Readable.from([bytes]), sha256, bytes.length);
    if (owner !== undefined) await this.store.markOwned(owner, sha256);
    return sha256;
  }

  fileOf(sha256: string): string {
    return join(this.folder, 'blobs', sha256.slice(0, 2), sha256);
  }

  damage(sha256: string): void {
    const bytes = readFileSync(this.fileOf(sha256));
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    writeFileSync(this.fileOf(sha256), bytes);
  }

  /** All its files were written so much longer ago. */
  age(spanMs: number): void {
    const root = join(this.folder, 'blobs');
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      const found = statSync(join(root, name));
      const at = (found.mtimeMs - spanMs) / 1_000;
      if (found.isFile()) utimesSync(join(root, name), at, at);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** All that a generator gives. */
export async function allOf<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
