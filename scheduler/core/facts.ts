// All that the core can decide. Durable facts are journalled before anything else happens; their
// JSON form is the journal's format, so a published field never changes its meaning. Soft facts
// change state too, but are told again by the agents after a restart.
//
// Grants and ends come in bulk, as rows of numbers, because a finished task must cost less than 150
// bytes on disk.

import type { Direction } from './commands.ts';
import type { BlobPart, Runs, WantedBlob } from './distribution/exchange.ts';
import type { KeptOutputs } from './kept.ts';
import type { Instant, JobId, LeaseId, NodeId, Sha256, SiteId, TokenId } from './model/ids.ts';
import type { CancelCause, JobTemplate, LeasePhase } from './model/job.ts';
import type { Inventory, NodeHealth, NodeStatus } from './model/node.ts';
import type { Plan, PlanRequest, Tail } from './placement/plan/plan.ts';
import type { NodeRelease, Rollout, RolloutPhase } from './rollout/rollout.ts';
import type { ResearcherSettings } from './model/researcher.ts';
import type { Sight, SitedBy } from './sites/siting.ts';
import type { Token } from './model/token.ts';

/** Version of the facts below; a journal of every version stays readable. */
export const factsVersion = 1;

export type DurableFact =
  | {
      readonly kind: 'jobSubmitted';
      readonly at: Instant;
      readonly jobNumber: number;
      readonly jobId: JobId;
      readonly researcher: string;
      readonly requestId: string;
      readonly template: JobTemplate;
    }
  | {
      readonly kind: 'jobCancelled';
      readonly at: Instant;
      readonly jobNumber: number;
      /** The job that it waited for and that will not succeed; none: the researcher cancelled it. */
      readonly because?: CancelCause;
    }
  | {
      readonly kind: 'jobEnded';
      readonly at: Instant;
      readonly jobNumber: number;
      readonly state: 'succeeded' | 'failed';
    }
  /** Its failed and cancelled tasks in these ranges, [first, end) one after another, wait again. */
  | {
      readonly kind: 'tasksRetried';
      readonly at: Instant;
      readonly jobNumber: number;
      readonly requestId: string;
      readonly ranges: readonly number[];
    }
  /** Outputs of the task, which stay on its node, have come to the origin too: all of them. */
  | {
      readonly kind: 'outputsSent';
      readonly at: Instant;
      readonly jobNumber: number;
      readonly taskIndex: number;
    }
  /** The service is to be this from now on: the number of its replicas at once, and what they run one
   * after the other. */
  | {
      readonly kind: 'serviceUpdated';
      readonly at: Instant;
      readonly jobNumber: number;
      readonly requestId: string;
      readonly template: JobTemplate;
    }
  /** The replica stops, and waits with what the service is now. */
  | {
      readonly kind: 'replicaRolled';
      readonly at: Instant;
      readonly jobNumber: number;
      readonly taskIndex: number;
    }
  /** It leaves the core: its tasks are not listed any more. */
  | { readonly kind: 'jobForgotten'; readonly at: Instant; readonly jobNumber: number }
  /** Rows of `leasedRowLength` numbers; see `rows.ts`. Lease ids count up from the first. A task that
   * has a lease in force already gets a backup attempt. */
  | {
      readonly kind: 'tasksLeased';
      readonly at: Instant;
      readonly firstLeaseId: LeaseId;
      readonly rows: readonly number[];
    }
  /** Rows of `endedRowLength` numbers, and for each row the result's blob, or null. */
  | {
      readonly kind: 'tasksEnded';
      readonly at: Instant;
      readonly rows: readonly number[];
      readonly results: readonly (Sha256 | null)[];
    }
  /** The leases are not in force any more; rows of [lease id, next state of its task, unless another
   * attempt of it is in force]. */
  | {
      readonly kind: 'leasesVoided';
      readonly at: Instant;
      /** Overdue and drained ones are forgotten: the node is told to end them as often as it names them. */
      readonly why: 'node_lost' | 'node_revoked' | 'node_quarantined' | 'overdue' | 'drained';
      readonly rows: readonly number[];
    }
  /** A restored journal does not know the leases granted after its backup: theirs are not used again. */
  | { readonly kind: 'leaseIdsSkipped'; readonly at: Instant; readonly nextLeaseId: number }
  /** A node that was thought lost still holds the task, and nobody else does. */
  | { readonly kind: 'leaseRevived'; readonly at: Instant; readonly leaseId: LeaseId }
  | {
      readonly kind: 'siteSet';
      readonly at: Instant;
      readonly siteNumber: number;
      readonly siteId: SiteId;
      readonly downBps: number;
      readonly upBps: number;
      readonly source: 'guessed' | 'declared' | 'measured';
      readonly share: number;
      /** When the rates were told, unless it was now. */
      readonly ratesAt?: Instant;
    }
  /** A node may send and take packet trains now, on this line. */
  | {
      readonly kind: 'probeLeased';
      readonly at: Instant;
      readonly siteNumber: number;
      readonly nodeNumber: number;
    }
  /** What such a probe found, bit/s, null for a direction in which too little came; and the bytes of its trains. */
  | {
      readonly kind: 'uplinkMeasured';
      readonly at: Instant;
      readonly siteNumber: number;
      readonly downBps: number | null;
      readonly upBps: number | null;
      readonly bytes: number;
    }
  | {
      readonly kind: 'nodeEnrolled';
      readonly at: Instant;
      readonly nodeNumber: number;
      readonly nodeId: NodeId;
      readonly name: string;
      readonly siteNumber: number;
      readonly natsPublicKey: string;
      readonly inventory: Inventory;
      readonly requestId: string;
      readonly tokenId: TokenId;
    }
  /** Its place on the overlay, for life. */
  | {
      readonly kind: 'sliceGiven';
      readonly at: Instant;
      readonly nodeNumber: number;
      readonly slice: number;
    }
  /** Where it is and why, and behind which address, of which there is only a keyed hash here. */
  | {
      readonly kind: 'nodeSited';
      readonly at: Instant;
      readonly nodeNumber: number;
      readonly siteNumber: number;
      readonly sitedBy: SitedBy;
      readonly natGroup: string;
      readonly lan: number | null;
    }
  | {
      readonly kind: 'nodeInventoryChanged';
      readonly at: Instant;
      readonly nodeNumber: number;
      readonly inventory: Inventory;
    }
  | {
      readonly kind: 'nodeInstanceChanged';
      readonly at: Instant;
      readonly nodeNumber: number;
      readonly instanceNumber: number;
      readonly instanceId: string;
    }
  | {
      readonly kind: 'nodeHealthChanged';
      readonly at: Instant;
      readonly nodeNumber: number;
      readonly health: NodeHealth;
    }
  | {
      readonly kind: 'nodesDrained';
      readonly at: Instant;
      readonly nodeNumbers: readonly number[];
      readonly isDraining: boolean;
    }
  | {
      readonly kind: 'researcherSet';
      readonly at: Instant;
      readonly name: string;
      readonly settings: ResearcherSettings;
    }
  | { readonly kind: 'rolloutStarted'; readonly at: Instant; readonly rollout: Rollout }
  /** This ring may activate the release, too. */
  | {
      readonly kind: 'rolloutAdvanced';
      readonly at: Instant;
      readonly name: string;
      readonly ring: number;
    }
  | {
      readonly kind: 'rolloutChanged';
      readonly at: Instant;
      readonly name: string;
      readonly phase: RolloutPhase;
      /** Of a failure. */
      readonly reason: string;
    }
  | { readonly kind: 'rolloutsHeld'; readonly at: Instant; readonly isHeld: boolean }
  | { readonly kind: 'tokenCreated'; readonly at: Instant; readonly token: Token }
  | { readonly kind: 'tokenUsed'; readonly at: Instant; readonly tokenId: TokenId }
  | { readonly kind: 'tokenRevoked'; readonly at: Instant; readonly tokenId: TokenId }
  /** It opened nothing for a long time, and leaves the list. */
  | { readonly kind: 'tokenForgotten'; readonly at: Instant; readonly tokenId: TokenId };

export type SoftFact =
  | {
      readonly kind: 'releasesHeard';
      readonly at: Instant;
      readonly nodeNumber: number;
      readonly releases: readonly NodeRelease[];
    }
  /** Since when the last ring of a rollout is well; null: it is not. */
  | {
      readonly kind: 'ringJudged';
      readonly name: string;
      readonly wellSince: Instant | null;
    }
  | { readonly kind: 'rolloutsLookedAt'; readonly at: Instant }
  | {
      readonly kind: 'nodeHeard';
      readonly at: Instant;
      readonly nodeNumber: number;
      readonly sequence: number;
      readonly status: NodeStatus | null;
      /** The outputs that it keeps; absent: it did not tell. */
      readonly keeper?: KeptOutputs;
    }
  /** The same of many that said nothing else. */
  | {
      readonly kind: 'nodesHeard';
      readonly at: Instant;
      readonly nodeNumbers: readonly number[];
      readonly sequences: readonly number[];
    }
  /** Nodes were asked to prove that they are on the LAN of another. */
  | { readonly kind: 'lanAsked'; readonly at: Instant; readonly nodeNumbers: readonly number[] }
  /** It was looked which line is due for a probe; a busy one gets no new bytes before it. */
  | {
      readonly kind: 'probesLookedAt';
      readonly at: Instant;
      readonly heldSite: number | null;
    }
  /** Tunnels were seen. */
  | {
      readonly kind: 'tunnelsHeard';
      readonly at: Instant;
      readonly heard: readonly { readonly nodeNumber: number; readonly sight: Sight }[];
    }
  | {
      readonly kind: 'leasePhase';
      readonly at: Instant;
      readonly leaseId: LeaseId;
      readonly phase: LeasePhase;
    }
  /** It was told its part of its household's bytes in a month. */
  | { readonly kind: 'nodeAllotted'; readonly nodeNumber: number; readonly bytes: number }
  | { readonly kind: 'leaseResent'; readonly at: Instant; readonly leaseId: LeaseId }
  | {
      readonly kind: 'transferQueued';
      readonly leaseId: LeaseId;
      readonly direction: Direction;
      readonly sizeBytes: number;
    }
  | {
      readonly kind: 'transferGranted';
      readonly leaseId: LeaseId;
      readonly direction: Direction;
      readonly deadline: Instant;
    }
  | { readonly kind: 'transferEnded'; readonly leaseId: LeaseId; readonly direction: Direction }
  /** The nodes of a site exchange a blob from now on. */
  | {
      readonly kind: 'exchangeOpened';
      readonly at: Instant;
      readonly siteNumber: number;
      readonly sha256: Sha256;
      readonly sizeBytes: number;
      readonly chunkCount: number;
      readonly isForeign: boolean;
      readonly isUpdate: boolean;
    }
  | { readonly kind: 'exchangeClosed'; readonly siteNumber: number; readonly sha256: Sha256 }
  /** Since when nobody needs the blob; null: somebody does. */
  | {
      readonly kind: 'exchangeNeeded';
      readonly siteNumber: number;
      readonly sha256: Sha256;
      readonly idleSince: Instant | null;
    }
  /** Its members were told what has changed. */
  | { readonly kind: 'exchangeTold'; readonly siteNumber: number; readonly sha256: Sha256 }
  | { readonly kind: 'exchangesLookedAt'; readonly at: Instant }
  /** Blobs without a job that sites exchange: these and no others. */
  | { readonly kind: 'blobsWanted'; readonly blobs: readonly WantedBlob[] }
  | {
      readonly kind: 'blobPartHeard';
      readonly at: Instant;
      readonly nodeNumber: number;
      readonly part: BlobPart;
    }
  | {
      readonly kind: 'memberForgotten';
      readonly siteNumber: number;
      readonly sha256: Sha256;
      readonly nodeNumber: number;
    }
  /** It was told of these peers, by their nodes' numbers. */
  | {
      readonly kind: 'memberTold';
      readonly at: Instant;
      readonly siteNumber: number;
      readonly sha256: Sha256;
      readonly nodeNumber: number;
      readonly peers: readonly number[];
      readonly isPinned: boolean;
    }
  | {
      readonly kind: 'chunksLeased';
      readonly at: Instant;
      readonly siteNumber: number;
      readonly sha256: Sha256;
      readonly nodeNumber: number;
      readonly runs: Runs;
      readonly until: Instant;
    }
  /** Chunks have not come in their time. */
  | {
      readonly kind: 'batchLapsed';
      readonly at: Instant;
      readonly siteNumber: number;
      readonly number: number;
    }
  /** From now on the node's silence counts. */
  | { readonly kind: 'watchStarted'; readonly at: Instant; readonly nodeNumber: number }
  /** Its rest is over: it may be given tasks again. */
  | { readonly kind: 'nodeRested'; readonly nodeNumber: number }
  /** Replicas of the service have waited long enough after quick ends. */
  | { readonly kind: 'replicasRested'; readonly at: Instant; readonly jobNumber: number }
  /** Nodes whose deadline has come were looked at. */
  | { readonly kind: 'nodesLookedAt'; readonly at: Instant }
  /** Idle slots were offered to the tails of jobs. */
  | { readonly kind: 'backupsLookedAt'; readonly at: Instant }
  /** Whether a new plan is wanted was looked at. */
  | {
      readonly kind: 'planLookedAt';
      readonly at: Instant;
      readonly tail: Tail;
      readonly soonest: Tail;
      readonly refused: ReadonlySet<number>;
    }
  | { readonly kind: 'planAsked'; readonly request: PlanRequest }
  | {
      readonly kind: 'planMade';
      readonly plan: Plan;
      readonly tail: Tail;
      readonly refused: ReadonlySet<number>;
    }
  /** Nobody could solve it. */
  | { readonly kind: 'planDropped'; readonly at: Instant }
  /** Nothing more can be placed until something changes. */
  | { readonly kind: 'placementSettled' };

export type Fact = DurableFact | SoftFact;
