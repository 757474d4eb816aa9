// Blobs that were on the disk as the agent started. The scheduler is asked of each whether its site exchanges it, before a byte is read:
// hashing a gigabyte takes a Pi 1 most of a minute.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyBitmap } from '../../../proto/bitmap.ts';
import type { BlobRef } from '../../core/index.ts';
import type { SaidOfBlob } from '../bus/exchange-wire.ts';

/** Smaller ones no site exchanges. */
const leastBytes = 256 * 1024;
/** Those used last; a line each in one message. */
const askedMost = 64;

export interface KeptBlobsOptions {
  readonly folder: string;
  /** Whether it is on the disk, with the hash of its name. */
  readonly isHere: (blob: BlobRef) => Promise<boolean>;
  readonly offer: (blob: BlobRef) => Promise<void>;
  /** To the scheduler. */
  readonly say: (said: readonly SaidOfBlob[]) => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export class KeptBlobs {
  readonly #options: KeptBlobsOptions;
  /** Of which nothing was heard, and that nobody here has wanted. */
  readonly #sizes = new Map<string, number>();
  /** One blob is hashed at a time. */
  #offering: Promise<void> = Promise.resolve();

  constructor(options: KeptBlobsOptions) {
    this.#options = options;
  }

  /** Looks what is there; a folder that can't be read has nothing. */
  async find(): Promise<void> {
    const { folder } = this.#options;
    const found: { readonly name: string; readonly size: number; readonly mtimeMs: number }[] = [];
    for (const name of await readdir(folder).catch(() => [])) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue;
      const file = await stat(join(folder, name)).catch(() => null);
      if (file === null || file.size < leastBytes) continue;
      found.push({ name, size: file.size, mtimeMs: file.mtimeMs });
    }
    found.sort((one, other) => other.mtimeMs - one.mtimeMs);
    for (const { name, size } of found.slice(0, askedMost)) this.#sizes.set(name, size);
  }

  /** Says that it takes part, has nothing yet and brings nothing: the scheduler answers with peers, or that nobody wants it. */
  ask(): void {
    if (this.#sizes.size === 0) return;
    const none = emptyBitmap(0);
    const parts = [...this.#sizes].map(([sha256, sizeBytes]) => ({
      ...({ kind: 'sayPart', sha256, sizeBytes, held: none, isWhole: false } as const),
      ...{ room: 0, unfound: none, bringing: none, isForeign: false },
    }));
    this.#options.say(parts);
  }

  /** Somebody here deals with it: nothing is asked of it any more. */
  take(sha256: string): void {
    this.#sizes.delete(sha256);
  }

  /** What the scheduler says of a blob, whether it was asked or not. */
  hear(sha256: string, isClosed: boolean): void {
    const sizeBytes = this.#sizes.get(sha256);
    this.#sizes.delete(sha256);
    if (sizeBytes === undefined || isClosed) return;
    this.#offering = this.#offering.then(() => this.#offer({ sha256, sizeBytes }));
  }

  /** One that is damaged, gone or not to be read is told to be gone. */
  async #offer(blob: BlobRef): Promise<void> {
    const { isHere, offer, say, log } = this.#options;
    const { sha256 } = blob;
    try {
      if (await isHere(blob)) return await offer(blob);
    } catch (error) {
      log('a blob is not offered', { sha256, error: String(error) });
    }
    say([{ kind: 'sayLeft', sha256 }]);
  }

  /** What was begun comes to its end. */
  async stop(): Promise<void> {
    this.#sizes.clear();
    await this.#offering;
  }
}
