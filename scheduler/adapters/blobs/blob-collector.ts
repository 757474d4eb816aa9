// Removes blobs that nothing names any more: no job that is active or listed, no list of inputs, no result, no
// release. Whoever sends a blob or asks for it keeps it for a week (`unnamedKeptMs`), so that what is named while a
// pass runs cannot go with it. Nor does what the last pass still found named: that fact may not be on disk yet, and a
// backup that has copied the journal is still to copy its blobs.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NamedBlob } from '../../core/index.ts';
import { BlobError } from './blob-error.ts';
import type { BlobStore } from './blob-store.ts';
import type { Manifests } from './manifests.ts';
import { outputsOf } from './results.ts';

export interface BlobCollectorOptions {
  readonly blobs: Pick<BlobStore, 'names' | 'removeUnnamed' | 'dropMarks' | 'readBytes'>;
  readonly manifests: Pick<Manifests, 'get'>;
  /** What the state names; see `namedBlobs`. */
  readonly named: () => Iterable<NamedBlob | null>;
  /** What else is named: blobs of releases. */
  readonly namedElsewhere: () => ReadonlySet<string>;
  readonly onRemoved: (sha256: string, sizeBytes: number) => Promise<void>;
  /** A task whose outputs stay on its node, unless all of them have come meanwhile. */
  readonly onUnsent: (task: NonNullable<NamedBlob['unsent']>) => Promise<void>;
}

export interface Collected {
  readonly removed: number;
  readonly removedBytes: number;
  readonly kept: number;
}

/** Steps between turns of the event loop: about a millisecond. */
const stepsInASlice = 256;
/** A list that is not here any more, or is none, names nothing that anybody could still reach. */
const unreadable: ReadonlySet<string> = new Set(['not_found', 'damaged', 'invalid', 'too_long']);

export class BlobCollector {
  readonly #options: BlobCollectorOptions;
  #steps = 0;
  /** What the last pass found unnamed. */
  #unnamed: ReadonlySet<number> = new Set();

  constructor(options: BlobCollectorOptions) {
    this.#options = options;
  }

  /**
   * One pass, a day after the last one. Fails, having removed nothing, when a list of blobs can't be read because of the disk. When `signal`
   * is aborted it ends early: each removal stands for itself.
   */
  async collect(signal: AbortSignal): Promise<Collected> {
    const { blobs, namedElsewhere, onRemoved } = this.#options;
    const named = await this.#named(signal);
    for (const sha256 of namedElsewhere()) named.add(keyOf(sha256));
    const collected = { removed: 0, removedBytes: 0, kept: 0 };
    const unnamed = new Set<number>();
    for await (const sha256 of blobs.names()) {
      if (signal.aborted) return collected;
      await this.#step();
      const key = keyOf(sha256);
      if (!named.has(key)) unnamed.add(key);
      const mayGo = !named.has(key) && this.#unnamed.has(key);
      const sizeBytes = mayGo ? await blobs.removeUnnamed(sha256) : null;
      if (sizeBytes === null) {
        collected.kept += 1;
        continue;
      }
      await onRemoved(sha256, sizeBytes);
      collected.removed += 1;
      collected.removedBytes += sizeBytes;
    }
    this.#unnamed = unnamed;
    await blobs.dropMarks();
    return collected;
  }

  async #named(signal: AbortSignal): Promise<Set<number>> {
    const keys = new Set<number>();
    for (const each of this.#options.named()) {
      await this.#step();
      if (signal.aborted) break;
      if (each === null) continue;
      keys.add(keyOf(each.sha256));
      for await (const sha256 of this.#listed(each)) keys.add(keyOf(sha256));
      if (each.unsent !== undefined) await this.#options.onUnsent(each.unsent);
    }
    return keys;
  }

  /** Blobs that are named in this one. */
  async *#listed({ kind, sha256 }: NamedBlob): AsyncGenerator<string> {
    try {
      if (kind === 'result') {
        for (const output of await outputsOf(this.#options.blobs, sha256)) yield output.sha256;
      }
      if (kind !== 'manifest') return;
      const manifest = await this.#options.manifests.get(sha256);
      for (let index = 0; index < manifest.length; index += 1) {
        await this.#step();
        const input = manifest.entry(index).blob;
        if (input !== undefined) yield input.sha256;
      }
    } catch (error) {
      const isGone = error instanceof BlobError && unreadable.has(error.code);
      if (!isGone) throw error;
    }
  }

  async #step(): Promise<void> {
    this.#steps += 1;
    if (this.#steps % stepsInASlice === 0) await nextTurn();
  }
}

/** 48 bits, since a million whole names take 100 MB: two that share them both stay. */
function keyOf(sha256: string): number {
  return Number.parseInt(sha256.slice(0, 12), 16);
}
