// The next step of each rollout: a ring that was well for its bake time lets the next one begin, one that
// fails undoes all of it.

import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import type { Instant } from '../model/ids.ts';
import { instant } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import type { Presence } from './away.ts';
import { awayNodes } from './away.ts';
import { askRings, isConcerned } from './change-rollout.ts';
import type { GateNode, Verdict } from './gate.ts';
import { judgeRing } from './gate.ts';
import { gateLookMs, longestHoldMs } from './limits.ts';
import type { RolloutRecord } from './rollout.ts';
import { lastRing, ringOf } from './rollout.ts';

interface Part {
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
}

export function stepRollouts(state: State, now: Instant): Part {
  const { byName, isHeld, lookedAt } = state.rollouts;
  const facts: Fact[] = [];
  const effects: Effect[] = [];
  const running = [...byName.values()].filter(({ phase }) => phase === 'running');
  if (running.length === 0 || isHeld || now < lookedAt + gateLookMs) return { facts, effects };
  for (const rollout of running) {
    const verdict = judge(state, rollout, now);
    const { name } = rollout;
    if (verdict.kind === 'failed') {
      const reason = verdict.why;
      facts.push({ kind: 'rolloutChanged', at: now, name, phase: 'failed', reason });
      effects.push(...askRings(state, rollout, rollout.ring));
      continue;
    }
    if (verdict.kind === 'holds') {
      facts.push(...stand(rollout, { now, lookedAt }));
      continue;
    }
    const isWell = verdict.kind === 'well';
    if (isWell && now >= (rollout.wellSince ?? now) + rollout.bakeMs) {
      facts.push(...pass(rollout, now));
      effects.push(...askRings(state, rollout, nextRing(rollout)));
    } else if (isWell !== (rollout.wellSince !== null)) {
      facts.push({ kind: 'ringJudged', name, wellSince: isWell ? now : null });
    }
  }
  facts.push({ kind: 'rolloutsLookedAt', at: now });
  return { facts, effects };
}

/** The bake time goes on when nodes that are away are back. */
function stand(
  { name, wellSince }: RolloutRecord,
  { now, lookedAt }: { readonly now: Instant; readonly lookedAt: Instant },
): readonly Fact[] {
  if (wellSince === null) return [];
  const since = instant(Math.min(now, wellSince + now - lookedAt));
  return [{ kind: 'ringJudged', name, wellSince: since }];
}

function pass(rollout: RolloutRecord, now: Instant): readonly Fact[] {
  const { name } = rollout;
  if (rollout.ring < lastRing) {
    return [{ kind: 'rolloutAdvanced', at: now, name, ring: nextRing(rollout) }];
  }
  return [{ kind: 'rolloutChanged', at: now, name, phase: 'done', reason: '' }];
}

/** In a small federation most have nobody. */
function nextRing({ rings, ring }: RolloutRecord): number {
  const found = rings.findIndex((each, index) => index > ring && each.length > 0);
  return found < 0 ? lastRing : found;
}

/** The gate of its last ring, and of those before: a version that breaks later breaks all the same. */
export function judge(state: State, rollout: RolloutRecord, now: Instant): Verdict {
  const rings: GateNode[][] = Array.from({ length: rollout.ring + 1 }, () => []);
  const others: GateNode[] = [];
  const concerned = state.nodes.filter((node) => isConcerned(rollout, node));
  const away = awayNodes(
    concerned.map((node) => presenceOf(state, rollout, node)),
    now,
  );
  for (const node of concerned) {
    const group = rings[ringOf(rollout, node.number)] ?? others;
    const isAway = away.has(node.number);
    const isOverdue = isAway && now - node.silentSince > longestHoldMs;
    group.push({ ...gateNode(state, rollout, node), isAway, isOverdue });
  }
  let last: Verdict = { kind: 'well' };
  for (const ring of rings) {
    last = judgeRing(rollout.version, ring, others);
    if (last.kind === 'failed') return last;
  }
  return last;
}

function presenceOf(state: State, { name, version }: RolloutRecord, node: NodeRecord): Presence {
  const { number, siteNumber, silentSince, awayBeforeAt } = node;
  const seen = state.rollouts.seen.get(number)?.get(name);
  const isActive = seen?.active === version;
  return {
    ...{ number, siteNumber, silentSince, isHeard: isHeard(node) },
    activeSince: isActive ? seen.activeSince : null,
    awayBefore: isActive ? seen.awayBefore : awayBeforeAt,
  };
}

function isHeard({ health }: NodeRecord): boolean {
  return health === 'healthy';
}

function gateNode(
  state: State,
  { name }: RolloutRecord,
  node: NodeRecord,
): Omit<GateNode, 'isAway' | 'isOverdue'> {
  return {
    isHeard: isHeard(node),
    seen: state.rollouts.seen.get(node.number)?.get(name),
    succeeded: node.tasksSucceeded,
    failed: node.tasksFailed,
  };
}
