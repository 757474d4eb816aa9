// The unpacked bundles of this node: folders named by the hash of their tar, shared read-only by
// attempts. Each is unpacked once, however many attempts ask for it at a time.

import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readBootId } from './attempt-spec.ts';
import type { UnpackLimits } from './unpack.ts';
import { unpackBundle } from './unpack.ts';

const limits: UnpackLimits = { maxBytes: 2_000_000_000, maxEntries: 50_000 };

export class Bundles {
  readonly #folder: string;
  readonly #unpacking = new Map<string, Promise<void>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Makes the folder, and removes what an unfinished unpacking left there; all of it after a boot,
   * since nothing here was synced and the power may have failed. The tars are still there.
   */
  async start(): Promise<void> {
    // Task users pass through it to their bundle, and list nothing.
    await mkdir(this.#folder, { recursive: true, mode: 0o711 });
    const bootFile = `${this.#folder}.boot`;
    const bootId = readBootId();
    const isNewBoot = (await readFile(bootFile, 'utf8').catch(() => '')) !== bootId;
    for (const name of await readdir(this.#folder)) {
      if (isNewBoot || name.endsWith('.tmp'))
        await rm(join(this.#folder, name), { recursive: true });
    }
    await writeFile(bootFile, bootId);
  }

  folderOf(sha256: string): string {
    return join(this.#folder, sha256);
  }

  has(sha256: string): boolean {
    return existsSync(this.folderOf(sha256));
  }

  /** Unpacks the tar unless it has been. Throws SandboxError `bad_bundle`; nothing is left then. */
  unpack(archivePath: string, sha256: string): Promise<void> {
    const running = this.#unpacking.get(sha256);
    if (running !== undefined) return running;
    const unpacking = this.#unpack(archivePath, this.folderOf(sha256)).finally(() =>
      this.#unpacking.delete(sha256),
    );
    this.#unpacking.set(sha256, unpacking);
    return unpacking;
  }

  async #unpack(archivePath: string, folder: string): Promise<void> {
    await unpackBundle(archivePath, folder, limits);
    // Its last use, for the order in which old ones are removed.
    await utimes(folder, new Date(), new Date());
  }
}
