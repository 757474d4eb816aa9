// Where blobs enter the federation: what the exchange asks of it.

import type { BlobGrant } from '../../core/index.ts';
import type { BlobClient } from '../blobs/blob-client.ts';

/** Where blobs come from when no peer has them; both throw when it fails. */
export interface Origin {
  readonly index: (grant: BlobGrant, signal: AbortSignal) => Promise<Buffer>;
  /** Hands each part on as it comes. */
  readonly stream: (
    grant: BlobGrant,
    span: { readonly offset: number; readonly lengthBytes: number },
    options: { readonly signal: AbortSignal; readonly take: (part: Buffer) => Promise<void> },
  ) => Promise<void>;
}

export function originOf(blobs: BlobClient): Origin {
  return {
    index: (grant, signal) => blobs.index(grant, signal),
    stream: (grant, span, taking) => blobs.stream(grant, span, taking),
  };
}

/** As it, but it throws when the owner's month has no bytes left. */
export function withinMonth({ index, stream }: Origin, mayTransfer: () => boolean): Origin {
  const check = (): void => {
    if (mayTransfer()) return;
    throw new Error("its owner's bytes of this month are used up");
  };
  return {
    index: async (...call) => {
      check();
      return await index(...call);
    },
    stream: async (...call) => {
      check();
      await stream(...call);
    },
  };
}
