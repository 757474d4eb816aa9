// What a policy decides, and all that it may look at. Whose turn it is, whether a task fits a node,
// quotas and leases are not its business: the core sees to them, whatever the policy says.

import type { Instant } from '../model/ids.ts';
import type { IsAwaited } from '../transfers/order.ts';
import type { JobRecord, NodeRecord, QueuedTransfer, SiteRecord, State } from '../state.ts';
import type { SiteLoad, TaskCost } from './balance.ts';
import type { Refusal } from './filter.ts';
import type { ReasonCode } from './reasons.ts';

export interface JobAt {
  readonly job: JobRecord;
  readonly site: SiteRecord;
}

/** The next task of a job at a site. */
export interface SiteOption extends JobAt {
  /** See `RoundView.load`. */
  readonly load: SiteLoad;
  /** What it would cost there, at least: on a node that has all that the job's tasks share. */
  readonly cost: TaskCost;
}

/** A job at a site, for nodes that would have to fetch what its tasks share. */
export interface FetchOption extends JobAt {
  readonly load: SiteLoad;
  /** Whether a task would wait on these nodes behind others. */
  readonly isStaged: boolean;
  /** Whether they have that of another job that has a task for them. */
  readonly isBeside: boolean;
}

/** The next task of a job at a site, for nodes of it. */
export interface NodesOption extends SiteOption {
  /** See `FetchOption`. */
  readonly isStaged: boolean;
}

/** The next task of a job on a node that it fits, with what it would cost there. */
export interface Option extends SiteOption {
  readonly taskIndex: number;
  readonly node: NodeRecord;
}

export interface Pick {
  readonly option: Option;
  /** Why, for those who ask later. */
  readonly reason: ReasonCode;
  /** What the reason's sentence names; without: the site's two backlogs with the task. */
  readonly figures?: readonly [number, number];
}

/** One round of placement, as a policy sees it. */
export interface RoundView {
  readonly state: State;
  readonly now: Instant;
  /** While few tasks wait beside many idle slots: by when those of each job had better end, by its number. */
  readonly soonest: ReadonlyMap<number, Instant> | null;
  /** What the node has, and what it may be given up to, both with what this round has given. */
  used(node: NodeRecord): NodeUse;
  /** The job's next task on the node; null: none, it does not fit, or the policy holds it. */
  option(job: JobRecord, node: NodeRecord): Option | null;
  /**
   * How much of its share in the plan the class of the job has had at the sites like this one, of
   * 1; infinite: it has none there. Null: there is no plan, or it knows nothing of the job or site.
   */
  planned(at: JobAt): number | null;
  /** The least of those that wait, at the sites like this one. */
  leastPlanned(at: JobAt): number;
  /** What the site has in hand, with what this round has given to it. */
  load(site: SiteRecord): SiteLoad;
  /** Whether one more lease would wait on the node behind others. */
  isStaged(node: NodeRecord): boolean;
  /** Whether the node has what the job's tasks share, or is to fetch it. */
  hasShared(node: NodeRecord, job: JobRecord): boolean;
  /** Whether this round has given a task of the job to a node of the site. */
  isGivenAt(at: JobAt): boolean;
  /** How long the nodes that have it, or are to fetch it, need for what waits of the job, at least. */
  secondsLeft(job: JobRecord): number;
  /** Tasks of the job that are leased, with what this round has given. */
  leasesOf(job: JobRecord): number;
  /** Of a job that is piloted: the node of each task that is leased, with what this round has given. */
  pilots(job: JobRecord): Iterable<NodeRecord>;
  /** Seconds until a slot of the node is free for one more lease, as far as is known. */
  freeIn(node: NodeRecord): number;
  /** Seconds that the task's result would wait for the uplink, behind those that come before it. */
  resultWaits(option: Option): number;
  /** From 0 up to 1, evenly, and the same whenever the same is decided again. */
  draw(): number;
}

export interface NodeUse {
  readonly leases: number;
  readonly places: number;
  readonly memoryBytes: number;
}

/** Nodes with a free place; some may not fit. It is the index's own list, which costs nothing. */
export interface Nodes {
  readonly size: number;
  readonly at: (place: number) => NodeRecord;
}

/**
 * Who asks. A free slot asks for one of the tasks whose turn it is, which come one for each job, the
 * next in turn first; or a task, the next in turn, asks for one of the nodes with a free place.
 * Null: the slot stays idle, or the task waits.
 */
export type Choice =
  | {
      readonly asks: 'slot';
      readonly pick: (options: Iterable<Option>, round: RoundView) => Pick | null;
    }
  | {
      readonly asks: 'task';
      readonly pick: (job: JobRecord, nodes: Nodes, round: RoundView) => Pick | null;
    };

/** A replaceable way to place tasks. It is pure: what it answers depends on its arguments alone. */
export interface Policy {
  readonly name: string;
  readonly choice: Choice;
  /** Idling: why a free slot had better not take this task now; null: it may. */
  readonly hold: (option: Option, round: RoundView) => Refusal | null;
  /** Jobs that `hold` refuses to every node of a site, so that these are not asked one by one. The answer
   * is kept until something is given there: it must rest on this site, and not on the pass or a draw. */
  readonly holdsSite?: (option: SiteOption, round: RoundView) => boolean;
  /** Likewise, jobs that `hold` refuses to every node of a site that would have to fetch what their tasks
   * share, or that had better come after those of which these nodes have that; the answer is kept until
   * something is given. Slots then ask first for these, and for all others only when they get none. */
  readonly holdsFetch?: (option: FetchOption, round: RoundView) => boolean;
  /** Likewise, for how many seconds nodes of a site must have something to do at least, or `hold` refuses them
   * the job; infinite: it refuses it to all of them. The answer is kept until something is given there, or
   * at sites like it by the plan. */
  readonly leastBusy?: (option: NodesOption, round: RoundView) => number;
  /** The order of transfers: of those that wait at a site, the ones that go next. */
  readonly nextTransfers: (
    waiting: Iterable<QueuedTransfer>,
    places: number,
    isAwaited: IsAwaited,
  ) => readonly QueuedTransfer[];
  /** Whether plans are asked for; without, there is none. */
  readonly needsPlan?: true;
}

/** For policies that never leave a slot idle while something fits. */
export function holdNothing(): null {
  return null;
}
