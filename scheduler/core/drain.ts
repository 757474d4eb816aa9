// An operator lets nodes run empty, for a repair or before they go: no new leases, what runs goes on.
// Replicas of services, which would run for ever, are placed elsewhere.

import type { DrainNodes } from './commands.ts';
import type { Decision } from './decision.ts';
import { nothing, refuse } from './decision.ts';
import type { Fact } from './facts.ts';
import type { Instant } from './model/ids.ts';
import { isOfService } from './leases.ts';
import { cancelsOf, jobsOf, voidLeases } from './liveness/void-leases.ts';
import type { LeaseRecord, NodeRecord, State } from './state.ts';
import { mustHave } from './state.ts';

/** Only nodes whose word changes are in the fact: asking twice is no harm. */
export function drainNodes(state: State, command: DrainNodes, now: Instant): Decision {
  const nodes = nodesOf(state, command.of);
  if (nodes === undefined) {
    return 'nodeId' in command.of
      ? refuse('not_found', `There is no node ${command.of.nodeId}.`, 'node_id')
      : refuse(
          'not_found',
          `There is no site ${command.of.siteId}: see "punnet sites".`,
          'site_id',
        );
  }
  const { isDraining } = command;
  const changed = nodes.filter((node) => node.isDraining !== isDraining);
  if (changed.length === 0) return nothing;
  const nodeNumbers = changed.map((node) => node.number);
  const drained: Fact = { kind: 'nodesDrained', at: now, nodeNumbers, isDraining };
  if (!isDraining) return { ...nothing, facts: [drained] };
  const replicas = changed.flatMap((node) => replicasOn(state, node));
  return {
    facts: [drained, ...voidLeases(state, replicas, { at: now, why: 'drained' })],
    effects: [...cancelsOf(state, replicas), ...jobsOf(state, replicas)],
    answer: { kind: 'done' },
  };
}

function replicasOn(state: State, node: NodeRecord): readonly LeaseRecord[] {
  const held = node.leases;
  return held.filter((lease) => lease.phase !== 'sending' && isOfService(state, lease));
}

function nodesOf(state: State, of: DrainNodes['of']): readonly NodeRecord[] | undefined {
  if ('nodeId' in of) {
    const node = state.nodeById.get(of.nodeId);
    return node === undefined ? undefined : [node];
  }
  return state.siteById
    .get(of.siteId)
    ?.nodeNumbers.map((number) => mustHave(state.nodes[number], 'node', number));
}
