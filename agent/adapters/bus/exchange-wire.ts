// What nodes and the scheduler say to each other of blobs that a site exchanges: protobuf on one side, commands and
// effects of `core/exchange` on the other.

import { isIPv4 } from 'node:net';
import type {
  BlobPart,
  ChunkLease,
  ExchangeNews as ProtoNews,
  ToNode,
} from '../../../proto/gen/punnet/v1/agent.ts';
import type { ExchangeCommand, ExchangeEffect, PeerAddress } from '../../core/index.ts';

/** What the scheduler tells of one blob, beside what the core must know of it. */
export interface ExchangeNews {
  readonly told: Extract<ExchangeCommand, { kind: 'exchangeTold' }>;
  /** What peers show each other, hexadecimal. */
  readonly proof: string;
  readonly isPinned: boolean;
  readonly isClosed: boolean;
}

export interface ExchangeMessages {
  readonly leases: readonly Extract<ExchangeCommand, { kind: 'chunksLeased' }>[];
  readonly news: readonly ExchangeNews[];
}

export type SaidOfBlob = Extract<ExchangeEffect, { kind: 'sayPart' | 'sayLeft' }>;

const maxBlobs = 256;
const maxPeers = 64;
/** Of a lease; the scheduler leases up to 32 at a time. */
const maxChunks = 4_096;
const longestSpanMs = 24 * 3_600_000;

/** The exchange's part of a message; what is malformed in it is left out: these bytes come from outside. */
export function exchangeMessages({ chunkLeases, exchanges }: ToNode): ExchangeMessages {
  return {
    leases: chunkLeases.slice(0, maxBlobs).flatMap((lease) => toLease(lease) ?? []),
    news: exchanges.slice(0, maxBlobs).flatMap((news) => toNews(news) ?? []),
  };
}

function toLease({
  sha256,
  runs,
  spanMs,
  capability,
}: ChunkLease): ExchangeMessages['leases'][0] | null {
  const blob = toHex(sha256);
  const chunks = chunksOf(runs);
  if (blob === null || chunks === null || spanMs <= 0) return null;
  return {
    ...{ kind: 'chunksLeased', sha256: blob, chunks },
    spanMs: Math.min(spanMs, longestSpanMs),
    capability: capability === '' ? null : capability,
  };
}

/** Each chunk of [first, end) pairs; null: these are none. */
function chunksOf(runs: readonly number[]): readonly number[] | null {
  if (runs.length % 2 !== 0) return null;
  const chunks: number[] = [];
  for (let at = 0; at < runs.length; at += 2) {
    const first = runs[at] ?? 0;
    const end = runs[at + 1] ?? 0;
    if (first < 0 || end <= first || chunks.length + end - first > maxChunks) return null;
    for (let chunk = first; chunk < end; chunk += 1) chunks.push(chunk);
  }
  return chunks;
}

function toNews(news: ProtoNews): ExchangeNews | null {
  const sha256 = toHex(news.sha256);
  const indexSha256 = news.indexSha256.length === 0 ? '' : toHex(news.indexSha256);
  const isProof = news.proof.length === 32 || news.isClosed;
  if (sha256 === null || indexSha256 === null || !isProof || news.sizeBytes < 0) return null;
  const peers = news.peers.slice(0, maxPeers).filter(isReachable);
  return {
    told: { kind: 'exchangeTold', sha256, indexSha256, peers },
    proof: Buffer.from(news.proof).toString('hex'),
    isPinned: news.isPinned,
    isClosed: news.isClosed,
  };
}

function isReachable({ address, port }: PeerAddress): boolean {
  return isIPv4(address) && port > 0 && port <= 65_535;
}

function toHex(sha256: Uint8Array): string | null {
  return sha256.length === 32 ? Buffer.from(sha256).toString('hex') : null;
}

/** What the node says of its blobs; `here` is where its peers reach it, null: nowhere. */
export function toBlobParts(said: readonly SaidOfBlob[], here: PeerAddress | null): BlobPart[] {
  const { address, port } = here ?? { address: '', port: 0 };
  return said.map((part) => {
    const sha256 = Buffer.from(part.sha256, 'hex');
    const nothing = Buffer.alloc(0);
    const none = { held: nothing, unfound: nothing, bringing: nothing, room: 0, isWhole: false };
    if (part.kind === 'sayLeft') {
      return { ...none, sha256, sizeBytes: 0, address: '', port: 0, left: true, isForeign: false };
    }
    const { sizeBytes, held, isWhole, room, unfound, bringing, isForeign } = part;
    return {
      ...{ sha256, sizeBytes, isWhole, room, address, port, left: false, isForeign },
      held: Buffer.from(held),
      unfound: Buffer.from(unfound),
      bringing: Buffer.from(bringing),
    };
  });
}
