// An operator starts, pauses, resumes or aborts a rollout, or holds all of them.

import type { ChangeRollout, HoldRollouts, StartRollout } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing, refuse } from '../decision.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import type { Instant } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import * as limits from './limits.ts';
import type { RingNode } from './rings.ts';
import { ringsOf, seedOf } from './rings.ts';
import type { Rollout, RolloutPhase, RolloutRecord } from './rollout.ts';
import { isMeant, ringOf } from './rollout.ts';

export function startRollout(state: State, command: StartRollout, now: Instant): Decision {
  const { name, version, bakeMs, architectures } = command;
  const { byName } = state.rollouts;
  const before = byName.get(name);
  if (before?.phase === 'running' || before?.phase === 'paused') {
    return refuse(
      'failed_precondition',
      `${name} ${before.version} is being rolled out: wait for its end, or punnet rollout abort ${name}.`,
      'name',
    );
  }
  if (before === undefined && byName.size >= limits.rollouts) {
    return refuse('exhausted', `There are rollouts of ${byName.size} releases already.`, 'name');
  }
  if (bakeMs > limits.longestBakeMs) {
    const days = limits.longestBakeMs / (24 * 3_600_000);
    return refuse('invalid', `Wanted a bake time of at most ${days} days.`, 'bake');
  }
  const about = { name, version, startedAt: now, bakeMs, architectures };
  const nodes = state.nodes.filter((node) => isConcerned({ ...about, rings: [] }, node));
  const rings = ringsOf(nodes.map(ringNode), seedOf(`${name} ${version}`));
  const rollout = { ...about, rings };
  const fact: Fact = { kind: 'rolloutStarted', at: now, rollout };
  return { ...nothing, facts: [fact], effects: askAll(state, () => true) };
}

export function changeRollout(state: State, command: ChangeRollout, now: Instant): Decision {
  const { name, change } = command;
  const rollout = state.rollouts.byName.get(name);
  if (rollout === undefined) {
    return refuse(
      'not_found',
      `There is no rollout of ${name}: see "punnet rollout status".`,
      'name',
    );
  }
  const { from, to } = changes[change];
  if (rollout.phase === to) return nothing;
  if (!from.includes(rollout.phase)) {
    return refuse(
      'failed_precondition',
      `The rollout of ${name} ${rollout.version} is ${rollout.phase}: only one that is ${from.join(' or ')} can ${change}.`,
      'name',
    );
  }
  const fact: Fact = { kind: 'rolloutChanged', at: now, name, phase: to, reason: '' };
  return { ...nothing, facts: [fact], effects: askRings(state, rollout, rollout.ring) };
}

export function holdRollouts(state: State, { isHeld }: HoldRollouts, now: Instant): Decision {
  if (state.rollouts.isHeld === isHeld) return nothing;
  return { ...nothing, facts: [{ kind: 'rolloutsHeld', at: now, isHeld }] };
}

interface Change {
  readonly from: readonly RolloutPhase[];
  readonly to: RolloutPhase;
}

const changes: Readonly<Record<ChangeRollout['change'], Change>> = {
  pause: { from: ['running'], to: 'paused' },
  resume: { from: ['paused'], to: 'running' },
  // Done is not for ever: what turns out to be bad later goes back, too.
  abort: { from: ['running', 'paused', 'done'], to: 'aborted' },
};

/** Nodes of the rings up to this one report soon, and are told then. */
export function askRings(state: State, rollout: RolloutRecord, ring: number): readonly Effect[] {
  return askAll(state, ({ number }) => ringOf(rollout, number) <= ring);
}

function askAll(state: State, isAsked: (node: NodeRecord) => boolean): readonly Effect[] {
  const asked = state.nodes.filter((node) => node.health === 'healthy' && isAsked(node));
  return asked
    .slice(0, limits.askedAtOnce)
    .map(({ nodeId }) => ({ kind: 'askReport', nodeId }) as const);
}

/** It may come back, and there is something for it. */
export function isConcerned(rollout: Rollout, node: NodeRecord): boolean {
  return isThere(node) && isMeant(rollout, node.inventory.architecture);
}

/** It may come back. */
export function isThere({ health }: NodeRecord): boolean {
  return health !== 'revoked' && health !== 'quarantined';
}

function ringNode({ number, inventory, siteNumber, health }: NodeRecord): RingNode {
  return { number, model: inventory.model, siteNumber, isHeard: health === 'healthy' };
}

/** Whether nodes that have its version go back. */
export function isUndone({ phase }: RolloutRecord): boolean {
  return phase === 'failed' || phase === 'aborted';
}
