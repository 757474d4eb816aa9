// Makes the messages of an exchange: chunks that a node may bring, with the right to fetch them, and its peers,
// with what they show each other and the hash of the blob's index.

import type { ChunkLease, ExchangeNews } from '../../../proto/gen/punnet/v1/agent.ts';
import type { Effect } from '../../core/index.ts';
import type { BlobIndexes } from './blob-indexes.ts';
import type { CapabilitySigner } from './capability.ts';

type LeaseEffect = Extract<Effect, { kind: 'leaseChunks' }>;
type NewsEffect = Extract<Effect, { kind: 'exchange' }>;

/** A node that is cut off from the scheduler finishes with it. */
const readSpanMs = 24 * 3_600_000;

export interface ExchangeComposerOptions {
  readonly indexes: Pick<BlobIndexes, 'indexOf'>;
  readonly signer: CapabilitySigner;
  readonly now: () => number;
}

export class ExchangeComposer {
  readonly #options: ExchangeComposerOptions;

  constructor(options: ExchangeComposerOptions) {
    this.#options = options;
  }

  lease({ nodeId, sha256, runs, spanMs, isForeign }: LeaseEffect): ChunkLease {
    const { signer, now } = this.#options;
    const expiresUnixMs = now() + readSpanMs;
    const capability = isForeign ? '' : signer.sign({ kind: 'get', nodeId, sha256, expiresUnixMs });
    return { sha256: bytesOf(sha256), runs: [...runs], spanMs, capability };
  }

  /** Later when the blob has an index; undefined: the blob is not here. Fails with a BlobError. */
  news(effect: NewsEffect): ExchangeNews | Promise<ExchangeNews | undefined> {
    if (effect.isClosed || effect.isOneChunk) return this.#news(effect, Buffer.alloc(0));
    return this.#options.indexes
      .indexOf(effect.sha256)
      .then((index) =>
        index === undefined ? undefined : this.#news(effect, bytesOf(index.sha256)),
      );
  }

  #news(effect: NewsEffect, indexSha256: Buffer): ExchangeNews {
    const { sha256, sizeBytes, peers, isPinned, isClosed, siteNumber, isOneChunk } = effect;
    // Any node may name a package: what it gets to show opens no blob of a job.
    const shown = isOneChunk ? `package ${sha256}` : sha256;
    const proof = isClosed
      ? Buffer.alloc(0)
      : this.#options.signer.exchangeProof(siteNumber, shown);
    return {
      ...{ sha256: bytesOf(sha256), sizeBytes, indexSha256, proof, isPinned, isClosed },
      peers: peers.map(({ address, port }) => ({ address, port })),
    };
  }
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}
