// A federation's releases for tests: the scheduler's repository, an operator with keys, and a node that
// asks the one for what the other signed. Time is the test's.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ReleaseError } from '../../../agent/adapters/releases/release-error.ts';
import { TrustedReleases } from '../../../agent/adapters/releases/trusted-releases.ts';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import { ReleaseRepository } from '../../../scheduler/adapters/releases/release-repository.ts';
import { makeRoot, makeTargets } from '../../../scheduler/releases/metadata.ts';
import type { SigningKey } from '../../../scheduler/releases/signing-key.ts';
import { makeKeyPem, readKeyPem } from '../../../scheduler/releases/signing-key.ts';

export const dayMs = 24 * 3_600_000;
const firstDay = Date.UTC(2026, 10, 1);

export const newKey = (): SigningKey => readKeyPem(makeKeyPem(), 'a key');
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function release(version: string, changes: Partial<ReleaseTarget> = {}): ReleaseTarget {
  return {
    ...{ name: 'agent', version, kind: 'agent', architecture: 'all', serial: 2 },
    ...{ sha256: sha256(version), sizeBytes: 1_000, hook: '' },
    ...{ indexSha256: sha256(`index of ${version}`), indexBytes: 200 },
    ...changes,
  };
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'punnet-releases-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

export class ReleaseRig {
  /** The node's clock, and the scheduler's. */
  nodeMs = firstDay;
  nowMs = firstDay;
  rootKeys: readonly SigningKey[] = [newKey()];
  targetsKeys: readonly SigningKey[] = [newKey()];
  /** What a node gets instead of what is there. */
  readonly changed = new Map<string, Buffer | null>();
  readonly asked: string[] = [];
  readonly folder = temporaryFolder();
  repository = this.reopen();
  node = this.newNode();
  readonly #sizes = new Map<string, number>();
  #rootVersion = 0;
  #targetsVersion = 0;

  reopen(): ReleaseRepository {
    const sizeOf = (hash: string): Promise<number> =>
      Promise.resolve(hash.startsWith('0000') ? 0 : (this.#sizes.get(hash) ?? 1_000));
    return ReleaseRepository.open({ dataFolder: this.folder, nowMs: () => this.nowMs, sizeOf });
  }

  newNode(folder = temporaryFolder()): TrustedReleases {
    return new TrustedReleases({
      folder,
      get: (name, maxBytes) => {
        this.asked.push(name);
        const bytes = this.changed.has(name)
          ? this.changed.get(name)
          : this.repository.publicFile(name);
        if ((bytes?.length ?? 0) > maxBytes) throw new Error(`${name} is too long`);
        return Promise.resolve(bytes ?? null);
      },
      wallMs: () => this.nodeMs,
      runningMs: () => this.nodeMs,
    });
  }

  /** The next root, with the keys that the rig has now, signed by `signers` as well. */
  root(signers: readonly SigningKey[] = []): Buffer {
    this.#rootVersion += 1;
    const roles = {
      root: this.rootKeys.map(({ key }) => key),
      targets: this.targetsKeys.map(({ key }) => key),
      online: this.repository.onlineKey,
    };
    const keys = [...this.rootKeys, ...signers];
    return makeRoot(roles, { version: this.#rootVersion, nowMs: this.nowMs, keys });
  }

  list(releases: readonly ReleaseTarget[], keys = this.targetsKeys): Buffer {
    this.#targetsVersion += 1;
    for (const { indexSha256, indexBytes } of releases) this.#sizes.set(indexSha256, indexBytes);
    return makeTargets(releases, { version: this.#targetsVersion, nowMs: this.nowMs, keys });
  }

  init(): Promise<string | null> {
    return this.repository.take({ roots: [this.root()], targets: this.list([]) });
  }

  publish(...releases: readonly ReleaseTarget[]): Promise<string | null> {
    return this.repository.take({ roots: [], targets: this.list(releases) });
  }

  /** The scheduler has its blobs. */
  know({ sha256, sizeBytes, indexSha256, indexBytes }: ReleaseTarget): void {
    this.#sizes.set(sha256, sizeBytes);
    this.#sizes.set(indexSha256, indexBytes);
  }

  /** Versions that the node would install. */
  async versions(node = this.node): Promise<readonly string[]> {
    return (await node.refresh()).map(({ version }) => version);
  }

  async refusal(node = this.node): Promise<{ readonly code: string; readonly message: string }> {
    const found = await node.refresh().then(
      () => ({ code: 'taken', message: '' }),
      // Nothing else is thrown there.
      (error: ReleaseError) => error,
    );
    return { code: found.code, message: found.message };
  }

  /** What is served now, by name. */
  serving(name: string): Buffer {
    const bytes = this.repository.publicFile(name);
    if (bytes === undefined) throw new Error(`${name} is not there`);
    return bytes;
  }
}
