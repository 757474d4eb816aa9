// The releases of this node: where they are kept, who serves them, and which version of the agent this is.

import { basename, dirname, join } from 'node:path';
import { agentRelease } from '../../../proto/release-target.ts';
import type { Owner } from '../owner/owner.ts';
import type { Identity, StateFolder } from '../state/state-folder.ts';
import { metadataGetter } from './fetch-metadata.ts';
import type { ReleasesOptions } from './releases.ts';
import { Releases, metadataFolder } from './releases.ts';
import type { TrustedReleases } from './trusted-releases.ts';

export function ownReleases(
  {
    state,
    identity,
    owner,
  }: {
    readonly state: StateFolder;
    readonly identity: Identity;
    readonly owner: Pick<Owner, 'inventory' | 'mayTransfer'>;
  },
  other: Pick<ReleasesOptions, 'blobs' | 'exchange' | 'room' | 'log' | 'onReplaced' | 'onNews'>,
): Releases {
  const folder = state.file('releases');
  let known: TrustedReleases | undefined;
  const trusted = async (): Promise<TrustedReleases> => {
    const loaded = await import('./trusted-releases.ts');
    known ??= new loaded.TrustedReleases({
      folder: join(folder, metadataFolder),
      get: metadataGetter({ url: identity.httpsUrl, ca: identity.caPem }),
      wallMs: () => Date.now(),
      runningMs: () => performance.now(),
    });
    return known;
  };
  return new Releases({
    ...other,
    // Loaded when there is a release to look at: on most days there is none, and a small board has little memory.
    trusted: { refresh: async () => (await trusted()).refresh() },
    ...{ folder, architecture: owner.inventory().architecture },
    running: runningVersion(join(folder, agentRelease)),
    hasStarter: process.env['PUNNET_AGENT_STARTER'] === '1',
    memoryBytes: () => process.memoryUsage.rss(),
    mayTransfer: () => owner.mayTransfer(),
  });
}

/** The version that this program is of, when it is in the folder of the release. */
function runningVersion(folder: string): string {
  const program = process.argv[1] ?? '';
  return dirname(dirname(program)) === folder ? basename(dirname(program)) : '';
}
