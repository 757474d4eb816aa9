// Reads the offline files of TUF, and checks who signed them.

import { Metadata, MetadataKind } from '@tufjs/models';
import type { Root, Targets } from '@tufjs/models';
import type { ReleaseTarget } from '../../proto/release-target.ts';
import { readTarget } from '../../proto/release-target.ts';

/** Metadata are not what they must be: who sent them can mend that. */
export class MetadataError extends Error {
  override readonly name = 'MetadataError';
}

/** Its own keys signed it. Throws MetadataError. */
export function readRoot(bytes: Uint8Array): Metadata<Root> {
  return checked('root.json', () => {
    const root = Metadata.fromJSON(MetadataKind.Root, jsonOf(bytes));
    root.verifyDelegate('root', root);
    return root;
  });
}

/** The next root after `before`: signed by the keys of both, so that who trusts the one trusts the other. */
export function readNextRoot(before: Metadata<Root>, bytes: Uint8Array): Metadata<Root> {
  const root = readRoot(bytes);
  checked('root.json', () => before.verifyDelegate('root', root));
  const [found, wanted] = [root.signed.version, before.signed.version + 1];
  if (found === wanted) return root;
  throw new MetadataError(
    `root.json: wanted version ${wanted}, found ${found}: somebody else changed it meanwhile, or its folder of keys is an old copy`,
  );
}

/** The list, signed by the root's keys for it. Throws MetadataError. */
export function readTargets(root: Metadata<Root>, bytes: Uint8Array): Metadata<Targets> {
  return checked('targets.json', () => {
    const targets = Metadata.fromJSON(MetadataKind.Targets, jsonOf(bytes));
    root.verifyDelegate('targets', targets);
    return targets;
  });
}

/** All that is on the list. Throws MetadataError for an entry that is not a release's. */
export function releaseTargets({ signed }: Metadata<Targets>): readonly ReleaseTarget[] {
  return Object.entries(signed.targets).map(([path, file]) => {
    const target = readTarget(path, file);
    if (typeof target !== 'string') return target;
    throw new MetadataError(`targets.json: ${target}`);
  });
}

function jsonOf(bytes: Uint8Array) {
  // What it is not is found by fromJSON.
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as Parameters<typeof Metadata.fromJSON>[1];
}

function checked<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MetadataError(`${what}: wanted signed metadata of this federation, found: ${why}`, {
      cause,
    });
  }
}
