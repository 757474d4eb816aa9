// What releases there are, as the operator signed it: TUF metadata, verified by tuf-js and kept on disk.
// tuf-js checks; which files are asked for, in TUF's order, and how many bytes of them are read is here,
// since its own downloader knows neither the federation's CA nor a floor of the time.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LengthOrHashMismatchError, UnsignedMetadataError } from '@tufjs/models/dist/error.js';
import {
  BadVersionError,
  EqualVersionError,
  ExpiredMetadataError,
  RepositoryError,
} from 'tuf-js/dist/error.js';
import { TrustedMetadataStore } from 'tuf-js/dist/store.js';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import { readTarget } from '../../../proto/release-target.ts';
import { isDiskFull } from '../state/disk-full.ts';
import { writeDurably } from '../state/durable.ts';
import { ReleaseError } from './release-error.ts';
import { TimeFloor } from './time-floor.ts';

/** What is read of each file at most: a federation's list of releases is short. */
export const mostMetadataBytes = {
  root: 256_000,
  timestamp: 16_000,
  snapshot: 64_000,
  targets: 1_000_000,
} as const;
/** Roots between the one that is trusted here and the newest. */
const mostRoots = 64;

export interface TrustedReleasesOptions {
  readonly folder: string;
  /** A file of the federation's; null: there is none. Throws ReleaseError, `oversize` among others. */
  readonly get: (name: string, maxBytes: number) => Promise<Buffer | null>;
  readonly wallMs: () => number;
  readonly runningMs: () => number;
}

export class TrustedReleases {
  readonly #options: TrustedReleasesOptions;
  readonly #floor: TimeFloor;

  constructor(options: TrustedReleasesOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    this.#floor = new TimeFloor(join(options.folder, 'floor'), options);
  }

  /** All releases that may be installed now. Throws ReleaseError: then none may, what runs goes on. */
  async refresh(): Promise<readonly ReleaseTarget[]> {
    try {
      return await this.#refresh();
    } catch (error) {
      throw asReleaseError(error, new Date(this.#floor.nowMs()));
    }
  }

  async #refresh(): Promise<readonly ReleaseTarget[]> {
    const store = new TrustedMetadataStore(await this.#firstRoot());
    this.#setTime(store);
    await this.#updateRoot(store);
    await this.#updateTimestamp(store);
    // Its signature holds: what it says of the time is known before it is asked whether it is too old.
    this.#setTime(store);
    await this.#updateSnapshot(store);
    await this.#updateTargets(store);
    return Object.entries(store.targets?.signed.targets ?? {}).flatMap(([path, file]) => {
      const target = readTarget(path, file);
      // A later scheduler may list kinds that this agent does not know.
      return typeof target === 'string' ? [] : [target];
    });
  }

  /** It would take the clock's: that of a Pi may be in 1970. */
  #setTime(store: TrustedMetadataStore): void {
    Object.assign(store, { referenceTime: new Date(this.#floor.nowMs()) });
  }

  /** The one that is trusted here; the first time the federation's first, over the CA that a token pins. */
  async #firstRoot(): Promise<Buffer> {
    const kept = this.#read('root.json');
    if (kept !== null) return kept;
    const first = await this.#options.get('1.root.json', mostMetadataBytes.root);
    if (first === null) throw new ReleaseError('unknown', 'This federation has no releases.');
    // Throws where its own keys did not sign it.
    new TrustedMetadataStore(first);
    this.#write('root.json', first);
    return first;
  }

  async #updateRoot(store: TrustedMetadataStore): Promise<void> {
    for (let count = 0; count < mostRoots; count += 1) {
      const name = `${store.root.signed.version + 1}.root.json`;
      const next = await this.#options.get(name, mostMetadataBytes.root);
      if (next === null) return;
      store.updateRoot(next);
      this.#write('root.json', next);
    }
  }

  async #updateTimestamp(store: TrustedMetadataStore): Promise<void> {
    const kept = this.#read('timestamp.json');
    // One that is old, or signed by a key that is not trusted any more, proves nothing.
    if (kept !== null) unlessFails(() => store.updateTimestamp(kept));
    const bytes = await this.#must('timestamp.json', 'timestamp');
    try {
      store.updateTimestamp(bytes);
    } catch (error) {
      // The same one again.
      if (error instanceof EqualVersionError) return;
      throw error;
    }
    this.#write('timestamp.json', bytes);
    const { issued_unix_ms: issued } = store.timestamp?.signed.unrecognizedFields ?? {};
    if (typeof issued === 'number') this.#floor.raise(issued);
  }

  async #updateSnapshot(store: TrustedMetadataStore): Promise<void> {
    const kept = this.#read('snapshot.json');
    if (kept !== null && !unlessFails(() => store.updateSnapshot(kept, true))) return;
    const version = store.timestamp?.signed.snapshotMeta.version ?? 0;
    const bytes = await this.#must(`${version}.snapshot.json`, 'snapshot');
    store.updateSnapshot(bytes);
    this.#write('snapshot.json', bytes);
  }

  async #updateTargets(store: TrustedMetadataStore): Promise<void> {
    const update = (bytes: Buffer): void => store.updateDelegatedTargets(bytes, 'targets', 'root');
    const kept = this.#read('targets.json');
    if (kept !== null && !unlessFails(() => update(kept))) return;
    const version = store.snapshot?.signed.meta['targets.json']?.version ?? 0;
    const bytes = await this.#must(`${version}.targets.json`, 'targets');
    update(bytes);
    this.#write('targets.json', bytes);
  }

  async #must(name: string, role: keyof typeof mostMetadataBytes): Promise<Buffer> {
    const bytes = await this.#options.get(name, mostMetadataBytes[role]);
    if (bytes !== null) return bytes;
    throw new ReleaseError('mix', `${name} is named by signed metadata, and is not there.`);
  }

  #read(name: string): Buffer | null {
    try {
      return readFileSync(join(this.#options.folder, name));
    } catch {
      return null;
    }
  }

  #write(name: string, bytes: Buffer): void {
    writeDurably(join(this.#options.folder, name), bytes.toString('utf8'));
  }
}

/** Whether it failed. */
function unlessFails(step: () => unknown): boolean {
  try {
    step();
    return false;
  } catch {
    return true;
  }
}

const installNothing = 'Nothing new is installed; what is installed goes on.';

function asReleaseError(error: unknown, now: Date): ReleaseError {
  if (error instanceof ReleaseError) return error;
  const code = codeOf(error);
  const why = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error)) {
    const text = `The federation's list of releases found no room on this node's disk: ${why}. ${installNothing}`;
    return new ReleaseError('disk', text, error);
  }
  const time = code === 'expired' ? ` (here it is ${now.toISOString()} at least)` : '';
  const text = `The federation's list of releases ${meanings[code]}: ${why}${time}. ${installNothing}`;
  return new ReleaseError(code, text, error);
}

type Found = 'signature' | 'expired' | 'rollback' | 'mix' | 'damaged';

const meanings: Readonly<Record<Found, string>> = {
  signature: 'is not signed by its keys',
  expired: 'is too old to be believed',
  rollback: 'is older than what was seen here',
  mix: 'is put together of files that do not belong together',
  damaged: 'can not be read',
};

function codeOf(error: unknown): Found {
  if (error instanceof UnsignedMetadataError) return 'signature';
  if (error instanceof ExpiredMetadataError) return 'expired';
  if (error instanceof LengthOrHashMismatchError) return 'mix';
  if (error instanceof BadVersionError) {
    return error.message.includes('match') ? 'mix' : 'rollback';
  }
  return error instanceof RepositoryError ? 'mix' : 'damaged';
}
