// All that the scheduler knows. Only `apply` changes it; everybody else reads. Tasks are columns;
// nodes, sites, jobs and leases in force are records.

import type { Direction } from './commands.ts';
import type { TaskColumns } from './columns.ts';
import type { KnownKept } from './kept.ts';
import type { Instant, JobId, LeaseId, NodeId, SiteId, TokenId } from './model/ids.ts';
import { instant } from './model/ids.ts';
import type { CancelCause, JobState, JobTemplate, LeasePhase } from './model/job.ts';
import type { Inventory, NodeHealth, NodeStatus, RateSource } from './model/node.ts';
import type { Rates, Replica, Revisions } from './model/service.ts';
import type { ResearcherSettings } from './model/researcher.ts';
import type { Token } from './model/token.ts';
import { Exchanges } from './distribution/exchange.ts';
import type { Batch } from './distribution/exchange.ts';
import { LeaseNumbers } from './lease-numbers.ts';
import { Deadlines } from './liveness/deadlines.ts';
import { NodePlaces } from './placement/open/node-places.ts';
import { NodeTasks } from './placement/plan/node-tasks.ts';
import { OpenNodes } from './placement/open/open-nodes.ts';
import type { Plan, PlanRequest, Tail } from './placement/plan/plan.ts';
import type { Capacity, Claim, Usage } from './queue/share.ts';
import type { Probing } from './probes/probing.ts';
import { Rollouts } from './rollout/rollout.ts';
import type { Sight, SitedBy } from './sites/siting.ts';

export interface NodeRecord {
  readonly number: number;
  readonly nodeId: NodeId;
  readonly name: string;
  siteNumber: number;
  sitedBy: SitedBy;
  /** The site that its token named; null: it named none. */
  readonly tokenSiteNumber: number | null;
  natGroup: string;
  natGroupSince: Instant;
  lan: number | null;
  readonly natsPublicKey: string;
  readonly requestId: string;
  readonly tokenId: TokenId;
  readonly enrolledAt: Instant;
  /** Of the overlay; null: it has no tunnel. */
  slice: number | null;
  inventory: Inventory;
  health: NodeHealth;
  /** It is given no new leases: an operator's word. */
  isDraining: boolean;
  instanceNumber: number;
  instanceId: string;
  /** When this instance was first heard. */
  instanceSince: Instant;
  tasksSucceeded: number;
  tasksFailed: number;
  /** Since when it is not heard; 0: it is. */
  silentSince: Instant;
  /** When it was last heard again after a silence of an hour or more, the first of its day; 0: never. */
  awayAt: Instant;
  /** The same of the day before it that had such a silence; 0: none had. */
  awayBeforeAt: Instant;
  // What follows is soft: the node tells it again.
  /** Its tunnel as it was seen last; null: not since the start. */
  sight: Sight | null;
  /** When it was asked last to prove on whose LAN it is, and how often where it is now. */
  lanAskedAt: Instant;
  lanTries: number;
  sequence: number;
  /** When all that it told of itself for good is made up for, one change in a minute. */
  newsUntil: Instant;
  /** 0: not yet. */
  lastHeardAt: Instant;
  /** Since when its silence counts: the start, or when it became suspect; 0: not yet. */
  watchedSince: Instant;
  status: NodeStatus | null;
  /** When its owner's hours end; null: they don't, or it has not said so. */
  closesAt: Instant | null;
  /** Of its leases in force that have not run to their end, GHz·s. */
  pendingWorkGhzSeconds: number;
  /** In force, the oldest first. A new list whenever one comes or goes: most nodes have few or none. */
  leases: readonly LeaseRecord[];
  /** Numbers of the jobs that it is a holder of, among them some that have ended. */
  programs: readonly number[];
  /** Leases whose process has ended: they hold no slot. */
  sending: number;
  /** Leases of services that hold or will need a slot: for good. */
  serving: number;
  consecutiveFailures: number;
  restsUntil: Instant;
  /** The outputs that it keeps, and where nodes of its LAN get them; null: it has told of none. */
  keeper: KnownKept | null;
  /** Of its household's bytes in a month, as it was last told; 0: not since the start. */
  allottedBytes: number;
}

export interface QueuedTransfer {
  readonly leaseId: LeaseId;
  readonly sizeBytes: number;
}

export interface Lane {
  readonly queue: Map<LeaseId, QueuedTransfer>;
  /** Deadline of each transfer under way. */
  readonly active: Map<LeaseId, Instant>;
  /** Chunks of exchanged blobs under way, by their number: beside the others, and of the same places. */
  readonly batches: Map<number, Batch>;
}

export interface SiteRecord {
  readonly number: number;
  readonly siteId: SiteId;
  downBps: number;
  upBps: number;
  source: RateSource;
  share: number;
  /** When its rates were told. */
  setAt: Instant;
  probing: Probing;
  readonly nodeNumbers: number[];
  /** Sum of the speeds of its healthy nodes' slots, GHz. */
  cpuGhz: number;
  // Backlogs of the leases in force.
  pendingWorkGhzSeconds: number;
  pendingDownBytes: number;
  /** Chunks of exchanged blobs that none of its nodes has: once each, however many wait for them; soft. */
  exchangeBytes: number;
  pendingUpBytes: number;
  /** Leases in force whose bytes are still on the way to the site, and that will have some to send. */
  incoming: number;
  outgoing: number;
  /** What the services with leases in force use all the time. */
  serving: Rates;
  /** What its nodes' tunnels have carried since the start of the scheduler; soft. */
  tunnelDownBytes: number;
  tunnelUpBytes: number;
  readonly lanes: Readonly<Record<Direction, Lane>>;
  /** Numbers of sites that waited for what was born here: they look again when its line up is free; soft. */
  readonly relaysTo: Set<number>;
}

export interface ProbeUnderWay {
  readonly siteNumber: number;
  readonly leasedAt: Instant;
  /** Nobody will answer after that. */
  readonly until: Instant;
}

export interface JobRecord {
  readonly number: number;
  readonly jobId: JobId;
  readonly researcher: string;
  readonly requestId: string;
  template: JobTemplate;
  readonly submittedAt: Instant;
  state: JobState;
  endedAt: Instant | null;
  /** Why it was cancelled when its researcher did not. */
  cancelledBecause: CancelCause | null;
  /** Numbers of the jobs of `after` that have not succeeded yet: until then none of its tasks starts. */
  waitsFor: readonly number[];
  /** Ids of its last retries: the same one again is harmless. */
  retryRequests: readonly string[];
  tasks: TaskColumns;
  waiting: number;
  leased: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  /** Of the leased ones; soft. */
  running: number;
  sending: number;
  /** The first task that waits; as many as there are: none does. */
  cursor: number;
  workSumGhzSeconds: number;
  workCount: number;
  /** Bytes of results that wanted to be sent, and how many did; soft. */
  resultBytes: number;
  resultCount: number;
  /** Leases kept of it, in force or void. */
  leasesKept: number;
  /** Numbers of the nodes that have its shared blobs, or fetch them, and their CPU; soft. */
  readonly holders: Set<number>;
  holderGhz: number;
  /** Indexes of the tasks whose outputs, which stay on their nodes, are at the origin too. */
  readonly sentOutputs: Set<number>;
  /** Numbers of the sites whose copy of its shared blobs its researcher was charged with. */
  readonly chargedSites: Set<number>;
  /** How each replica of a service fares; null: it is none. */
  replicas: Replica[] | null;
  revisions: Revisions | null;
  /** Leases in force beside the one that the task's columns name, by the task's index. */
  readonly backups: Map<number, LeaseId>;
}

export interface ResearcherRecord {
  readonly name: string;
  settings: ResearcherSettings;
  /** Of attempts that have ended. */
  usage: Usage;
  /** Of leases in force. */
  leased: Claim;
  leases: number;
  waitingTasks: number;
  /** Numbers of jobs with waiting tasks: higher priority first, then older. */
  readonly waitingJobs: number[];
}

export interface LeaseRecord {
  /** Where its numbers are; see `lease-numbers.ts`. */
  readonly row: number;
  readonly leaseId: LeaseId;
  readonly jobNumber: number;
  readonly taskIndex: number;
  readonly nodeNumber: number;
  readonly grantedAt: Instant;
  /** Not in force any more, but a result of it may still come. */
  isVoid: boolean;
  phase: LeasePhase;
  sentAt: Instant;
  /** When it entered its phase; soft. */
  phaseSince: Instant;
  /** Grants sent again since the start of the scheduler; soft. */
  resends: number;
  // What its researcher is charged for while it is in force.
  claimedGhzSeconds: number;
  claimedBits: number;
  /** What a service uses as long as the lease is in force. */
  rates: Rates;
  // What it still adds to its site's backlogs.
  workGhzSeconds: number;
  downBytes: number;
  upBytes: number;
  /** What it still adds to the line up of its input's home, another site. */
  relayedBytes: number;
}

/** Of an idle node: one list for all, since a federation hears of many such nodes one after another. */
export const noLeases: readonly LeaseRecord[] = [];
/** Likewise of a node that has had nothing yet. */
export const noPrograms: readonly number[] = [];

export class State {
  nextLeaseId = 1;
  /** The newest instant of any fact. */
  latest: Instant = instant(0);
  readonly nodes: NodeRecord[] = [];
  readonly nodeById = new Map<NodeId, NodeRecord>();
  readonly sites: SiteRecord[] = [];
  readonly siteById = new Map<SiteId, SiteRecord>();
  /** Numbers of the nodes that are at home behind an address, by its hash. */
  readonly natGroups = new Map<string, Set<number>>();
  /** The next number of a LAN. */
  nextLan = 1;
  /** By number; in the order of submission. */
  readonly jobs = new Map<number, JobRecord>();
  readonly jobById = new Map<JobId, JobRecord>();
  readonly jobByRequest = new Map<string, JobRecord>();
  nextJobNumber = 0;
  /** Jobs that wait for others, whatever their state. */
  readonly heldJobs = new Set<number>();
  /** Jobs with waiting tasks that may start, in the order of submission. */
  readonly waitingJobs = new Set<number>();
  readonly endedJobs = new Set<number>();
  /** Jobs that may have ended with the last batch. */
  readonly jobsToCheck = new Set<number>();
  readonly leases = new Map<LeaseId, LeaseRecord>();
  readonly leaseNumbers = new LeaseNumbers();
  readonly researchers = new Map<string, ResearcherRecord>();
  /** Of all sites with nodes at work. */
  capacity: Capacity = { cpuGhz: 0, linkBps: 0 };
  readonly tokens = new Map<TokenId, Token>();
  readonly tokenByHash = new Map<string, TokenId>();
  taskCount = 0;
  /** When nodes need a look next; soft. */
  readonly deadlines = new Deadlines();
  /** What free places each node has; soft. */
  readonly places = new NodePlaces();
  /** What their leases make nodes run and send; soft. */
  readonly nodeTasks = new NodeTasks();
  /** Nodes with a free place; soft. */
  readonly openNodes = new OpenNodes();
  /** When free slots are filled: nodes that have changed, sites with such nodes only, and jobs that no
   * open node was asked for; what was refused before is not tried again. Soft. */
  readonly nodesToPlace = new Set<number>();
  readonly sitesToPlace = new Set<number>();
  readonly jobsToPlace = new Set<number>();
  /** Jobs of which nothing waits and something runs. */
  readonly tails = new Set<number>();
  /** When idle slots were last offered to the tails of jobs; soft. */
  backupsLookedAt: Instant = instant(0);
  /** The plan that places, and the one that is being solved; soft. */
  plan: Plan | null = null;
  planAsked: PlanRequest | null = null;
  nextPlanId = 1;
  planLookedAt: Instant = instant(0);
  /** When the last lease was granted; soft. */
  leasedAt: Instant = instant(0);
  /** Counts how often a node that may keep outputs has come back; soft. */
  keptNews = 0;
  /** Since a plan was asked for a job came, or has become known, or has a task that waits again. */
  isPlanNews = false;
  tail: Tail = null;
  /** While few tasks wait beside many idle slots: by when those of each job had better end, by its number; soft. */
  soonest: Tail = null;
  /** The probe under way. */
  probe: ProbeUnderWay | null = null;
  /** When it was looked which line is due for one; soft. */
  probesLookedAt: Instant = instant(0);
  /** The site that gets no new bytes, so that its line is free for a probe; soft. */
  heldSite: number | null = null;
  readonly rollouts = new Rollouts();
  /** Blobs that sites exchange; soft. */
  readonly exchanges = new Exchanges();
  /** Numbers of jobs that all nodes refuse where the plan wants them; soft. */
  refused: ReadonlySet<number> = new Set();
  /** Sites whose transfers may have a free place; soft. */
  readonly sitesToGrant = new Set<number>();
  /** Sites with transfers under way; soft. */
  readonly sitesMoving = new Set<number>();
}

/** Transfers under way in a lane. */
export function transfersUnderWay({ active, batches }: Lane): number {
  return active.size + batches.size;
}

export function requestKey(researcher: string, requestId: string): string {
  return `${researcher}\n${requestId}`;
}

/** A record that must exist: a missing one is our bug. */
export function mustHave<T>(found: T | undefined, what: string, which?: number | string): T {
  // Most are found: the text is put together only for one that is not.
  if (found === undefined) throw new Error(`the state has no ${what} ${which ?? ''}`.trimEnd());
  return found;
}
