// An operator lets nodes run empty, for a repair or before they go: no new leases, what runs goes on.

import type { DrainNodes } from './commands.ts';
import type { Decision } from './decision.ts';
import { nothing, refuse } from './decision.ts';
import type { Instant } from './model/ids.ts';
import type { NodeRecord, State } from './state.ts';
import { mustHave } from './state.ts';

/** Only nodes whose word changes are in the fact: asking twice is no harm. */
export function drainNodes(state: State, command: DrainNodes, now: Instant): Decision {
  const nodes = nodesOf(state, command.of);
  if (nodes === undefined) {
    return 'nodeId' in command.of
      ? refuse('not_found', `There is no node ${command.of.nodeId}.`, 'node_id')
      : refuse('not_found', `There is no site ${command.of.siteId}.`, 'site_id');
  }
  const { isDraining } = command;
  const changed = nodes.filter((node) => node.isDraining !== isDraining);
  if (changed.length === 0) return nothing;
  const nodeNumbers = changed.map((node) => node.number);
  return { ...nothing, facts: [{ kind: 'nodesDrained', at: now, nodeNumbers, isDraining }] };
}

function nodesOf(state: State, of: DrainNodes['of']): readonly NodeRecord[] | undefined {
  if ('nodeId' in of) {
    const node = state.nodeById.get(of.nodeId);
    return node === undefined ? undefined : [node];
  }
  return state.siteById
    .get(of.siteId)
    ?.nodeNumbers.map((number) => mustHave(state.nodes[number], `node ${number}`));
}
