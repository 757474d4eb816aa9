// The room on a node's disk for blobs, bundles and checkpoints: within the owner's cache, and never of the reserve that she
// keeps free. What is on its way counts as if it were here.

import { DiskFullError } from '../state/disk-full.ts';
import type { Limits } from '../owner/limits.ts';
import { blocksOf } from './blob-client.ts';
import type { Cache } from './cache.ts';

/** A disk that is short is tidied so often; others fill it, too. */
const againMs = 60_000;

/** Something that comes to the disk. */
export interface Coming {
  /** One for all who wait for the same; the hash of a blob keeps what is here of it. */
  readonly key: string;
  readonly sizeBytes: number;
  /** What is on the disk of it. */
  readonly hereBytes: () => number;
}

export interface DiskRoomOptions {
  readonly cache: Pick<Cache, 'trim' | 'removableBytes'>;
  readonly limits: () => Pick<Limits, 'cacheBytes' | 'diskReserveBytes'>;
  readonly freeBytes: () => number;
  /** Hashes of what a task needs, or is on its way. */
  readonly inUse: () => ReadonlySet<string>;
  /** Hashes that others of the site count on: they go last. */
  readonly pinned: () => ReadonlySet<string>;
  /** Something may have been removed. */
  readonly onTrimmed: () => Promise<void>;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

interface Held extends Coming {
  holders: number;
}

export class DiskRoom {
  readonly #options: DiskRoomOptions;
  readonly #coming = new Map<string, Held>();
  #turn: Promise<unknown> = Promise.resolve();
  #lookMs = Number.NEGATIVE_INFINITY;

  constructor(options: DiskRoomOptions) {
    this.#options = options;
  }

  /** Less is free than the owner wants. */
  get isShort(): boolean {
    return this.#missingBytes() > 0;
  }

  /**
   * Keeps room until the function that this returns is called; what was used longest ago is removed for it.
   * Throws DiskFullError.
   *
   * @param what whose it is, for who reads the error.
   */
  take(what: string, coming: readonly Coming[]): Promise<() => void> {
    return this.#inTurn(async () => {
      const letGo = this.#hold(coming);
      try {
        const lacking = this.#missingBytes() - (await this.#removableBytes());
        if (lacking > 0) throw this.#noRoom(what, coming, lacking);
        if (!this.isShort) return letGo;
        await this.#trim();
        // What has a second name frees nothing.
        if (this.isShort) throw this.#noRoom(what, coming, this.#missingBytes());
        return letGo;
      } catch (error) {
        letGo();
        throw error;
      }
    });
  }

  /** Removes what is too much. */
  trim(): Promise<void> {
    return this.#inTurn(() => this.#trim());
  }

  /** @param nowMs monotonic. */
  async look(nowMs: number): Promise<void> {
    if (!this.isShort || nowMs - this.#lookMs < againMs) return;
    this.#lookMs = nowMs;
    await this.trim();
  }

  /** One after the other: two would remove for the same bytes. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step, step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #hold(coming: readonly Coming[]): () => void {
    for (const each of coming) {
      const held = this.#coming.get(each.key) ?? { ...each, holders: 0 };
      held.holders += 1;
      this.#coming.set(each.key, held);
    }
    let isHeld = true;
    return () => {
      if (isHeld) for (const { key } of coming) this.#letGo(key);
      isHeld = false;
    };
  }

  #letGo(key: string): void {
    const held = this.#coming.get(key);
    if (held === undefined) return;
    held.holders -= 1;
    if (held.holders === 0) this.#coming.delete(key);
  }

  /** What would have to go for all that comes; less than 0: so much is left. */
  #missingBytes(): number {
    let missing = this.#options.limits().diskReserveBytes - this.#freeBytes();
    for (const each of this.#coming.values()) missing += stillToCome(each);
    return missing;
  }

  /** A card that fails says nothing: what has to be written then says so itself. */
  #freeBytes(): number {
    try {
      return this.#options.freeBytes();
    } catch (error) {
      this.#options.log('the disk does not say what is free', { error: String(error) });
      return Number.POSITIVE_INFINITY;
    }
  }

  #keep(): Set<string> {
    return new Set([...this.#options.inUse(), ...this.#coming.keys()]);
  }

  async #removableBytes(): Promise<number> {
    return this.isShort ? await this.#options.cache.removableBytes(this.#keep()) : 0;
  }

  async #trim(): Promise<void> {
    const { cache, limits, pinned, onTrimmed, log } = this.#options;
    const mostBytes = (usedBytes: number): number =>
      Math.min(limits().cacheBytes, usedBytes - this.#missingBytes());
    const keep = this.#keep();
    try {
      await cache.trim(mostBytes, new Set([...keep, ...pinned()]));
      await cache.trim(mostBytes, keep);
      await onTrimmed();
    } catch (error) {
      log('blobs not trimmed', { error: String(error) });
    }
  }

  #noRoom(what: string, coming: readonly Coming[], lackingBytes: number): DiskFullError {
    const wanted = coming.reduce((sum, each) => sum + stillToCome(each), 0);
    const reserve = megabytes(this.#options.limits().diskReserveBytes);
    const found = megabytes(Math.max(0, wanted - lackingBytes));
    return new DiskFullError(
      `${what}: wanted ${megabytes(wanted)} of this node's disk beside the ${reserve} that stay free (diskReserveBytes), found ${found}: make room on it`,
    );
  }
}

/** Files that are written as copies of others: what is there of them is free no more. */
export function copiesOf(
  key: string,
  files: readonly { readonly file: string; readonly sizeBytes: number }[],
): Coming {
  const sizeBytes = files.reduce((sum, each) => sum + each.sizeBytes, 0);
  const here = (): number =>
    files.reduce((sum, each) => sum + Math.min(each.sizeBytes, blocksOf(each.file)), 0);
  return { key, sizeBytes, hereBytes: here };
}

function stillToCome({ sizeBytes, hereBytes }: Coming): number {
  return Math.max(0, sizeBytes - hereBytes());
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0)} MB`;
}
