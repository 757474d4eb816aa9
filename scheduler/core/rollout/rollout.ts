// A rollout brings a release to all nodes: each fetches it early, and rings activate it one after the
// other. What is decided of it is durable; what nodes say of it is told again after a restart.

import type { Instant } from '../model/ids.ts';
import { instant } from '../model/ids.ts';

/** The nodes of the last ring are all that are in none before. */
export const ringNames = ['one of each model', 'one at each site', '5 %', '25 %', 'all'] as const;
export const lastRing = ringNames.length - 1;

export type RolloutPhase =
  | 'running'
  /** No node activates it now; those that have go on. */
  | 'paused'
  /** All rings have passed their gates. */
  | 'done'
  /** A ring has failed: nodes that have it go back. */
  | 'failed'
  /** An operator ended it: nodes that have it go back. */
  | 'aborted';

export interface Rollout {
  readonly name: string;
  readonly version: string;
  readonly startedAt: Instant;
  /** A ring must be well for so long before the next one. */
  readonly bakeMs: number;
  /** For nodes of these; empty: for all. */
  readonly architectures: readonly string[];
  /** Numbers of the nodes of all rings but the last. */
  readonly rings: readonly (readonly number[])[];
}

export interface RolloutRecord extends Rollout {
  /** The last one that activates it. */
  ring: number;
  ringAt: Instant;
  phase: RolloutPhase;
  /** Why it has failed; empty: it has not. */
  reason: string;
  /** Since when its last ring is well; null: it is not. Soft: it bakes anew after a restart. */
  wellSince: Instant | null;
  /** Of the nodes in `rings`. */
  readonly ringByNode: ReadonlyMap<number, number>;
}

/** What a node says that it has of a release. */
export interface NodeRelease {
  readonly name: string;
  /** The version that is active; empty: none. */
  readonly active: string;
  /** The version that is whole on its disk and not active; empty: none. */
  readonly staged: string;
  /** The version that went wrong there last, and why; empty: none. */
  readonly failed: string;
  readonly problem: string;
  /** The active version has run a task whose answer is known, within its memory. */
  readonly isProven: boolean;
  /** Of what it fetched last: over the line, and in all. */
  readonly fetchedBytes: number;
  readonly sizeBytes: number;
}

/** The same, and how the node was doing when the active version was first told. */
export interface ReleaseSeen extends NodeRelease {
  readonly activeSince: Instant;
  /** When it was heard again after it was off, on the day before the last on which it was; 0: not on two days. */
  readonly awayBefore: Instant;
  readonly succeededBefore: number;
  readonly failedBefore: number;
}

/** All that rollouts know. */
export class Rollouts {
  /** The newest of each release. */
  readonly byName = new Map<string, RolloutRecord>();
  /** One flag stops everything: no node is told anything. */
  isHeld = false;
  /** By the node's number and the release's name; soft. */
  readonly seen = new Map<number, ReadonlyMap<string, ReleaseSeen>>();
  /** When gates were looked at last; soft. */
  lookedAt: Instant = instant(0);
}

/** Whether there is something for such a node in it. */
export function isMeant({ architectures }: Rollout, architecture: string): boolean {
  return architectures.length === 0 || architectures.includes(architecture);
}

/** In which ring a node is. One that came later is in the last. */
export function ringOf({ ringByNode }: RolloutRecord, nodeNumber: number): number {
  return ringByNode.get(nodeNumber) ?? lastRing;
}

/** With what is not saved, since it follows or is told again. */
export function recordOf(saved: Omit<RolloutRecord, 'wellSince' | 'ringByNode'>): RolloutRecord {
  const pairs = saved.rings.flatMap((ring, index) => ring.map((node) => [node, index] as const));
  return { ...saved, wellSince: null, ringByNode: new Map(pairs) };
}
