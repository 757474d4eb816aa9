// Reports of nodes that hold nothing: most messages of a large federation. Nearly all of them change no
// more than when a node was heard, and those are one fact; any other is judged as a message of its own.

import type { NodeSpoke, NodesIdle, Speaker } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing } from '../decision.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import type { Instant } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { hear, isKnownInstance } from './hear.ts';

/** What such a message says. */
const idle = {
  kind: 'nodeSpoke',
  status: null,
  inventory: null,
  held: [],
  started: [],
  exited: [],
  ended: [],
  transfersWanted: [],
  transfersDone: [],
} satisfies Partial<NodeSpoke>;

export function hearIdle(state: State, { reports }: NodesIdle, now: Instant): Decision {
  const nodeNumbers: number[] = [];
  const sequences: number[] = [];
  const facts: Fact[] = [{ kind: 'nodesHeard', at: now, nodeNumbers, sequences }];
  const effects: Effect[] = [];
  for (const report of reports) {
    const node = mustHave(state.nodes[report.nodeNumber], 'node', report.nodeNumber);
    if (isNoNews(node, report)) {
      nodeNumbers.push(node.number);
      sequences.push(report.sequence);
      continue;
    }
    const { nodeId } = node;
    const { instanceNumber, instanceId, sequence } = report;
    const decision = hear(state, { ...idle, nodeId, instanceNumber, instanceId, sequence }, now);
    facts.push(...decision.facts);
    effects.push(...decision.effects);
  }
  return { ...nothing, facts, effects };
}

/** It is there, as was known, and should hold nothing. */
function isNoNews(node: NodeRecord, speaker: Speaker): boolean {
  if (node.health !== 'healthy' || node.lastHeardAt === 0) return false;
  return node.leases.length === 0 && isKnownInstance(node, speaker);
}
