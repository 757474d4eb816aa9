// What operators look for in a log, out of the facts of one batch: nodes that come and go, tasks that
// are taken from them, sites, tokens. What happens all the time is for metrics.

import type { Fact } from './facts.ts';
import { namesListed } from './limits.ts';
import type { Token } from './model/token.ts';
import { voidedRowLength } from './rows.ts';
import type { State } from './state.ts';
import { mustHave } from './state.ts';

export interface Happening {
  readonly level: 'info' | 'warn';
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | readonly string[]>>;
}

type FactOf<K extends Fact['kind']> = Extract<Fact, { readonly kind: K }>;
type What = Pick<Happening, 'level' | 'event'>;

/** null: it is not worth a line. Suspect nodes mostly come back, every home a few times a day. */
const healths: Readonly<Record<FactOf<'nodeHealthChanged'>['health'], What | null>> = {
  new: null,
  healthy: null,
  suspect: null,
  lost: { level: 'warn', event: 'nodes lost: nothing was heard of them for long' },
  quarantined: {
    level: 'warn',
    event: 'nodes quarantined: two agents spoke with one identity (punnet node NODE)',
  },
  revoked: { level: 'warn', event: 'nodes revoked' },
};

const voided: Readonly<Record<FactOf<'leasesVoided'>['why'], What>> = {
  node_lost: { level: 'warn', event: 'tasks taken from silent nodes' },
  node_revoked: { level: 'warn', event: 'tasks taken from revoked nodes' },
  node_quarantined: { level: 'warn', event: 'tasks taken from quarantined nodes' },
  overdue: { level: 'warn', event: 'tasks taken from nodes that did not end them in time' },
  drained: { level: 'info', event: 'replicas taken from draining nodes' },
};

/** One for all nodes to which the same happened: a whole site may go at once. */
export function happeningsIn(state: State, facts: readonly Fact[]): readonly Happening[] {
  const found: Happening[] = [];
  const nodes = new Map<What, number[]>();
  const tasks = new Map<What, number>();
  for (const fact of facts) {
    if (fact.kind === 'leasesVoided') {
      const what = voided[fact.why];
      tasks.set(what, (tasks.get(what) ?? 0) + fact.rows.length / voidedRowLength);
    }
    const change = nodeChange(fact);
    if (change !== null) {
      const known = nodes.get(change.what) ?? [];
      nodes.set(change.what, known);
      for (const number of change.nodeNumbers) known.push(number);
    }
    const alone = ofOneFact(state, fact);
    if (alone !== null) found.push(alone);
  }
  for (const [what, numbers] of nodes) found.push({ ...what, fields: nodeFields(state, numbers) });
  for (const [what, count] of tasks) found.push({ ...what, fields: { count } });
  return found;
}

const draining: What = { level: 'info', event: 'nodes draining' };
const undrained: What = { level: 'info', event: 'nodes not draining any more' };
const placed: What = { level: 'info', event: 'nodes: where they are was learned' };
const enrolled: What = { level: 'info', event: 'nodes enrolled' };

function nodeChange(
  fact: Fact,
): { readonly what: What; readonly nodeNumbers: readonly number[] } | null {
  switch (fact.kind) {
    case 'nodeEnrolled':
      return { what: enrolled, nodeNumbers: [fact.nodeNumber] };
    case 'nodeHealthChanged': {
      const what = healths[fact.health];
      return what === null ? null : { what, nodeNumbers: [fact.nodeNumber] };
    }
    case 'nodeSited':
      return { what: placed, nodeNumbers: [fact.nodeNumber] };
    case 'nodesDrained':
      return { what: fact.isDraining ? draining : undrained, nodeNumbers: fact.nodeNumbers };
    default:
      return null;
  }
}

function nodeFields(state: State, numbers: readonly number[]): Happening['fields'] {
  const nodes = numbers.slice(0, namesListed).map((number) => {
    const { nodeId, name } = mustHave(state.nodes[number], 'node', number);
    return `${nodeId} ${name}`;
  });
  return { count: numbers.length, nodes };
}

function ofOneFact(state: State, fact: Fact): Happening | null {
  switch (fact.kind) {
    case 'siteSet': {
      const { siteId: site, downBps, upBps, source, share } = fact;
      const fields = { site, downBps, upBps, source, share };
      return { level: 'info', event: 'site set', fields };
    }
    case 'rolloutStarted': {
      const { name, version } = fact.rollout;
      return { level: 'info', event: 'rollout started', fields: { name, version } };
    }
    case 'rolloutAdvanced': {
      const { name, ring } = fact;
      return { level: 'info', event: 'rollout: the next ring', fields: { name, ring } };
    }
    case 'rolloutChanged': {
      const { name, phase, reason } = fact;
      const level = phase === 'failed' ? 'warn' : 'info';
      return { level, event: `rollout ${phase}`, fields: { name, reason } };
    }
    case 'tokenCreated':
      return { level: 'info', event: 'token created', fields: tokenFields(fact.token) };
    case 'tokenRevoked': {
      // One that expired long ago may be forgotten in the same batch.
      const token = state.tokens.get(fact.tokenId);
      const fields = token === undefined ? { token: fact.tokenId } : tokenFields(token);
      return { level: 'warn', event: 'token revoked', fields };
    }
    default:
      return null;
  }
}

/** Without its hash. */
function tokenFields({ tokenId: token, role, name }: Token): Happening['fields'] {
  return { token, role, name };
}
