// Joins neighbouring ends of one batch into one fact, so that a finished task costs few bytes.

import type { DurableFact, Fact, SoftFact } from './facts.ts';
import type { Instant, Sha256 } from './model/ids.ts';

/** All of them: one that is left out here would be kept for ever, so the compiler counts. */
const soft: Readonly<Record<SoftFact['kind'], true>> = {
  nodeHeard: true,
  nodesHeard: true,
  releasesHeard: true,
  ringJudged: true,
  rolloutsLookedAt: true,
  tunnelsHeard: true,
  lanAsked: true,
  probesLookedAt: true,
  leasePhase: true,
  leaseResent: true,
  transferQueued: true,
  transferGranted: true,
  transferEnded: true,
  exchangeOpened: true,
  exchangeClosed: true,
  exchangeNeeded: true,
  exchangeTold: true,
  exchangesLookedAt: true,
  blobsWanted: true,
  blobPartHeard: true,
  memberForgotten: true,
  memberTold: true,
  chunksLeased: true,
  batchLapsed: true,
  watchStarted: true,
  nodeRested: true,
  nodeAllotted: true,
  replicasRested: true,
  nodesLookedAt: true,
  backupsLookedAt: true,
  planLookedAt: true,
  planAsked: true,
  planMade: true,
  planDropped: true,
  placementSettled: true,
};
const softKinds: ReadonlySet<string> = new Set(Object.keys(soft));

function isDurable(fact: Fact): fact is DurableFact {
  return !softKinds.has(fact.kind);
}

/** The durable facts of a batch, in order; runs of ends decided at one instant are one fact. */
export function toJournal(facts: readonly Fact[]): readonly DurableFact[] {
  const out: DurableFact[] = [];
  /** The last one of `out` while it is a run of ends: it grows in place, since it may be long. */
  let run: Run | undefined;
  for (const fact of facts) {
    if (!isDurable(fact)) continue;
    if (fact.kind !== 'tasksEnded') {
      run = undefined;
      out.push(fact);
      continue;
    }
    if (run?.at !== fact.at) {
      run = { kind: 'tasksEnded', at: fact.at, rows: [], results: [] };
      out.push(run);
    }
    run.rows.push(...fact.rows);
    run.results.push(...fact.results);
  }
  return out;
}

interface Run {
  readonly kind: 'tasksEnded';
  readonly at: Instant;
  readonly rows: number[];
  readonly results: (Sha256 | null)[];
}
