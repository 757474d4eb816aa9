// What a node knows of the blobs that it exchanges. All of it is soft: the disk has the chunks, peers and scheduler the rest.
// Only `apply-exchange.ts` changes it.

import { emptyBitmap, hasChunk, type Bitmap } from '../../../proto/bitmap.ts';
import * as limits from './limits.ts';
import type { PeerAddress } from './words.ts';

export interface PeerState extends PeerAddress {
  /** By `keyOf`. */
  readonly key: string;
  /** The scheduler named it; another one came by itself. */
  isTold: boolean;
  /** What it says that it has; empty until it has said so. */
  held: Bitmap;
  heldCount: number;
  /** How many chunks were here when it was told of them last. */
  toldCount: number;
  /** It sent wrong bytes: it is asked for nothing of this blob any more. */
  isBad: boolean;
  /** It is asked for nothing until then. */
  restUntilMs: number;
  /** Since a chunk came from it. */
  failures: number;
  /** Chunks that it did not give though it said that it has them, and until when that counts. */
  readonly denied: Map<number, number>;
  /** When bitmaps are swapped next; Infinity: something must change first. */
  swapAtMs: number;
  swapSpanMs: number;
}

/** A chunk that is on its way. */
interface Flight {
  /** null: from the origin. */
  readonly peer: string | null;
  readonly untilMs: number;
}

export interface Exchange {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** See `blobOpened`. */
  readonly isForeign: boolean;
  capability: string | null;
  isUpdate: boolean;
  /** When the scheduler said something of it last, or it began. */
  heardMs: number;
  /** Of its index; null: not told yet. */
  indexSha256: string | null;
  /** 0: its index is not here. */
  chunks: number;
  held: Bitmap;
  heldCount: number;
  isOpening: boolean;
  openAtMs: number;
  readonly sinceMs: number;
  /** Chunks that this node brings over the uplink, and until when. */
  readonly leased: Map<number, number>;
  lastBatch: number;
  /** For how long they are leased, from each of them that comes on. */
  leaseSpanMs: number;
  /** When the scheduler is told how far they are; Infinity: there are none. */
  proveAtMs: number;
  /** Before that nothing of what is leased, or was denied by peers, runs out. */
  forgetAtMs: number;
  readonly flights: Map<number, Flight>;
  hasRun: boolean;
  /** How many peers had each chunk wrong. */
  readonly badPeers: Map<number, number>;
  /** By `keyOf`; those that are told no more are forgotten, bad ones are not. */
  readonly peers: Map<string, PeerState>;
  originAtMs: number;
  originFailures: number;
  /** When a chunk came last, here or, by what it says, at a peer. */
  changedMs: number;
  /** When the scheduler is told next; Infinity: nothing is due. */
  partAtMs: number;
  /** How long it waited for an answer last. */
  partSpanMs: number;
  /** What was told to be unfound last. */
  unfound: Bitmap;
}

export class ExchangeState {
  readonly exchanges = new Map<string, Exchange>();
  /** Another on each node. */
  readonly salt: string;
  readonly maxIn: number;
  isSchedulerHere = true;
  awaySinceMs = 0;
  floorMs = Number.POSITIVE_INFINITY;
  pace = 1;

  constructor(options: { readonly salt: string; readonly isSmallBoard: boolean }) {
    this.salt = options.salt;
    this.maxIn = options.isSmallBoard ? limits.maxInOnSmallBoard : limits.maxIn;
  }
}

export function keyOf({ address, port }: PeerAddress): string {
  return `${address} ${port}`;
}

export function isAsked({ flights }: Exchange, key: string): boolean {
  for (const { peer } of flights.values()) if (peer === key) return true;
  return false;
}

export function isWhole({ chunks, heldCount }: Exchange): boolean {
  return chunks > 0 && heldCount === chunks;
}

/** Chunks from peers that are on their way to this node, of all blobs. */
export function comingIn(state: ExchangeState): number {
  let count = 0;
  for (const { flights } of state.exchanges.values()) {
    for (const { peer } of flights.values()) if (peer !== null) count += 1;
  }
  return count;
}

/** Whom this node speaks with about the blob. Who came by itself takes no place of those that the scheduler named, unless they fail. */
export function neighbours(state: ExchangeState, { peers }: Exchange): readonly PeerState[] {
  const usable: PeerState[] = [];
  for (const peer of peers.values()) if (!peer.isBad) usable.push(peer);
  if (usable.length <= limits.maxNeighbours) return usable;
  const rank = (peer: PeerState): number =>
    spread(`${state.salt} ${peer.key}`) + peer.failures + Number(!peer.isTold);
  const ranked = usable.map((peer) => ({ peer, at: rank(peer) }));
  ranked.sort((one, other) => one.at - other.at);
  return ranked.slice(0, limits.maxNeighbours).map(({ peer }) => peer);
}

/** Whether it says that it has the chunk, and has not been found not to give it. */
export function mayGive({ held, denied }: PeerState, chunk: number): boolean {
  return hasChunk(held, chunk) && !denied.has(chunk);
}

/** Who has failed again and again is asked now and then, and not waited for. */
export function isCountedOn({ isBad, failures }: PeerState): boolean {
  return !isBad && failures < limits.maxFailures;
}

/** Missing chunks that nobody has who can be asked, and that do not come. */
export function unfoundChunks(state: ExchangeState, exchange: Exchange): readonly number[] {
  const near = neighbours(state, exchange);
  const found: number[] = [];
  for (let chunk = 0; chunk < exchange.chunks; chunk += 1) {
    if (hasChunk(exchange.held, chunk) || exchange.flights.has(chunk)) continue;
    if (exchange.leased.has(chunk)) continue;
    // The origin gives what peers have wrong, but of a package it has none: the scheduler is asked for a lease.
    const isLeftToOrigin = (exchange.badPeers.get(chunk) ?? 0) >= limits.maxBadPeers;
    if (isLeftToOrigin && exchange.isForeign) found.push(chunk);
    else if (!near.some((peer) => isCountedOn(peer) && mayGive(peer, chunk))) found.push(chunk);
  }
  return found;
}

/** A number from 0 to 1 that is the same for the same text: FNV-1a, mixed once more. */
export function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

export interface NewBlob {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly isForeign?: boolean;
}

export function newExchange(
  { sha256, sizeBytes, isForeign = false }: NewBlob,
  nowMs: number,
): Exchange {
  return {
    ...{ sha256, sizeBytes, isForeign, capability: null, indexSha256: null },
    ...{ isUpdate: false, heardMs: nowMs },
    ...{ chunks: 0, held: emptyBitmap(0), heldCount: 0 },
    ...{ isOpening: false, openAtMs: nowMs, sinceMs: nowMs, changedMs: nowMs },
    ...{ leased: new Map(), lastBatch: limits.batchChunks, leaseSpanMs: 0 },
    ...{
      proveAtMs: Number.POSITIVE_INFINITY,
      forgetAtMs: Number.POSITIVE_INFINITY,
      flights: new Map(),
      hasRun: false,
    },
    ...{ badPeers: new Map(), peers: new Map(), originAtMs: nowMs, originFailures: 0 },
    ...{ partAtMs: nowMs, partSpanMs: 0, unfound: emptyBitmap(0) },
  };
}
