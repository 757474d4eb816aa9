// Tunnels were seen: which nodes are behind one address, and which have moved house.

import type { TunnelSeen, TunnelsSeen } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing } from '../decision.ts';
import { moveAfterMs, presentWithinMs } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { siteOf } from '../leases.ts';
import type { NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { Draft } from './draft.ts';
import { askForProofs } from './lan-proof.ts';
import { isOwnerHeard, placeGroup } from './place-group.ts';
import { raiseGuesses } from './raise-guess.ts';
import type { Sight } from './siting.ts';

interface Sighting {
  readonly node: NodeRecord;
  readonly sight: Sight;
}

export function seeTunnels(state: State, { tunnels }: TunnelsSeen, now: Instant): Decision {
  const sightings = tunnels.flatMap((tunnel) => sightingOf(state, tunnel, now) ?? []);
  if (sightings.length === 0) return nothing;
  const draft = new Draft(state, now);
  const groups = new Set<string>();
  const leavers = new Set<NodeRecord>();
  for (const { node, sight } of sightings) {
    if (node.natGroup !== '' && isOwnerHeard(node)) groups.add(node.natGroup);
    if (!hasSettled(node, sight, now)) continue;
    if (hasLeft(state, node, { sight, now })) {
      // What its token said was of another house.
      draft.set(node, { sitedBy: 'alone' });
      leavers.add(node);
    }
    if (node.natGroup !== '') groups.add(node.natGroup);
    groups.add(sight.natGroup);
    draft.set(node, { natGroup: sight.natGroup, natGroupSince: now });
  }
  for (const group of groups) placeGroup(draft, group, leavers);
  const heard = sightings.map(({ node, sight }) => ({ nodeNumber: node.number, sight }));
  const asked = askForProofs(
    state,
    sightings.map(({ node }) => node),
    now,
  );
  const seen = { kind: 'tunnelsHeard', at: now, heard } as const;
  const raised = raiseGuesses(state, sightings, now);
  const facts = [seen, ...raised, ...draft.facts(), ...asked.facts];
  return { ...nothing, facts, effects: asked.effects };
}

/** Undefined for a node that is not ours any more, and for a connection that it has replaced. */
function sightingOf(state: State, tunnel: TunnelSeen, now: Instant): Sighting | undefined {
  const node = state.nodeById.get(tunnel.nodeId);
  if (node === undefined || node.health === 'revoked') return undefined;
  const before = node.sight;
  if (before !== null && before.since > tunnel.since) return undefined;
  const { natGroup, connection, since, upBytes, downBytes } = tunnel;
  const isStill = before !== null && before.natGroup === natGroup;
  const natGroupSince = isStill ? before.natGroupSince : now;
  const sight = { natGroup, natGroupSince, seenAt: now, connection, since, upBytes, downBytes };
  return { node, sight };
}

/** It is somewhere else than it was, for long enough; where it is first seen it is at home at once. */
function hasSettled(node: NodeRecord, sight: Sight, now: Instant): boolean {
  if (sight.natGroup === node.natGroup) return false;
  return node.natGroup === '' || now - sight.natGroupSince >= moveAfterMs;
}

/**
 * It went and others of its site stayed. When none stays, or others are where it is now, the site has
 * another address, as most homes have from time to time.
 */
function hasLeft(
  state: State,
  node: NodeRecord,
  { sight, now }: { readonly sight: Sight; readonly now: Instant },
): boolean {
  if (node.natGroup === '' || node.sitedBy === 'operator') return false;
  let isAnyoneLeft = false;
  for (const number of siteOf(state, node).nodeNumbers) {
    const other = mustHave(state.nodes[number], 'node', number);
    if (other === node || other.health === 'revoked' || other.sight === null) continue;
    const seen = other.sight;
    if (now - seen.seenAt > presentWithinMs) continue;
    if (seen.natGroup === sight.natGroup) return false;
    if (seen.natGroup === node.natGroup) isAnyoneLeft = true;
  }
  return isAnyoneLeft;
}
