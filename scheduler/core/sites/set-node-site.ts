// An operator says at which site a node is, or that what is seen shall decide again.

import type { SetNodeSite } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing, refuse } from '../decision.ts';
import type { Instant } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import { Draft } from './draft.ts';
import { moveOut, placeGroup } from './place-group.ts';

export function setNodeSite(state: State, command: SetNodeSite, now: Instant): Decision {
  const { nodeId, siteId } = command;
  const node = state.nodeById.get(nodeId);
  if (node === undefined) return refuse('not_found', `There is no node ${nodeId}.`, 'node_id');
  const draft = new Draft(state, now);
  const leavers = new Set<NodeRecord>();
  if (siteId === null) {
    if (node.sitedBy !== 'operator') return nothing;
    if (release(draft, node)) leavers.add(node);
  } else {
    const site = state.siteById.get(siteId);
    if (site === undefined) {
      const reason = `There is no site ${siteId}: make it first (punnet site set ${siteId} --down RATE --up RATE).`;
      return refuse('not_found', reason, 'site_id');
    }
    draft.set(node, { siteNumber: site.number, sitedBy: 'operator' });
  }
  // Others behind its address may be told by it.
  if (node.natGroup !== '') placeGroup(draft, node.natGroup, leavers);
  return { ...nothing, facts: draft.facts() };
}

/** Returns whether nothing but what is seen says where it is. */
function release(draft: Draft, node: NodeRecord): boolean {
  const { tokenSiteNumber } = node;
  if (tokenSiteNumber !== null) {
    draft.set(node, { siteNumber: tokenSiteNumber, sitedBy: 'token' });
    return false;
  }
  draft.set(node, { sitedBy: 'alone' });
  if (node.natGroup === '') moveOut(draft, node);
  return true;
}
