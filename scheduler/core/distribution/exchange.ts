// What the scheduler knows of blobs that sites exchange: who has which chunk, who brings which. All of it is
// soft: nodes tell it again after a restart.

import { emptyBitmap } from '../../../proto/bitmap.ts';
import type { Instant, Sha256 } from '../model/ids.ts';
import { instant } from '../model/ids.ts';

/** What a node tells of one blob: all of it, each time. */
export interface BlobPart {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  /** A bit for each chunk on its disk, the first chunk the lowest bit of the first byte; what is cut off is 0. */
  readonly held: Uint8Array;
  readonly isWhole: boolean;
  /** Chunks that it would bring over the uplink now. */
  readonly room: number;
  /** Chunks that it misses and that no peer it reaches has. */
  readonly unfound: Uint8Array;
  /** Of its chunk server; empty: nobody reaches it. */
  readonly address: string;
  readonly port: number;
  /** It neither has nor wants the blob any more. */
  readonly hasLeft: boolean;
  /** The node knows where it is published; the federation does not have it. */
  readonly isForeign: boolean;
  /** Chunks that were leased to it and that it has not brought yet. */
  readonly bringing: Uint8Array;
}

/** First chunk and the one after the last, of each run one after another. */
export type Runs = readonly number[];

/** A node that takes part in the exchange of one blob. */
export interface Member {
  readonly nodeNumber: number;
  readonly held: Uint8Array;
  heldChunks: number;
  unfound: Uint8Array;
  room: number;
  /** It has the index, and has told what it holds. */
  isOpen: boolean;
  readonly joinedAt: Instant;
  address: string;
  port: number;
  heardAt: Instant;
  /** When it was last given chunks to bring; how often it let them lie; and how often others found nowhere what it had brought, as they say. */
  leasedAt: Instant;
  lapses: number;
  missed: number;
  /** It let a lease lie: others are given chunks instead until then. */
  restsUntil: Instant;
  /** Chunks that it brought and that others told of: whoever gives wrong bytes, or none, has none. */
  passedOn: number;
  /** Numbers of the peers that it was told of, and whether its copy is pinned; null: nothing yet. */
  told: readonly number[] | null;
  isPinned: boolean;
  toldAt: Instant;
  /** When it last told of a chunk that it had not before. */
  gainedAt: Instant;
}

/** Chunks that one node brings over the uplink: one transfer in its site's lane. */
export interface Batch {
  readonly number: number;
  readonly sha256: Sha256;
  readonly nodeNumber: number;
  readonly runs: Runs;
  /** Of its chunks that its node has not told yet. */
  left: number;
  readonly leasedAt: Instant;
  /** Later with each chunk that its node tells, for the same span, but never after `atMost`. */
  until: Instant;
  readonly spanMs: number;
  readonly atMost: Instant;
}

/** The exchange of one blob at one site. */
export interface Exchange {
  readonly siteNumber: number;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly chunkCount: number;
  /** Nobody here knows where it comes from: one chunk, and the nodes know. */
  readonly isForeign: boolean;
  /** Members may have much of it, as of a version before: what is missing is known when they have told. */
  readonly isUpdate: boolean;
  readonly openedAt: Instant;
  /** Nothing is leased before: a scheduler that has started anew is told what nodes bring already. */
  startsAt: Instant;
  /** In the order in which they came. */
  readonly members: Map<number, Member>;
  /** How many members hold each chunk. */
  readonly copies: Uint16Array;
  /** Number of the batch that brings each chunk; 0: none does. */
  readonly batchOf: Uint32Array;
  /** When the first member, or the one that brought it last, told of each chunk. */
  readonly saidAt: Float64Array;
  /** Number of the node that brought each chunk last, and one more; 0: none did. */
  readonly broughtBy: Uint32Array;
  /** Chunks that nobody holds. */
  missing: number;
  /** When a member told of it last. */
  heardAt: Instant;
  /** Since when nobody needs the blob; null: it is needed. */
  idleSince: Instant | null;
  /** Members may have to be told of others. */
  isNews: boolean;
  /** Which chunks were leased before. */
  readonly wasLeased: Uint8Array;
  /** Of all its chunk leases, those that were leased again too. */
  leasedBytes: number;
}

/** A blob that is brought to sites without a job: a release. */
export interface WantedBlob {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly chunkCount: number;
  /** A higher one goes first. */
  readonly priority: number;
  readonly until: Instant;
}

export interface Newcomer {
  readonly siteNumber: number;
  readonly sha256: Sha256;
  readonly nodeNumber: number;
}

/** All exchanges. */
export class Exchanges {
  readonly bySite = new Map<number, Map<Sha256, Exchange>>();
  wanted: ReadonlyMap<Sha256, WantedBlob> = new Map();
  nextBatch = 1;
  /** Those that have been told of no peers yet; some may have left again. */
  newcomers: Newcomer[] = [];
  lookedAt: Instant = instant(0);
  /** Bytes that were leased since the start, for the first time at a site and again. */
  firstBytes = 0;
  againBytes = 0;
  /** Exchanges of packages, at all sites. */
  foreignOpen = 0;
  /** Until when nodes that let the lease of a package lapse are given none. */
  readonly restUntil = new Map<number, Instant>();
  /** Chunks that were leased since the start though a member held them, as another one found them nowhere. */
  unfoundChunks = 0;

  of(siteNumber: number, sha256: Sha256): Exchange | undefined {
    return this.bySite.get(siteNumber)?.get(sha256);
  }
}

/** Mean size of its chunks. */
export function chunkBytesOf({ sizeBytes, chunkCount }: Exchange): number {
  return sizeBytes / chunkCount;
}

/** Its own bits and no others, cut or filled up to the blob's chunks. */
export function bitmapOf(bytes: Uint8Array, chunks: number): Uint8Array {
  const bitmap = emptyBitmap(chunks);
  bitmap.set(bytes.subarray(0, bitmap.length));
  const spare = bitmap.length * 8 - chunks;
  if (spare > 0) bitmap[bitmap.length - 1] = (bitmap.at(-1) ?? 0) & (0xff >> spare);
  return bitmap;
}

/** Each chunk of some runs. */
export function* chunksOf(runs: Runs): Generator<number> {
  for (let place = 0; place < runs.length; place += 2) {
    for (let at = runs[place] ?? 0; at < (runs[place + 1] ?? 0); at += 1) yield at;
  }
}
