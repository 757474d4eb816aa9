// Says whether stored bundles are for the machines that jobs name them for. Each is looked into once,
// one at a time: that is reading it as a whole.

import PQueue from 'p-queue';
import { BundleError, inspectBundle, type BundleProgram } from '../../bundle/inspect.ts';
import { misfit, type BundleClaim } from '../../bundle/judge.ts';
import type { BlobStore } from './blob-store.ts';

/** A few kilobytes each. */
const bundlesKept = 1_000;

export class BundleChecks {
  readonly #blobs: Pick<BlobStore, 'read'>;
  readonly #queue = new PQueue({ concurrency: 1 });
  readonly #known = new Map<string, Promise<readonly BundleProgram[]>>();

  constructor(blobs: Pick<BlobStore, 'read'>) {
    this.#blobs = blobs;
  }

  /** What is wrong with this bundle under that claim, or null. Fails when it cannot be read. */
  async problem(sha256: string, claim: BundleClaim): Promise<string | null> {
    try {
      return misfit(claim, await this.#programs(sha256));
    } catch (error) {
      if (error instanceof BundleError) return error.message;
      this.#known.delete(sha256);
      throw error;
    }
  }

  #programs(sha256: string): Promise<readonly BundleProgram[]> {
    const known = this.#known.get(sha256);
    if (known !== undefined) return known;
    const reading = this.#queue.add(() => inspectBundle(this.#blobs.read(sha256)));
    this.#known.set(sha256, reading);
    const [oldest] = this.#known.keys();
    if (this.#known.size > bundlesKept && oldest !== undefined) this.#known.delete(oldest);
    return reading;
  }
}
