// All that can come into the scheduler's core, and what it answers. Ids, hashes and sizes were made
// and checked at the edge; time is given to `decide` beside the command.

import type { BlobPart, WantedBlob } from './distribution/exchange.ts';
import type { KeptOutputs } from './kept.ts';
import type { Instant, JobId, LeaseId, NodeId, SiteId, TokenId } from './model/ids.ts';
import type { BlobRef, EndCode, JobTemplate } from './model/job.ts';
import type { Inventory, NodeStatus } from './model/node.ts';
import type { ResearcherSettings } from './model/researcher.ts';
import type { Solution } from './placement/plan/program.ts';
import type { NodeRelease } from './rollout/rollout.ts';
import type { Token, TokenRole } from './model/token.ts';

export interface WantedJob {
  readonly researcher: string;
  readonly template: JobTemplate;
}

export interface SubmitJob extends WantedJob {
  readonly kind: 'submitJob';
  /** Made by the edge; used only if the request is new. */
  readonly jobId: JobId;
  readonly requestId: string;
}

export interface CancelJob {
  readonly kind: 'cancelJob';
  readonly jobId: JobId;
}

export interface UpdateJob {
  readonly kind: 'updateJob';
  readonly jobId: JobId;
  readonly requestId: string;
  readonly template: JobTemplate;
}

export interface RetryTasks {
  readonly kind: 'retryTasks';
  readonly jobId: JobId;
  readonly requestId: string;
  /** null: all that failed or were cancelled. */
  readonly indexes: readonly number[] | null;
}

export interface DeleteJob {
  readonly kind: 'deleteJob';
  readonly jobId: JobId;
}

/** All outputs of a task that stay on its node have come to the origin too. */
export interface OutputsCame {
  readonly kind: 'outputsCame';
  readonly jobId: JobId;
  readonly taskIndex: number;
}

export interface SetSite {
  readonly kind: 'setSite';
  readonly siteId: SiteId;
  /** null: unchanged. A new site is given both rates. */
  readonly downBps: number | null;
  readonly upBps: number | null;
  readonly share: number | null;
  /** What was declared is forgotten: probes say what the line can do. */
  readonly isMeasured?: boolean;
}

/** Many sites at once: all of them, or none when one is refused. */
export interface SetSites {
  readonly kind: 'setSites';
  readonly sites: readonly Omit<SetSite, 'kind'>[];
}

/** An operator's word on where a node is. */
export interface SetNodeSite {
  readonly kind: 'setNodeSite';
  readonly nodeId: NodeId;
  /** null: what is seen of it decides again. */
  readonly siteId: SiteId | null;
}

export interface SetResearcher {
  readonly kind: 'setResearcher';
  readonly name: string;
  /** What is not named stays as it is. */
  readonly settings: Partial<ResearcherSettings>;
}

export interface CreateToken {
  readonly kind: 'createToken';
  readonly tokenId: TokenId;
  readonly hash: string;
  readonly role: TokenRole;
  readonly name: string;
  readonly siteId: SiteId | null;
  readonly expiresAt: Instant;
  readonly uses: number | null;
}

export interface RevokeToken {
  readonly kind: 'revokeToken';
  readonly tokenId: TokenId;
}

export interface EnrolNode {
  readonly kind: 'enrolNode';
  readonly tokenHash: string;
  readonly requestId: string;
  /** Made by the edge; used only if the request is new. */
  readonly nodeId: NodeId;
  readonly name: string;
  readonly natsPublicKey: string;
  readonly inventory: Inventory;
}

/** A node needs a place on the overlay: in one of these slices, unless it has one already. */
export interface GiveSlice {
  readonly kind: 'giveSlice';
  readonly nodeId: NodeId;
  readonly slices: readonly number[];
}

export interface RevokeNode {
  readonly kind: 'revokeNode';
  readonly nodeId: NodeId;
}

/** Nodes run empty, or are given leases again: one of them, or all that a site has now. */
export interface DrainNodes {
  readonly kind: 'drainNodes';
  readonly of: { readonly nodeId: NodeId } | { readonly siteId: SiteId };
  readonly isDraining: boolean;
}

export interface AttemptEnd {
  readonly leaseId: LeaseId;
  readonly code: EndCode;
  readonly exitCode: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly result: BlobRef | null;
  /** Whether the blob store has `result`; true when there is none. */
  readonly isResultPresent: boolean;
}

export type Direction = 'down' | 'up';

export interface TransferWanted {
  readonly leaseId: LeaseId;
  readonly direction: Direction;
  readonly sizeBytes: number;
}

export interface TransferDone {
  readonly leaseId: LeaseId;
  readonly direction: Direction;
}

/** Which agent sends a message, and which of its messages it is. */
export interface Speaker {
  readonly instanceNumber: number;
  readonly instanceId: string;
  readonly sequence: number;
}

/** One message of a node; its identity was proved by NATS. */
export interface NodeSpoke extends Speaker {
  readonly kind: 'nodeSpoke';
  readonly nodeId: NodeId;
  readonly status: NodeStatus | null;
  readonly inventory: Inventory | null;
  /** All leases that the node holds; null when the message has no report. */
  readonly held: readonly LeaseId[] | null;
  readonly started: readonly LeaseId[];
  readonly exited: readonly LeaseId[];
  readonly ended: readonly AttemptEnd[];
  readonly transfersWanted: readonly TransferWanted[];
  readonly transfersDone: readonly TransferDone[];
  /** Outputs that it keeps, in a report; absent: none, or the message has no report. */
  readonly kept?: KeptOutputs;
  /** Of blobs that its site exchanges; absent: it tells of none. */
  readonly blobParts?: readonly BlobPart[];
}

/** The report of a node, by the scheduler's number of it, that holds nothing and says nothing else. */
export interface IdleReport extends Speaker {
  readonly nodeNumber: number;
}

/** Such reports of many nodes, one each: what is decided is what would be on each alone. */
export interface NodesIdle {
  readonly kind: 'nodesIdle';
  readonly reports: readonly IdleReport[];
}

/** The bus saw the node's connection close. */
export interface NodeDisconnected {
  readonly kind: 'nodeDisconnected';
  readonly nodeId: NodeId;
}

/** One tunnel, as its server sees it. */
export interface TunnelSeen {
  readonly nodeId: NodeId;
  /** Of this connection: with another one its counters begin anew. */
  readonly connection: string;
  readonly since: Instant;
  /** A keyed hash of the address that it comes from: nodes behind one NAT have the same. */
  readonly natGroup: string;
  /** From the node and to it, since it connected. */
  readonly upBytes: number;
  readonly downBytes: number;
}

/** All tunnels of one OpenVPN server. */
export interface TunnelsSeen {
  readonly kind: 'tunnelsSeen';
  /** The server's part of the overlay. */
  readonly slice: number;
  readonly tunnels: readonly TunnelSeen[];
}

/** The answer to `proveLan` when it was so: one node fetched a nonce from the other over a LAN. */
export interface LanProved {
  readonly kind: 'lanProved';
  readonly serverId: NodeId;
  readonly fetcherId: NodeId;
}

/** The answer to `probe`; what was not found is null, and there is one even if nobody came. */
export interface UplinkProbed {
  readonly kind: 'uplinkProbed';
  readonly siteNumber: number;
  /** Of which lease. */
  readonly leasedAt: Instant;
  /** Payload through the tunnel, bit/s. */
  readonly downBps: number | null;
  readonly upBps: number | null;
  /** Of the trains, both ways. */
  readonly bytes: number;
}

/** A release is brought to all nodes; the edge knows that there is one. */
export interface StartRollout {
  readonly kind: 'startRollout';
  readonly name: string;
  readonly version: string;
  /** For nodes of these; empty: for all. */
  readonly architectures: readonly string[];
  readonly bakeMs: number;
}

export interface ChangeRollout {
  readonly kind: 'changeRollout';
  readonly name: string;
  readonly change: 'pause' | 'resume' | 'abort';
}

/** Sites exchange these blobs, of releases, beside those of jobs; in place of what was wanted before. */
export interface WantBlobs {
  readonly kind: 'wantBlobs';
  readonly blobs: readonly WantedBlob[];
}

/** One flag for all: nodes are told nothing of releases. */
export interface HoldRollouts {
  readonly kind: 'holdRollouts';
  readonly isHeld: boolean;
}

/** All that a node has of releases; its identity was proved by NATS. */
export interface ReleasesTold {
  readonly kind: 'releasesTold';
  readonly nodeId: NodeId;
  readonly releases: readonly NodeRelease[];
}

/** The answer to `solvePlan`. */
export interface PlanSolved {
  readonly kind: 'planSolved';
  readonly planId: number;
  readonly solution: Solution;
}

/** There is no answer to `solvePlan`, and there will be none. */
export interface PlanFailed {
  readonly kind: 'planFailed';
  readonly planId: number;
}

/** Deadlines that have passed are acted on. */
export interface Tick {
  readonly kind: 'tick';
}

/** Free slots are filled. The loop gives it after each batch. */
export interface Place {
  readonly kind: 'place';
}

export type Command =
  | SubmitJob
  | CancelJob
  | UpdateJob
  | RetryTasks
  | DeleteJob
  | OutputsCame
  | SetSite
  | SetSites
  | SetNodeSite
  | SetResearcher
  | CreateToken
  | RevokeToken
  | EnrolNode
  | GiveSlice
  | RevokeNode
  | DrainNodes
  | NodeSpoke
  | NodesIdle
  | NodeDisconnected
  | TunnelsSeen
  | LanProved
  | UplinkProbed
  | StartRollout
  | ChangeRollout
  | HoldRollouts
  | WantBlobs
  | ReleasesTold
  | PlanSolved
  | PlanFailed
  | Tick
  | Place;

/** A "no" to a command: nothing has changed. */
export interface CommandRefusal {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** For people: what was wanted, what was found, what to do. */
  readonly reason: string;
  /** Of the request, in its own field names; empty when no one field is at fault. */
  readonly field: string;
}

export type RefusalCode =
  | 'not_found'
  | 'already_exists'
  | 'invalid'
  | 'failed_precondition'
  | 'exhausted'
  | 'token_unknown'
  | 'token_expired'
  | 'token_used_up'
  | 'token_revoked'
  | 'token_wrong_role';

export type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'job'; readonly jobId: JobId; readonly isNew: boolean }
  | { readonly kind: 'retried'; readonly tasks: number }
  | { readonly kind: 'node'; readonly nodeId: NodeId; readonly siteId: SiteId }
  | { readonly kind: 'place'; readonly nodeNumber: number; readonly slice: number }
  | { readonly kind: 'token'; readonly token: Token }
  | CommandRefusal;
