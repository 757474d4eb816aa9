// What a node is told of releases: in answer to its reports, again and again until it has it, so that a
// lost message or a restart of anybody costs the time to the next report.

import type { Effect } from '../effects.ts';
import type { NodeId } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import { isConcerned, isUndone } from './change-rollout.ts';
import type { ReleaseSeen, RolloutRecord } from './rollout.ts';
import { ringOf } from './rollout.ts';

export type ReleaseAction = 'prefetch' | 'activate' | 'rollback';
type Order = Extract<Effect, { kind: 'release' }>;

/** After a report of the node. */
export function releaseOrders(state: State, nodeId: NodeId): readonly Order[] {
  const { byName, isHeld, seen } = state.rollouts;
  if (byName.size === 0 || isHeld) return [];
  const node = state.nodeById.get(nodeId);
  if (node === undefined) return [];
  const orders: Order[] = [];
  for (const rollout of byName.values()) {
    if (!isConcerned(rollout, node)) continue;
    const action = wanted(rollout, node);
    const told = seen.get(node.number);
    const known = told === undefined ? null : (told.get(rollout.name) ?? none);
    if (action === null || isFollowed(action, rollout.version, known)) continue;
    const { name, version } = rollout;
    orders.push({ kind: 'release', nodeId, name, version, action });
  }
  return orders;
}

/** null: it does nothing. */
function wanted(rollout: RolloutRecord, node: NodeRecord): ReleaseAction | null {
  if (isUndone(rollout)) return 'rollback';
  const isActivating = ringOf(rollout, node.number) <= rollout.ring;
  if (rollout.phase === 'paused') return isActivating ? null : 'prefetch';
  return isActivating ? 'activate' : 'prefetch';
}

type Has = Pick<ReleaseSeen, 'active' | 'staged' | 'failed'>;
const none: Has = { active: '', staged: '', failed: '' };

/** A node that has told nothing is told: it answers with what it has. */
function isFollowed(action: ReleaseAction, version: string, known: Has | null): boolean {
  if (known === null) return false;
  if (action === 'rollback') return known.active !== version;
  // What went wrong there is not tried again.
  if (known.active === version || known.failed === version) return true;
  return action === 'prefetch' && known.staged === version;
}
