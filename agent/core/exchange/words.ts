// What comes into the exchange of blobs, and what it asks of its edge. Chunks are told by their place in the blob's index.

import type { Bitmap } from '../../../proto/bitmap.ts';

export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

interface OfBlob {
  readonly sha256: string;
}

interface OfChunk extends OfBlob {
  readonly chunk: number;
}

export type ExchangeCommand =
  /** This node wants the blob, and its origin gives it for the capability. */
  | (OfBlob & {
      readonly kind: 'blobWanted';
      readonly sizeBytes: number;
      readonly capability: string;
      /** The disk may have much of it, as of a version before: how much is known when its index is here. */
      readonly isUpdate?: boolean;
    })
  /** The index is here and was checked, and so was what the disk has of the blob. */
  | (OfBlob & {
      readonly kind: 'blobOpened';
      readonly sizeBytes: number;
      readonly chunks: number;
      readonly held: Bitmap;
      /** The node knows where it is published, a package of its system, and its origin does not have it: one chunk. */
      readonly isForeign?: true;
    })
  | (OfBlob & { readonly kind: 'indexFailed'; readonly peer: PeerAddress | null })
  /** It is no longer wanted or kept here. */
  | (OfBlob & { readonly kind: 'blobLeft' })
  | (OfBlob & {
      readonly kind: 'chunksLeased';
      readonly chunks: readonly number[];
      readonly spanMs: number;
      readonly capability: string | null;
    })
  | (OfBlob & {
      readonly kind: 'exchangeTold';
      readonly indexSha256: string;
      readonly peers: readonly PeerAddress[];
    })
  /** Checked by its hash, and on the disk; `peer` null: from the origin. */
  | (OfChunk & { readonly kind: 'chunkCame'; readonly peer: PeerAddress | null })
  | (OfChunk & { readonly kind: 'chunkBad'; readonly peer: PeerAddress })
  /** It has too much to do now. */
  | (OfChunk & { readonly kind: 'peerBusy'; readonly peer: PeerAddress; readonly restMs: number })
  /** Cut off, away, or it has not got it. */
  | (OfChunk & { readonly kind: 'peerFailed'; readonly peer: PeerAddress })
  /** A peer told what it has; null: it did not answer. */
  | (OfBlob & {
      readonly kind: 'peerHas';
      readonly peer: PeerAddress;
      readonly held: Bitmap | null;
      /** It asked, and was told what is here. */
      readonly isAsking: boolean;
    })
  | (OfBlob & { readonly kind: 'runEnded'; readonly isRight: boolean })
  | { readonly kind: 'schedulerHere'; readonly isHere: boolean }
  /** From here to the origin and back; and what part of the line nodes of this site may fill by their owners' shares, null: nobody knows. */
  | { readonly kind: 'roundTrip'; readonly spanMs: number; readonly filledPart: number | null }
  | { readonly kind: 'tick' };

export type ExchangeEffect =
  /** Answer `blobOpened` or `indexFailed`. */
  | (OfBlob & {
      readonly kind: 'openBlob';
      readonly peer: PeerAddress | null;
      readonly indexSha256: string | null;
      readonly capability: string | null;
    })
  /** Answer `chunkCame`, `chunkBad`, `peerBusy` or `peerFailed`. */
  | (OfChunk & { readonly kind: 'askPeer'; readonly peer: PeerAddress })
  /** It took too long: end the request, of which nothing is heard any more. */
  | (OfChunk & { readonly kind: 'endRequest'; readonly peer: PeerAddress })
  /** Tell the peer what is here; answer `peerHas`. */
  | (OfBlob & { readonly kind: 'swapParts'; readonly peer: PeerAddress; readonly held: Bitmap })
  /** From the origin, one after another; answer `chunkCame` for each, then `runEnded`. */
  | (OfBlob & {
      readonly kind: 'fetchRun';
      readonly first: number;
      /** The chunk after the last. */
      readonly end: number;
      readonly capability: string | null;
    })
  /** To the scheduler. */
  | (OfBlob & {
      readonly kind: 'sayPart';
      readonly sizeBytes: number;
      readonly held: Bitmap;
      readonly isWhole: boolean;
      readonly room: number;
      readonly unfound: Bitmap;
      /** Of its leases, what is not here yet; empty: there is nothing. */
      readonly bringing: Bitmap;
      readonly isForeign: boolean;
    })
  | (OfBlob & { readonly kind: 'sayLeft' })
  /** There are too many: it is fetched from its origin as any other. */
  | (OfBlob & { readonly kind: 'notExchanged' })
  | (OfBlob & { readonly kind: 'blobWhole' })
  /** What part of the owner's share of the line may be used. */
  | { readonly kind: 'pace'; readonly part: number };
