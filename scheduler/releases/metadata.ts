// The four files of TUF as this project writes them. Root and targets are signed where the operator is,
// snapshot and timestamp by the scheduler: its key can say which list is the newest, never what is on it.

import { createHash } from 'node:crypto';
import type { Key } from '@tufjs/models';
import { MetaFile, Metadata, Root, Snapshot, TargetFile, Targets, Timestamp } from '@tufjs/models';
import type { ReleaseTarget } from '../../proto/release-target.ts';
import { listed, targetPath } from '../../proto/release-target.ts';
import type { SigningKey } from './signing-key.ts';

const dayMs = 24 * 3_600_000;
const specVersion = '1.0.31';
/** Nodes are off for months, and operators on holiday. */
export const lifetimesMs = {
  root: 730 * dayMs,
  targets: 365 * dayMs,
  snapshot: 30 * dayMs,
  /** As long can what is the newest be kept from a node that has a clock. */
  timestamp: 7 * dayMs,
} as const;

/** Keys of the offline roles, and the scheduler's. One of each is enough. */
export interface RoleKeys {
  readonly root: readonly Key[];
  readonly targets: readonly Key[];
  readonly online: Key;
}

export interface Signing {
  readonly version: number;
  readonly nowMs: number;
  readonly keys: readonly SigningKey[];
}

export function makeRoot(roles: RoleKeys, signing: Signing): Buffer {
  const { root, targets, online } = roles;
  // Without roles it has all four, with a threshold of one and no keys.
  const signed = new Root({ ...common(signing, lifetimesMs.root), consistentSnapshot: true });
  for (const key of root) signed.addKey(key, 'root');
  for (const key of targets) signed.addKey(key, 'targets');
  for (const role of ['snapshot', 'timestamp']) signed.addKey(online, role);
  return signedBytes(new Metadata(signed), signing.keys);
}

export function makeTargets(targets: readonly ReleaseTarget[], signing: Signing): Buffer {
  const files = targets.map((target) => {
    const { length, hashes, custom } = listed(target);
    const path = targetPath(target);
    // Copies: these types are not readonly.
    const unrecognizedFields = { custom: Object.fromEntries(jsonEntries(custom)) };
    return [
      path,
      new TargetFile({ path, length, hashes: { ...hashes }, unrecognizedFields }),
    ] as const;
  });
  const of = { ...common(signing, lifetimesMs.targets), targets: Object.fromEntries(files) };
  return signedBytes(new Metadata(new Targets(of)), signing.keys);
}

export function makeSnapshot(
  targets: { readonly version: number; readonly bytes: Buffer },
  signing: Signing,
): Buffer {
  const meta = { 'targets.json': metaFile(targets.version, targets.bytes) };
  const of = { ...common(signing, lifetimesMs.snapshot), meta };
  return signedBytes(new Metadata(new Snapshot(of)), signing.keys);
}

/** `issued_unix_ms` is not TUF's: a node without a clock learns from it that it is at least so late. */
export function makeTimestamp(
  snapshot: { readonly version: number; readonly bytes: Buffer },
  signing: Signing,
): Buffer {
  const signed = new Timestamp({
    ...common(signing, lifetimesMs.timestamp),
    snapshotMeta: metaFile(snapshot.version, snapshot.bytes),
    unrecognizedFields: { issued_unix_ms: signing.nowMs },
  });
  return signedBytes(new Metadata(signed), signing.keys);
}

function common({ version, nowMs }: Signing, lifetimeMs: number) {
  // TUF has whole seconds.
  const expires = new Date(nowMs + lifetimeMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return { version, specVersion, expires };
}

function metaFile(version: number, bytes: Buffer): MetaFile {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return new MetaFile({ version, length: bytes.length, hashes: { sha256 } });
}

function signedBytes<T extends Root | Targets | Snapshot | Timestamp>(
  metadata: Metadata<T>,
  keys: readonly SigningKey[],
): Buffer {
  for (const key of keys) metadata.sign((bytes) => key.sign(bytes));
  return Buffer.from(JSON.stringify(metadata.toJSON()));
}

function jsonEntries(custom: Readonly<Record<string, unknown>>): [string, string | number][] {
  return Object.entries(custom).map(([name, value]) => [
    name,
    typeof value === 'number' ? value : String(value),
  ]);
}
