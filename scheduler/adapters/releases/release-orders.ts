// Makes the message of a release: what the node is to do, and the right to fetch what is listed of it. What it
// installs is what the signed list says, not this.

import type { BlobGrant, ReleaseOrder } from '../../../proto/gen/punnet/v1/agent.ts';
import { ReleaseAction } from '../../../proto/gen/punnet/v1/agent.ts';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import type { Effect } from '../../core/index.ts';
import { sharedFromBytes } from '../../core/index.ts';
import type { CapabilitySigner } from '../blobs/capability.ts';

type ReleaseEffect = Extract<Effect, { kind: 'release' }>;

/** It is told again with each report until it has all. */
const readSpanMs = 24 * 3_600_000;

const actions = {
  prefetch: ReleaseAction.PREFETCH,
  activate: ReleaseAction.ACTIVATE,
  rollback: ReleaseAction.ROLLBACK,
} as const;

export interface ReleaseOrdersOptions {
  readonly releases: () => readonly ReleaseTarget[];
  readonly signer: CapabilitySigner;
  readonly now: () => number;
}

export function releaseComposer({ releases, signer, now }: ReleaseOrdersOptions) {
  return ({ nodeId, name, version, action }: ReleaseEffect): ReleaseOrder => {
    const grant = (sha256: string, sizeBytes: number, isShared: boolean): BlobGrant => {
      const expiresUnixMs = now() + readSpanMs;
      const capability = signer.sign({ kind: 'get', nodeId, sha256, expiresUnixMs });
      return { blob: { sha256, sizeBytes }, capability, isShared };
    };
    const files = releases().filter((each) => each.name === name && each.version === version);
    const blobs = files.flatMap(({ sha256, sizeBytes, indexSha256, indexBytes }) => [
      grant(sha256, sizeBytes, sizeBytes >= sharedFromBytes),
      ...(indexSha256 === '' ? [] : [grant(indexSha256, indexBytes, false)]),
    ]);
    return { name, version, action: actions[action], blobs: action === 'rollback' ? [] : blobs };
  };
}
