// The federation's releases: TUF metadata in `<data>/releases`. What operators signed offline is checked
// and kept; the scheduler signs with its own key which list is the newest, and when that was.

import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Key, Metadata, Root, Targets } from '@tufjs/models';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import { lifetimesMs, makeSnapshot, makeTimestamp } from '../../releases/metadata.ts';
import {
  MetadataError,
  readNextRoot,
  readRoot,
  readTargets,
  releaseTargets,
} from '../../releases/read-metadata.ts';
import type { SigningKey } from '../../releases/signing-key.ts';
import { makeKeyPem, readKeyPem } from '../../releases/signing-key.ts';
import { DataFolderError, makeFolder, readIfThere, writeDurably } from '../durable-file.ts';

/** A node learns the time from it. */
const newTimestampMs = 3_600_000;
/** What a node takes (agent/adapters/releases). */
const mostBytes = 1_000_000;
const publicForm = /^(timestamp\.json|\d{1,15}\.(root|targets|snapshot)\.json)$/;

interface Signed {
  readonly root: Metadata<Root>;
  readonly targets: Metadata<Targets>;
  readonly releases: readonly ReleaseTarget[];
}

export interface RepositoryOptions {
  readonly dataFolder: string;
  readonly nowMs: () => number;
  /** Bytes of a blob, or undefined where there is none. */
  readonly sizeOf: (sha256: string) => Promise<number | undefined>;
}

/** What an operator signed: roots one after another, and the list. */
export interface OfflineMetadata {
  readonly roots: readonly Uint8Array[];
  readonly targets: Uint8Array | null;
}

export class ReleaseRepository {
  readonly #folder: string;
  readonly #options: RepositoryOptions;
  readonly #online: SigningKey;
  #signed: Signed | null = null;
  #snapshot = { version: 0, signedAtMs: -Infinity, targetsVersion: 0 };
  #timestamp = { version: 0, signedAtMs: -Infinity };

  private constructor(folder: string, options: RepositoryOptions) {
    this.#folder = folder;
    this.#options = options;
    const file = path.join(folder, 'online.key');
    if (!existsSync(file)) writeDurably(file, makeKeyPem());
    this.#online = readKeyPem(readFileSync(file, 'utf8'), file);
  }

  /** Throws DataFolderError or SigningKeyError where a file is not what was written. */
  static open(options: RepositoryOptions): ReleaseRepository {
    const folder = path.join(options.dataFolder, 'releases');
    makeFolder(folder);
    const repository = new ReleaseRepository(folder, options);
    repository.#read();
    return repository;
  }

  /** Of the scheduler, for the roles snapshot and timestamp. */
  get onlineKey(): Key {
    return this.#online.key;
  }

  /** The newest root and list, as they were signed; null: there are none yet. */
  get offline(): { readonly root: Buffer; readonly targets: Buffer } | null {
    if (this.#signed === null) return null;
    const { root, targets } = this.#signed;
    return { root: this.#bytesOf('root', root), targets: this.#bytesOf('targets', targets) };
  }

  get releases(): readonly ReleaseTarget[] {
    return this.#signed?.releases ?? [];
  }

  /** Blobs of all releases that are on the list, their indexes included: none of them may go. */
  get blobs(): ReadonlySet<string> {
    const named = this.releases.flatMap(({ sha256, indexSha256 }) => [sha256, indexSha256]);
    return new Set(named.filter((sha256) => sha256 !== ''));
  }

  /** The index that the list names for this blob of a release. */
  indexOf(sha256: string): string | undefined {
    const target = this.releases.find((each) => each.sha256 === sha256);
    return target === undefined || target.indexSha256 === '' ? undefined : target.indexSha256;
  }

  /** A file for nodes; undefined: there is none of that name. */
  publicFile(name: string): Buffer | undefined {
    if (!publicForm.test(name) || this.#signed === null) return undefined;
    if (name === 'timestamp.json') this.#sign(this.#signed);
    const file = path.join(this.#folder, name);
    return existsSync(file) ? readFileSync(file) : undefined;
  }

  /** Takes what an operator signed: all of it, or nothing, and says why not. */
  async take(offline: OfflineMetadata): Promise<string | null> {
    try {
      await this.#take(offline);
      return null;
    } catch (error) {
      if (error instanceof MetadataError) return error.message;
      throw error;
    }
  }

  async #take(offline: OfflineMetadata): Promise<void> {
    const before = this.#signed;
    const signed = this.#check(offline);
    for (const target of signed.releases) await this.#checkBlobs(target);
    if (this.#signed !== before) {
      throw new MetadataError('somebody else published at the same time: do it again');
    }
    const { targets } = offline;
    // A list that the last root's keys did not sign is passed over at the next start, if this one ends here.
    if (targets !== null) writeDurably(this.#fileOf('targets', signed.targets), targets);
    for (const bytes of offline.roots) {
      writeDurably(path.join(this.#folder, `${readRoot(bytes).signed.version}.root.json`), bytes);
    }
    this.#signed = signed;
    this.#sign(signed);
  }

  #check({ roots, targets }: OfflineMetadata): Signed {
    for (const bytes of [...roots, ...(targets === null ? [] : [targets])]) {
      if (bytes.length > mostBytes) {
        throw new MetadataError(
          `wanted metadata of at most ${mostBytes} bytes, found ${bytes.length}: take old releases off the list`,
        );
      }
    }
    let root = this.#signed?.root ?? null;
    for (const bytes of roots) {
      if (root !== null) root = readNextRoot(root, bytes);
      else if (readRoot(bytes).signed.version === 1) root = readRoot(bytes);
      else throw new MetadataError('root.json: wanted version 1, the first one');
    }
    if (root === null) throw new MetadataError('there is no root.json yet: punnet release init');
    this.#checkOnline(root);
    if (targets === null && this.#signed === null) {
      throw new MetadataError('wanted a list (targets.json) with the first root.json, found none');
    }
    const list = readTargets(root, targets ?? this.#bytesOf('targets', this.#list()));
    const last = this.#signed?.targets.signed.version ?? 0;
    if (targets !== null && list.signed.version !== last + 1) {
      throw new MetadataError(
        `targets.json: wanted version ${last + 1}, found ${list.signed.version}: somebody else published meanwhile; do it again`,
      );
    }
    return { root, targets: list, releases: releaseTargets(list) };
  }

  #list(): Metadata<Targets> {
    if (this.#signed !== null) return this.#signed.targets;
    throw new MetadataError('there is no targets.json yet: punnet release init');
  }

  #checkOnline({ signed }: Metadata<Root>): void {
    const { keyID } = this.onlineKey;
    for (const role of ['snapshot', 'timestamp']) {
      if (signed.roles[role]?.keyIDs.includes(keyID) === true) continue;
      throw new MetadataError(
        `root.json: wanted the scheduler's key (${keyID}) for ${role}, found another: punnet release add-key online`,
      );
    }
    const offline = [
      ...(signed.roles['root']?.keyIDs ?? []),
      ...(signed.roles['targets']?.keyIDs ?? []),
    ];
    if (!offline.includes(keyID)) return;
    throw new MetadataError("root.json: the scheduler's key may never sign root or targets");
  }

  async #checkBlobs(target: ReleaseTarget): Promise<void> {
    const wanted: readonly (readonly [string, number])[] = [
      [target.sha256, target.sizeBytes],
      ...(target.indexSha256 === '' ? [] : [[target.indexSha256, target.indexBytes] as const]),
    ];
    for (const [sha256, sizeBytes] of wanted) {
      const found = await this.#options.sizeOf(sha256);
      if (found === sizeBytes) continue;
      throw new MetadataError(
        `${target.name} ${target.version}: wanted blob ${sha256} of ${sizeBytes} bytes here, found ${found ?? 'none'}: send it before the list`,
      );
    }
  }

  /** Signs what has changed or gets old. Numbers follow the clock, so that no backup brings a lower one. */
  #sign({ targets }: Signed): void {
    const nowMs = this.#options.nowMs();
    const { version } = targets.signed;
    const isSame = this.#snapshot.targetsVersion === version;
    const isFresh = nowMs < this.#snapshot.signedAtMs + lifetimesMs.snapshot / 2;
    if (!isSame || !isFresh) {
      const list = { version, bytes: this.#bytesOf('targets', targets) };
      const of = nextVersion(this.#snapshot.version, nowMs);
      const bytes = makeSnapshot(list, { version: of, nowMs, keys: [this.#online] });
      writeDurably(path.join(this.#folder, `${of}.snapshot.json`), bytes);
      this.#snapshot = { version: of, signedAtMs: nowMs, targetsVersion: version };
      this.#timestamp = { ...this.#timestamp, signedAtMs: -Infinity };
    }
    if (nowMs < this.#timestamp.signedAtMs + newTimestampMs) return;
    const of = nextVersion(this.#timestamp.version, nowMs);
    const file = path.join(this.#folder, `${this.#snapshot.version}.snapshot.json`);
    const snapshot = { version: this.#snapshot.version, bytes: readFileSync(file) };
    const bytes = makeTimestamp(snapshot, { version: of, nowMs, keys: [this.#online] });
    writeDurably(path.join(this.#folder, 'timestamp.json'), bytes);
    this.#timestamp = { version: of, signedAtMs: nowMs };
    this.#forgetSnapshots();
  }

  #read(): void {
    const timestamp = readIfThere(path.join(this.#folder, 'timestamp.json'));
    // Written by this program, whole or not at all.
    const { signed } = JSON.parse(timestamp ?? '{"signed":{"version":0}}') as {
      readonly signed: { readonly version: number };
    };
    this.#timestamp = { ...this.#timestamp, version: signed.version };
    this.#snapshot = { ...this.#snapshot, version: this.#versions('snapshot')[0] ?? 0 };
    const [root] = this.#versions('root');
    if (root === undefined) return;
    let problem: unknown;
    for (const version of this.#versions('targets')) {
      try {
        this.#signed = this.#readPair(root, version);
        return;
      } catch (error) {
        problem ??= error;
      }
    }
    const why = problem instanceof Error ? problem.message : 'no targets.json';
    throw new DataFolderError(`${this.#folder}: ${why}: restore it from a backup`);
  }

  #readPair(rootVersion: number, version: number): Signed {
    const root = readRoot(readFileSync(path.join(this.#folder, `${rootVersion}.root.json`)));
    const list = readFileSync(path.join(this.#folder, `${version}.targets.json`));
    const targets = readTargets(root, list);
    return { root, targets, releases: releaseTargets(targets) };
  }

  /** On disk, the newest first. */
  #versions(role: 'root' | 'targets' | 'snapshot'): readonly number[] {
    const names = readdirSync(this.#folder).map((name) => /^(\d+)\.(\w+)\.json$/.exec(name));
    const found = names.flatMap((name) => (name?.[2] === role ? [Number(name[1])] : []));
    return found.sort((a, b) => b - a);
  }

  /** The one before stays: a node may have read the timestamp just before. */
  #forgetSnapshots(): void {
    for (const version of this.#versions('snapshot').slice(2)) {
      rmSync(path.join(this.#folder, `${version}.snapshot.json`));
    }
  }

  #bytesOf(role: 'root' | 'targets', metadata: Metadata<Root> | Metadata<Targets>): Buffer {
    return readFileSync(this.#fileOf(role, metadata));
  }

  #fileOf(role: 'root' | 'targets', { signed }: Metadata<Root> | Metadata<Targets>): string {
    return path.join(this.#folder, `${signed.version}.${role}.json`);
  }
}

function nextVersion(before: number, nowMs: number): number {
  return Math.max(before + 1, Math.floor(nowMs / 1000));
}
