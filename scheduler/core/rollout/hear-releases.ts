// What a node says that it has of releases.

import type { ReleasesTold } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing } from '../decision.ts';
import type { Instant } from '../model/ids.ts';
import type { State } from '../state.ts';
import { isThere } from './change-rollout.ts';

/** Of releases that nobody ever rolled out nothing is kept. */
export function hearReleases(
  state: State,
  { nodeId, releases }: ReleasesTold,
  now: Instant,
): Decision {
  const node = state.nodeById.get(nodeId);
  if (node === undefined || !isThere(node) || state.rollouts.byName.size === 0) return nothing;
  const known = releases.filter(({ name }) => state.rollouts.byName.has(name));
  const fact = {
    ...({ kind: 'releasesHeard', at: now, nodeNumber: node.number } as const),
    releases: known,
  };
  return { ...nothing, facts: [fact] };
}
