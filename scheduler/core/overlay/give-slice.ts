// Which OpenVPN server's slice a node's address is in: decided once, for life, since the address is
// what everybody knows the node by.

import type { GiveSlice } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing, refuse } from '../decision.ts';
import type { Instant } from '../model/ids.ts';
import type { State } from '../state.ts';

/** The slice with the fewest nodes, unless the node has one already. */
export function giveSlice(state: State, command: GiveSlice, now: Instant): Decision {
  const node = state.nodeById.get(command.nodeId);
  if (node === undefined) {
    return refuse('not_found', `There is no node ${command.nodeId}.`, 'node_id');
  }
  if (node.health === 'revoked' || node.health === 'quarantined') {
    const reason = `Node ${command.nodeId} is ${node.health}: ask the operator for a new token, and enrol it again in an empty folder.`;
    return refuse('failed_precondition', reason, 'node_id');
  }
  const slice = node.slice ?? emptiest(state, command.slices);
  if (slice === undefined) throw new RangeError('a slice was asked for, and none offered');
  const answer = { kind: 'place', nodeNumber: node.number, slice } as const;
  if (node.slice !== null) return { ...nothing, answer };
  const given = { kind: 'sliceGiven', at: now, nodeNumber: node.number, slice } as const;
  return { ...nothing, facts: [given], answer };
}

function emptiest(state: State, slices: readonly number[]): number | undefined {
  const counts = new Map(slices.map((slice) => [slice, 0]));
  for (const { slice, health } of state.nodes) {
    const count = slice === null || health === 'revoked' ? undefined : counts.get(slice);
    if (slice !== null && count !== undefined) counts.set(slice, count + 1);
  }
  const fewest = Math.min(...counts.values());
  return slices.find((slice) => counts.get(slice) === fewest);
}
