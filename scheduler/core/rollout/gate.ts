// The gate behind a ring: how its nodes fare with the new version, beside the nodes that have the old one.
// Healthy means work done, not that nobody complains.

import {
  failedShare,
  presentShare,
  worseThanOthers,
  endsToJudge,
  longestHoldMs,
} from './limits.ts';
import type { ReleaseSeen } from './rollout.ts';

/** A node as the gate sees it. */
export interface GateNode {
  readonly isHeard: boolean;
  /** It is silent, and that says nothing of the release. */
  readonly isAway: boolean;
  /** It is away for longer than it was expected to be: a person has to decide. */
  readonly isOverdue: boolean;
  /** undefined: it has told nothing of this release since the scheduler started. */
  readonly seen: ReleaseSeen | undefined;
  readonly succeeded: number;
  readonly failed: number;
}

export type Verdict =
  | { readonly kind: 'well' }
  /** What is still missing, for people. */
  | { readonly kind: 'waits'; readonly why: string }
  /** Well, as far as can be seen: the bake time stands still. */
  | { readonly kind: 'holds'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string };

/** Judges one ring. @param others have not activated the version. */
export function judgeRing(
  version: string,
  ring: readonly GateNode[],
  others: readonly GateNode[],
): Verdict {
  const failure = failureOf(version, ring, others);
  if (failure !== null) return { kind: 'failed', why: failure };
  const present = ring.filter(({ isHeard }) => isHeard);
  if (ring.length === 0) return { kind: 'well' };
  const held = holds(ring.filter(({ seen }) => seen?.active === version));
  if (present.length === 0) return held ?? waits('none of its nodes is heard');
  const isActive = ({ seen }: GateNode): boolean => seen?.active === version;
  // One node in twenty may have gone back: that is no reason to wait for it.
  const expected = present.filter(({ seen }) => seen?.failed !== version);
  const active = expected.filter(isActive);
  if (active.length === 0 || active.length < presentShare * expected.length) {
    return waits(`${active.length} of ${expected.length} nodes have activated it`);
  }
  const worked = active.filter((node) => node.seen?.isProven === true || ends(node).succeeded > 0);
  if (worked.length < presentShare * active.length) {
    return waits(`${worked.length} of ${active.length} nodes have done work with it`);
  }
  return held ?? { kind: 'well' };
}

/** Too many are away to say that all is well; null: most are there. */
function holds(active: readonly GateNode[]): Verdict | null {
  const away = active.filter(({ isAway }) => isAway).length;
  if (shareOf(away, active.length) <= worseThanOthers) return null;
  const why = `${away} of ${active.length} nodes are off with all of their site, or as they often are`;
  const overdue = active.filter(({ isOverdue }) => isOverdue).length;
  if (overdue === 0) return { kind: 'holds', why };
  const since = `${overdue} of them for over ${longestHoldMs / (24 * 3_600_000)} days`;
  return { kind: 'holds', why: `${why}, ${since}: abort it, or revoke those that are gone` };
}

function waits(why: string): Verdict {
  return { kind: 'waits', why };
}

function failureOf(
  version: string,
  ring: readonly GateNode[],
  others: readonly GateNode[],
): string | null {
  const back = ring.filter(({ seen }) => seen?.failed === version);
  if (back.length > failedShare * ring.length) {
    const problem = back[0]?.seen?.problem ?? '';
    return `${back.length} of ${ring.length} nodes went back from it: ${problem}`;
  }
  const active = ring.filter(({ seen }) => seen?.active === version);
  const silent = countSilent(active);
  const usual = shareOf(countSilent(others), others.length);
  // Homes come and go: one node that is silent says nothing, unless it is the only one.
  const isMany = silent > 1 || active.length === 1;
  if (isMany && silent > 0 && shareOf(silent, active.length) > usual + worseThanOthers) {
    return `${silent} of ${active.length} nodes fell silent with it, ${percent(usual)} of the others are`;
  }
  return tasksFailure(active, others);
}

/** Those that are away are none of them. */
function countSilent(nodes: readonly GateNode[]): number {
  return nodes.filter(({ isHeard, isAway }) => !isHeard && !isAway).length;
}

function tasksFailure(active: readonly GateNode[], others: readonly GateNode[]): string | null {
  const sum = (nodes: readonly GateNode[], of: (node: GateNode) => number): number =>
    nodes.reduce((total, node) => total + of(node), 0);
  const failed = sum(active, (node) => ends(node).failed);
  const all = failed + sum(active, (node) => ends(node).succeeded);
  if (all < endsToJudge) return null;
  const othersFailed = sum(others, (node) => node.failed);
  const usual = shareOf(othersFailed, othersFailed + sum(others, (node) => node.succeeded));
  if (shareOf(failed, all) <= usual + worseThanOthers) return null;
  return `${failed} of ${all} tasks failed with it, ${percent(usual)} elsewhere`;
}

/** Attempts that have ended there since it became active. */
function ends({ seen, succeeded, failed }: GateNode): {
  readonly succeeded: number;
  readonly failed: number;
} {
  return {
    succeeded: succeeded - (seen?.succeededBefore ?? succeeded),
    failed: failed - (seen?.failedBefore ?? failed),
  };
}

function shareOf(count: number, all: number): number {
  return all === 0 ? 0 : count / all;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
