// Joins neighbouring ends of one batch into one fact, so that a finished task costs few bytes.

import type { DurableFact, Fact, SoftFact } from './facts.ts';

const softKinds: ReadonlySet<string> = new Set<SoftFact['kind']>([
  'nodeHeard',
  'leasePhase',
  'leaseResent',
  'transferQueued',
  'transferGranted',
  'transferEnded',
  'watchStarted',
  'nodeRested',
  'placementSettled',
]);

function isDurable(fact: Fact): fact is DurableFact {
  return !softKinds.has(fact.kind);
}

/** The durable facts of a batch, in order; runs of ends decided at one instant are one fact. */
export function toJournal(facts: readonly Fact[]): readonly DurableFact[] {
  const out: DurableFact[] = [];
  for (const fact of facts) {
    if (!isDurable(fact)) continue;
    const last = out.at(-1);
    if (fact.kind === 'tasksEnded' && last?.kind === 'tasksEnded' && last.at === fact.at) {
      out[out.length - 1] = {
        ...last,
        rows: [...last.rows, ...fact.rows],
        results: [...last.results, ...fact.results],
      };
      continue;
    }
    out.push(fact);
  }
  return out;
}
