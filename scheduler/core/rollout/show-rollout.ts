// How far a rollout is, for people.

import type { Instant } from '../model/ids.ts';
import type { State } from '../state.ts';
import { isConcerned } from './change-rollout.ts';
import type { RolloutPhase, RolloutRecord } from './rollout.ts';
import { lastRing, ringNames, ringOf } from './rollout.ts';
import { judge } from './step.ts';

export interface RingSummary {
  readonly name: string;
  readonly nodes: number;
  readonly heard: number;
  readonly staged: number;
  readonly active: number;
  readonly proven: number;
  readonly failed: number;
}

export interface RolloutSummary {
  readonly name: string;
  readonly version: string;
  readonly phase: RolloutPhase;
  readonly reason: string;
  readonly startedAt: Instant;
  readonly bakeMs: number;
  readonly ring: number;
  readonly rings: readonly RingSummary[];
  /** What its last ring waits for; empty: nothing, or it has ended. */
  readonly waitsFor: string;
  /** Until all rings have passed, if all goes well; null: that is not known. */
  readonly leftMs: number | null;
  /** Of nodes that have it: what came over their lines, and what it would have been without what they had. */
  readonly fetchedBytes: number;
  readonly sizeBytes: number;
  readonly isHeld: boolean;
}

export function showRollout(state: State, rollout: RolloutRecord, now: Instant): RolloutSummary {
  const { name, version, phase, reason, startedAt, bakeMs, ring } = rollout;
  const rings = ringNames.map((each) => ({
    ...{ name: each, nodes: 0, heard: 0, staged: 0, active: 0, proven: 0, failed: 0 },
  }));
  let [fetchedBytes, sizeBytes] = [0, 0];
  for (const node of state.nodes) {
    const counts = rings[ringOf(rollout, node.number)];
    if (counts === undefined || !isConcerned(rollout, node)) continue;
    const seen = state.rollouts.seen.get(node.number)?.get(name);
    counts.nodes += 1;
    counts.heard += Number(node.health === 'healthy');
    counts.staged += Number(seen?.staged === version);
    counts.active += Number(seen?.active === version);
    counts.proven += Number(seen?.active === version && seen.isProven);
    counts.failed += Number(seen?.failed === version);
    if (seen?.staged !== version && seen?.active !== version) continue;
    fetchedBytes += seen.fetchedBytes;
    sizeBytes += seen.sizeBytes;
  }
  const isRunning = phase === 'running';
  const verdict = isRunning ? judge(state, rollout, now) : null;
  return {
    ...{ name, version, phase, reason, startedAt, bakeMs, ring, rings },
    waitsFor: verdict?.kind === 'waits' || verdict?.kind === 'holds' ? verdict.why : '',
    leftMs: isRunning ? leftMs(rollout, now) : null,
    ...{ fetchedBytes, sizeBytes, isHeld: state.rollouts.isHeld },
  };
}

/** Rings after this one take their bake time at least. */
function leftMs({ ring, bakeMs, wellSince, rings }: RolloutRecord, now: Instant): number | null {
  if (wellSince === null) return null;
  const empty = rings.slice(ring + 1).filter((each) => each.length === 0).length;
  return Math.max(0, wellSince + bakeMs - now) + (lastRing - ring - empty) * bakeMs;
}
