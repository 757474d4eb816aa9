// What an operator signs: a federation's first metadata, a new list, new keys. Nothing here speaks with
// anybody.
import { Key } from '@tufjs/models';
import type { GetReleasesResponse } from '../../proto/gen/punnet/v1/release_service.ts';
import type { ReleaseTarget } from '../../proto/release-target.ts';
import { makeRoot, makeTargets, type RoleKeys } from '../releases/metadata.ts';
import { readRoot, readTargets, releaseTargets } from '../releases/read-metadata.ts';
import type { SigningKey } from '../releases/signing-key.ts';
import { badInput } from './errors.ts';
import { type KeyFolder, type OfflineRole, readOfflineKeys } from './release-keys.ts';

/** What the scheduler has now. */
export interface Published {
  readonly rootVersion: number;
  readonly targetsVersion: number;
  readonly roles: RoleKeys;
  readonly releases: readonly ReleaseTarget[];
}

export interface Signed {
  readonly rootsJson: Buffer[];
  readonly targetsJson: Buffer;
}

/** The scheduler's own key, which signs what is newest. Throws a CliError. */
export function onlineKeyOf({ onlineKeyJson }: GetReleasesResponse): Key {
  // The contract: a key as TUF writes it, and its id.
  const { keyid, ...key } = JSON.parse(onlineKeyJson) as { keyid: string } & Record<string, string>;
  return Key.fromJSON(keyid, key);
}

/** null: nothing has been published. */
export function readPublished(response: GetReleasesResponse): Published | null {
  if (response.rootJson.length === 0) return null;
  const root = readRoot(response.rootJson);
  const targets = readTargets(root, response.targetsJson);
  const { keys, roles } = root.signed;
  const of = (role: string): readonly Key[] =>
    (roles[role]?.keyIDs ?? []).flatMap((id) => keys[id] ?? []);
  return {
    rootVersion: root.signed.version,
    targetsVersion: targets.signed.version,
    roles: { root: of('root'), targets: of('targets'), online: onlineOf(of('timestamp')) },
    releases: releaseTargets(targets),
  };
}

/** The first root, and an empty list. */
export function signFirst(
  keys: Readonly<Record<OfflineRole, SigningKey>>,
  { online, nowMs }: { readonly online: Key; readonly nowMs: number },
): Signed {
  const roles = { root: [keys.root.key], targets: [keys.targets.key], online };
  return {
    rootsJson: [makeRoot(roles, { version: 1, nowMs, keys: [keys.root] })],
    targetsJson: makeTargets([], { version: 1, nowMs, keys: [keys.targets] }),
  };
}

/** A new list of releases. Throws a CliError where no key for lists is in the folder. */
export function signList(
  published: Published,
  releases: readonly ReleaseTarget[],
  { folder, nowMs }: { readonly folder: KeyFolder; readonly nowMs: number },
): Signed {
  const keys = readOfflineKeys(folder, 'targets', published.roles.targets);
  const version = published.targetsVersion + 1;
  return { rootsJson: [], targetsJson: makeTargets(releases, { version, nowMs, keys }) };
}

/** A key for a role, beside those that it has or in their place. */
export interface NewKey {
  readonly role: OfflineRole | 'online';
  readonly key: Key;
  /** null: the scheduler's, which it keeps. */
  readonly signing: SigningKey | null;
  readonly isAlone: boolean;
}

/** A new root, signed by a root key of before; and the list anew, which a new root may ask for. */
export function signNewKey(
  published: Published,
  added: NewKey,
  { folder, nowMs }: { readonly folder: KeyFolder; readonly nowMs: number },
): Signed {
  const { role, key, signing, isAlone } = added;
  const old = published.roles;
  const before = readOfflineKeys(folder, 'root', old.root);
  const roles: RoleKeys =
    role === 'online'
      ? { ...old, online: key }
      : { ...old, [role]: isAlone ? [key] : [...old[role], key] };
  const own = signing === null ? [] : [signing];
  const keys = role === 'root' ? [...before, ...own] : before;
  const root = makeRoot(roles, { version: published.rootVersion + 1, nowMs, keys });
  const signers = role === 'targets' ? own : readOfflineKeys(folder, 'targets', old.targets);
  const version = published.targetsVersion + 1;
  const targetsJson = makeTargets(published.releases, { version, nowMs, keys: signers });
  return { rootsJson: [root], targetsJson };
}

function onlineOf([key]: readonly Key[]): Key {
  if (key !== undefined) return key;
  throw badInput('root.json: wanted a key for timestamps, found none: it is not of this program');
}
