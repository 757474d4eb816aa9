// Which nodes of one address are on one LAN: one serves a nonce there, and another fetches it.

import type { LanProved } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing } from '../decision.ts';
import type { Effect } from '../effects.ts';
import { lanAskEveryMs, lanProofsPerLook } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { Draft } from './draft.ts';
import { placeGroup } from './place-group.ts';

type Asked = Pick<Decision, 'facts' | 'effects'>;

/** Asks some of the nodes that are on nobody's LAN as far as is known. */
export function askForProofs(state: State, nodes: readonly NodeRecord[], now: Instant): Asked {
  const effects: Effect[] = [];
  const nodeNumbers: number[] = [];
  for (const node of nodes) {
    if (effects.length >= lanProofsPerLook) break;
    if (node.lan !== null || !isReady(node)) continue;
    if (node.lanTries > 0 && now - node.lanAskedAt < lanAskEveryMs) continue;
    const server = serverFor(state, node);
    if (server === undefined) continue;
    effects.push({ kind: 'proveLan', serverId: server.nodeId, fetcherId: node.nodeId });
    nodeNumbers.push(node.number);
  }
  const facts =
    nodeNumbers.length === 0 ? [] : [{ kind: 'lanAsked', at: now, nodeNumbers } as const];
  return { facts, effects };
}

function isReady({ natGroup, health, lastHeardAt }: NodeRecord): boolean {
  return natGroup !== '' && health === 'healthy' && lastHeardAt !== 0;
}

/** One of each LAN that is known there, and each that is on none: another one at each try. */
function serverFor(state: State, node: NodeRecord): NodeRecord | undefined {
  const lans = new Set<number>();
  const candidates: NodeRecord[] = [];
  for (const number of state.natGroups.get(node.natGroup) ?? []) {
    const other = mustHave(state.nodes[number], 'node', number);
    if (other === node || !isReady(other)) continue;
    if (other.lan !== null && lans.has(other.lan)) continue;
    if (other.lan !== null) lans.add(other.lan);
    candidates.push(other);
  }
  return candidates[node.lanTries % Math.max(1, candidates.length)];
}

/** Both are on one LAN, and so are those that were on the LAN of either. */
export function lanProved(state: State, command: LanProved, now: Instant): Decision {
  const server = state.nodeById.get(command.serverId);
  const fetcher = state.nodeById.get(command.fetcherId);
  if (server === undefined || fetcher === undefined || server === fetcher) return nothing;
  // One of them has moved meanwhile.
  if (server.natGroup === '' || server.natGroup !== fetcher.natGroup) return nothing;
  const known = [server.lan, fetcher.lan].filter((lan) => lan !== null);
  if (known.length === 2 && server.lan === fetcher.lan) return nothing;
  const lan = Math.min(...(known.length === 0 ? [state.nextLan] : known));
  const draft = new Draft(state, now);
  for (const node of draft.membersOf(server.natGroup)) {
    const isOfEither = node === server || node === fetcher;
    const isOfTheirs = node.lan !== null && known.includes(node.lan);
    if (isOfEither || isOfTheirs) draft.set(node, { lan });
  }
  placeGroup(draft, server.natGroup);
  return { ...nothing, facts: draft.facts() };
}
