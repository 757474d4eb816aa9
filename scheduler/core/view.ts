// What everybody outside the core may read. Nothing here changes state.

import type { Census } from './census.ts';
import type { ExchangeSummary } from './distribution/show-exchanges.ts';
import type { Fact } from './facts.ts';
import type { Happening } from './happenings.ts';
import type { NamedBlob } from './holdings.ts';
import type { Architecture } from './model/architecture.ts';
import type { Instant, JobId, LeaseId, NodeId, Sha256, SiteId, TokenId } from './model/ids.ts';
import type { EndCode, JobState, JobTemplate } from './model/job.ts';
import type { Inventory, NodeHealth, NodeStatus, UplinkRate } from './model/node.ts';
import type { BoundBy } from './estimate/finish.ts';
import type { CommandRefusal, UpdateJob, WantedJob } from './commands.ts';
import type { Replica } from './model/service.ts';
import type { ResearcherSettings } from './model/researcher.ts';
import type { Token } from './model/token.ts';
import type { TaskSays } from './recipients.ts';
import type { RolloutSummary } from './rollout/show-rollout.ts';
import type { Measurement } from './probes/probing.ts';
import type { SitedBy } from './sites/siting.ts';
import type { Refusal } from './placement/filter.ts';
import type { PlanSummary } from './placement/plan/show-plan.ts';

/** The durable state of a task, and what its lease is doing. */
export type TaskPhase =
  | 'waiting'
  | 'staging'
  | 'running'
  | 'sending'
  | 'succeeded'
  | 'failed'
  | 'cancelled';

export type TaskCounts = Readonly<Record<TaskPhase, number>> & { readonly total: number };

export interface JobSummary {
  /** Grows with each job that was submitted. */
  readonly number: number;
  readonly jobId: JobId;
  readonly researcher: string;
  readonly template: JobTemplate;
  readonly state: JobState;
  readonly submittedAt: Instant;
  /** null while the job is active. */
  readonly endedAt: Instant | null;
  readonly counts: TaskCounts;
  /** Mean work of the finished tasks; null before the first. */
  readonly measuredWorkGhzSeconds: number | null;
  /** Mean size of the results that asked for a transfer; null before the first. */
  readonly measuredResultBytes: number | null;
  /** null: it has ended, waits for others, or is far down a list. */
  readonly forecast: Forecast | null;
  readonly isLate: boolean;
  /** Jobs that must still succeed before it starts. */
  readonly waitsFor: readonly JobId[];
  /** Attempts of the replicas of a service that have ended. */
  readonly restarts: number;
  /** Replicas that run what the service was last changed to. */
  readonly changed: number;
  /** How far its change is, a sentence; empty when none is on its way. */
  readonly rollout: string;
  /** Why it was cancelled, when its researcher did not; else empty. */
  readonly endReason: string;
}

/** When a job will have ended, if nothing changes: a fluid estimate. */
export interface Forecast {
  /** null: it fits nowhere. */
  readonly endsAt: Instant | null;
  readonly boundBy: BoundBy;
  /** Where the work of a task is from. */
  readonly basis: 'declared' | 'measured' | 'guessed';
}

/** What would become of a job. */
export interface DryRun {
  readonly fittingNodes: number;
  readonly fittingSites: number;
  /** Why others don't fit, most nodes first. */
  readonly refusals: readonly RefusalCount[];
  readonly sites: readonly {
    readonly siteId: SiteId;
    readonly nodes: number;
    readonly fitting: number;
  }[];
  /** Those of `after` that have not succeeded yet. */
  readonly waitsFor: readonly JobId[];
  /** null: it waits for other jobs. */
  readonly forecast: Forecast | null;
  readonly isLate: boolean;
}

export interface TaskSummary {
  readonly jobId: JobId;
  readonly index: number;
  readonly phase: TaskPhase;
  readonly failures: number;
  readonly losses: number;
  /** How it fares as a replica of a service; null: it is none. */
  readonly replica: Replica | null;
  /** Of the attempt that holds the task or ended it; null before the first. */
  readonly nodeId: NodeId | null;
  readonly nodeName: string;
  readonly siteId: SiteId | null;
  /** The node that runs a backup attempt of it; '' without one. */
  readonly backupNodeName: string;
  /** Why it is there, a sentence; empty before the first placement. */
  readonly placement: string;
  readonly leasedAt: Instant | null;
  readonly endedAt: Instant | null;
  readonly cpuMs: number;
  /** Of the last attempt that ended; null before. */
  readonly endCode: EndCode | null;
  readonly exitCode: number;
  /** Blob with the AttemptResult of the last attempt that ended and left one. */
  readonly result: Sha256 | null;
}

/** Tasks whose last attempt failed in one way. */
export interface FailureGroup {
  readonly endCode: EndCode;
  readonly exitCode: number;
  /** Failed for good, and those that will be tried again. */
  readonly failed: number;
  readonly retrying: number;
  readonly nodes: number;
  readonly sites: number;
  /** The first few. */
  readonly tasks: readonly number[];
}

export interface NodeSummary {
  /** For life; the first is 0. */
  readonly number: number;
  readonly nodeId: NodeId;
  readonly name: string;
  readonly siteId: SiteId;
  readonly sitedBy: SitedBy;
  /** Hash of the address behind which it is at home; '' as long as nobody knows. */
  readonly natGroup: string;
  readonly natsPublicKey: string;
  readonly health: NodeHealth;
  /** Of the overlay; null: it has no tunnel. */
  readonly slice: number | null;
  /** An operator lets it run empty. */
  readonly isDraining: boolean;
  readonly inventory: Inventory;
  readonly status: NodeStatus | null;
  readonly enrolledAt: Instant;
  readonly lastHeardAt: Instant | null;
  readonly leases: number;
  readonly tasksSucceeded: number;
  readonly tasksFailed: number;
}

export interface SiteSummary {
  readonly siteId: SiteId;
  readonly uplink: UplinkRate;
  /** The part of the uplink that is ours to spend. */
  readonly share: number;
  /** LANs of its nodes, sorted. */
  readonly lans: readonly string[];
  /** How it is known of its nodes that they are there: "2 by token, 1 by address". */
  readonly evidence: string;
  /** Where its rates are from, a sentence without its full stop. */
  readonly uplinkReason: string;
  readonly probes: {
    readonly count: number;
    /** Of all their trains, both ways, payload. */
    readonly bytes: number;
    /** The last ones, the newest last. */
    readonly recent: readonly Measurement[];
  };
  /** What its tunnels have carried since the start of the scheduler. */
  readonly tunnelBytes: { readonly down: number; readonly up: number };
  readonly nodes: number;
  readonly slots: number;
  readonly cpuGhz: number;
  /** Gbit/s per GHz of the shared part; null without CPUs. */
  readonly downRatio: number | null;
  readonly upRatio: number | null;
}

export interface RefusalCount {
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
  /** Nodes that say so, and the sites that they are at. */
  readonly count: number;
  readonly sites: number;
}

export interface SiteBacklog {
  readonly siteId: SiteId;
  readonly nodes: number;
  readonly freeSlots: number;
  readonly cpuSeconds: number;
  readonly downSeconds: number;
  readonly upSeconds: number;
  readonly binding: 'cpu' | 'uplink down' | 'uplink up';
}

export interface Explanation {
  readonly summary: string;
  /** What refuses the waiting tasks, most nodes first; empty when nothing waits. */
  readonly refusals: readonly RefusalCount[];
  /** What each site has in hand, the least first. */
  readonly sites: readonly SiteBacklog[];
}

export interface ShareSummary {
  readonly name: string;
  readonly settings: ResearcherSettings;
  /** Used until now; what was used a day ago counts half. */
  readonly workGhzSeconds: number;
  readonly bits: number;
  /** Parts of what the federation could do in the remembered time, leases in force included. */
  readonly cpu: number;
  readonly link: number;
  /** The larger of the two for each unit of weight: whoever has least is next. */
  readonly dominant: number;
  readonly binding: 'cpu' | 'uplink';
  readonly leases: number;
  readonly waitingTasks: number;
}

export interface LeaseSummary {
  readonly leaseId: LeaseId;
  readonly jobId: JobId;
  readonly taskIndex: number;
  readonly nodeId: NodeId;
}

/** An attempt that a message is for, and the task that it is from. */
export interface Recipient {
  readonly nodeId: NodeId;
  readonly leaseId: LeaseId;
  readonly fromIndex: number;
}

/** The node that keeps outputs of a task. */
export interface Keeper {
  readonly jobId: JobId;
  readonly taskIndex: number;
  readonly nodeId: NodeId;
  readonly name: string;
  readonly siteId: SiteId;
  readonly siteNumber: number;
  readonly isHere: boolean;
  readonly isRevoked: boolean;
  /** Whether the origin is known to have the task's outputs, too. */
  readonly isSent: boolean;
  /** Whether its owner's bytes of this month are used up: it sends nothing. */
  readonly isMonthUsed: boolean;
  /** When it was last heard; 0: not since the start. */
  readonly heardAt: Instant;
  /** Where nodes of its LAN reach it; empty: nowhere. */
  readonly address: string;
  readonly port: number;
}

/** What the message of a lease is made of. */
export interface LeaseContext {
  readonly researcher: string;
  readonly template: JobTemplate;
  readonly architecture: Architecture;
  readonly siteNumber: number;
  /** Of the task's own input; null: it is at the origin, or it has none. */
  readonly keeper: Keeper | null;
}

export interface View {
  /** The newest of each release. */
  rollouts(): readonly RolloutSummary[];
  job(jobId: JobId): JobSummary | undefined;
  /** Newest first; those of a smaller number than `before` when it is given. */
  jobs(options: {
    readonly researcher: string | null;
    readonly name: string | null;
    readonly state: JobState | null;
    readonly before: number | null;
    readonly limit: number;
  }): readonly JobSummary[];
  task(jobId: JobId, index: number): TaskSummary | undefined;
  /** In the order of their index, from `from` on. */
  tasks(options: {
    readonly jobId: JobId;
    readonly phase: TaskPhase | null;
    readonly from: number;
    readonly limit: number;
  }): readonly TaskSummary[];
  /** Why tasks of a job fail, the most frequent reason first. */
  failures(jobId: JobId): readonly FailureGroup[];
  node(nodeId: NodeId): NodeSummary | undefined;
  /** The agent's present instance, '' before it was heard: what it is told names it. */
  instanceOf(nodeId: NodeId): string;
  /** Why the node counts to its site, a sentence without its full stop. */
  whySited(nodeId: NodeId): string;
  nodes(): readonly NodeSummary[];
  site(siteId: SiteId): SiteSummary | undefined;
  siteNumber(siteId: SiteId): number | undefined;
  /** Blobs that its nodes exchange; none for a site that is unknown. */
  exchanges(siteId: SiteId): readonly ExchangeSummary[];
  sites(): readonly SiteSummary[];
  lease(leaseId: LeaseId): LeaseSummary | undefined;
  /** Who keeps the outputs of a task; null: they are at the origin, or there are none. */
  keeper(jobId: JobId, taskIndex: number): Keeper | null;
  /** Whether the outputs of an attempt stay on its node. */
  isKept(leaseId: LeaseId): boolean;
  /** Attempts that get what a task says to another task of its job. */
  recipientsOf(said: TaskSays): readonly Recipient[];
  /** Why a service cannot become this, or null. */
  refuseUpdate(wanted: Pick<UpdateJob, 'jobId' | 'template'>): CommandRefusal | null;
  /** undefined when the job or the node is gone: nobody needs the lease. */
  leaseContext(lease: Omit<LeaseSummary, 'leaseId'>): LeaseContext | undefined;
  /** The one whose turn is next first. */
  shares(): readonly ShareSummary[];
  tokens(): readonly Token[];
  token(tokenId: TokenId): Token | undefined;
  tokenByHash(hash: string): Token | undefined;
  /** What holds the waiting tasks of a job, or this task, and what would free them. */
  explain(jobId: JobId, taskIndex: number | null): Explanation | undefined;
  /** The newest plan, which may be over; or why there is none. */
  plan(): { readonly plan: PlanSummary } | { readonly none: Refusal };
  /** See `namedBlobs` of holdings.ts. */
  namedBlobs(): Iterable<NamedBlob | null>;
  /** What metrics tell. */
  census(): Census;
  placementsBySite(facts: readonly Fact[]): ReadonlyMap<SiteId, number>;
  /** What the log tells of a batch that was applied. */
  happenings(facts: readonly Fact[]): readonly Happening[];
  /** Why the federation as it is now takes no such job; null when it does. */
  refuseJob(wanted: WantedJob): CommandRefusal | null;
  /** What would become of such a job. */
  dryRun(wanted: WantedJob): DryRun;
}
