// What the core asks of the world. Each may be carried out twice without harm, and each that is
// lost is asked for again: grants and acknowledgements when the node reports, revocations at start.

import type { Direction } from './commands.ts';
import type { Runs } from './distribution/exchange.ts';
import type { Instant, JobId, LeaseId, NodeId, Sha256 } from './model/ids.ts';
import type { LinearProgram } from './placement/plan/program.ts';

export type Effect =
  | {
      readonly kind: 'grant';
      readonly nodeId: NodeId;
      readonly leaseId: LeaseId;
      readonly jobId: JobId;
      readonly taskIndex: number;
    }
  /** End this lease now. */
  | { readonly kind: 'cancel'; readonly nodeId: NodeId; readonly leaseId: LeaseId }
  /** The end of this lease is on disk, or nobody needs it: the node forgets the lease. */
  | { readonly kind: 'acknowledge'; readonly nodeId: NodeId; readonly leaseId: LeaseId }
  /** The node may move the bytes of this lease now. */
  | {
      readonly kind: 'transfer';
      readonly nodeId: NodeId;
      readonly leaseId: LeaseId;
      readonly direction: Direction;
    }
  /** The node brings these chunks over its uplink, until the span is over. */
  | {
      readonly kind: 'leaseChunks';
      readonly nodeId: NodeId;
      readonly sha256: Sha256;
      readonly runs: Runs;
      readonly spanMs: number;
      /** The node knows where it comes from. */
      readonly isForeign: boolean;
    }
  /** What the exchange of a blob is at the node's site, in place of what it was told before. */
  | {
      readonly kind: 'exchange';
      readonly nodeId: NodeId;
      readonly siteNumber: number;
      readonly sha256: Sha256;
      readonly sizeBytes: number;
      /** It has no index. */
      readonly isOneChunk: boolean;
      readonly peers: readonly { readonly address: string; readonly port: number }[];
      readonly isPinned: boolean;
      /** Nobody exchanges it there, and nothing else of this counts. */
      readonly isClosed: boolean;
    }
  /** The result's blob is not here: send it again. */
  | { readonly kind: 'blobMissing'; readonly nodeId: NodeId; readonly leaseId: LeaseId }
  | { readonly kind: 'askReport'; readonly nodeId: NodeId }
  /** The node may use so many bytes of its household's month. */
  | { readonly kind: 'allot'; readonly nodeId: NodeId; readonly bytes: number }
  /** The node fetches this release, makes it active, or goes back from it. */
  | {
      readonly kind: 'release';
      readonly nodeId: NodeId;
      readonly name: string;
      readonly version: string;
      readonly action: 'prefetch' | 'activate' | 'rollback';
    }
  /** The node need not keep the outputs of these jobs any more. */
  | { readonly kind: 'releaseKept'; readonly nodeId: NodeId; readonly jobIds: readonly JobId[] }
  /** Two agents speak with one identity: all of them stop. */
  | { readonly kind: 'quarantine'; readonly nodeId: NodeId }
  /** Its credentials must not work any more. */
  | { readonly kind: 'revokeCredentials'; readonly nodeId: NodeId; readonly natsPublicKey: string }
  /** Solve the plan's program, away from here. */
  | { readonly kind: 'solvePlan'; readonly planId: number; readonly program: LinearProgram }
  /** Let the one serve a nonce on its LAN, and the other fetch it there: do they share it? */
  | { readonly kind: 'proveLan'; readonly serverId: NodeId; readonly fetcherId: NodeId }
  /** Measure the line by packet trains with this node; the answer is `uplinkProbed`. */
  | {
      readonly kind: 'probe';
      readonly nodeId: NodeId;
      readonly siteNumber: number;
      readonly leasedAt: Instant;
    }
  /** For watchers. */
  | { readonly kind: 'jobChanged'; readonly jobId: JobId };
