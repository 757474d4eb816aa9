// The only writer of the state. A fact was judged before: nothing here decides or refuses.

import { applyJobFact } from './apply-jobs.ts';
import { applyLeaseFact } from './apply-leases.ts';
import { applyNodeFact } from './apply-nodes.ts';
import { applyServiceFact } from './apply-services.ts';
import { applyPlanFact } from './apply-plan.ts';
import { applyExchangeFact, isExchangeFact } from './distribution/apply-exchanges.ts';
import type { Fact } from './facts.ts';
import { instant } from './model/ids.ts';
import { lookForAll } from './leases.ts';
import { applyProbeFact } from './probes/apply-probes.ts';
import { researcherOf } from './queue/researchers.ts';
import { applyRolloutFact } from './rollout/apply-rollouts.ts';
import { applySiteFact } from './sites/apply-sites.ts';
import type { State } from './state.ts';
import { mustHave } from './state.ts';

/** Takes one fact into the state. Rare ones come last: no other waits for the question which they are. */
export function apply(state: State, fact: Fact): void {
  if ('at' in fact) state.latest = instant(Math.max(state.latest, fact.at));
  switch (fact.kind) {
    case 'jobSubmitted':
    case 'jobCancelled':
    case 'jobEnded':
    case 'jobForgotten':
    case 'tasksRetried':
    case 'outputsSent':
      return applyJobFact(state, fact);
    case 'serviceUpdated':
    case 'replicaRolled':
    case 'replicasRested':
      return applyServiceFact(state, fact);
    case 'tasksLeased':
    case 'tasksEnded':
    case 'leasesVoided':
    case 'leaseRevived':
    case 'leasePhase':
    case 'leaseResent':
    case 'transferQueued':
    case 'transferGranted':
    case 'transferEnded':
      return applyLeaseFact(state, fact);
    case 'siteSet':
    case 'nodeEnrolled':
    case 'sliceGiven':
    case 'nodeInventoryChanged':
    case 'nodeInstanceChanged':
    case 'nodeHealthChanged':
    case 'nodesDrained':
    case 'nodeHeard':
    case 'nodesHeard':
    case 'nodeAllotted':
    case 'watchStarted':
    case 'nodeRested':
      return applyNodeFact(state, fact);
    case 'nodeSited':
    case 'tunnelsHeard':
    case 'lanAsked':
      return applySiteFact(state, fact);
    case 'probesLookedAt':
    case 'probeLeased':
    case 'uplinkMeasured':
      return applyProbeFact(state, fact);
    case 'researcherSet':
      return setResearcher(state, fact);
    case 'tokenCreated':
    case 'tokenUsed':
    case 'tokenRevoked':
    case 'tokenForgotten':
      return applyTokenFact(state, fact);
    case 'nodesLookedAt':
      return state.deadlines.looked(state, fact.at);
    case 'backupsLookedAt':
    case 'planLookedAt':
    case 'planAsked':
    case 'planMade':
    case 'planDropped':
      return applyPlanFact(state, fact);
    case 'leaseIdsSkipped':
      state.nextLeaseId = Math.max(state.nextLeaseId, fact.nextLeaseId);
      return;
    case 'placementSettled':
      return settle(state);
    default:
      return isExchangeFact(fact) ? applyExchangeFact(state, fact) : applyRolloutFact(state, fact);
  }
}

function setResearcher(state: State, fact: Extract<Fact, { kind: 'researcherSet' }>): void {
  researcherOf(state, fact.name).settings = fact.settings;
  lookForAll(state);
}

function settle(state: State): void {
  const { nodesToPlace, sitesToPlace, jobsToPlace, sitesToGrant, jobsToCheck } = state;
  for (const changed of [nodesToPlace, sitesToPlace, jobsToPlace, sitesToGrant, jobsToCheck]) {
    // Most are empty, and V8 makes a new table for each that is cleared.
    if (changed.size > 0) changed.clear();
  }
  if (state.exchanges.newcomers.length > 0) state.exchanges.newcomers = [];
}

type TokenFact = Extract<
  Fact,
  { readonly kind: 'tokenCreated' | 'tokenUsed' | 'tokenRevoked' | 'tokenForgotten' }
>;

function applyTokenFact(state: State, fact: TokenFact): void {
  if (fact.kind === 'tokenCreated') {
    state.tokens.set(fact.token.tokenId, fact.token);
    state.tokenByHash.set(fact.token.hash, fact.token.tokenId);
    return;
  }
  const token = mustHave(state.tokens.get(fact.tokenId), 'token', fact.tokenId);
  switch (fact.kind) {
    case 'tokenUsed': {
      const usesLeft = token.usesLeft === null ? null : token.usesLeft - 1;
      state.tokens.set(fact.tokenId, { ...token, usesLeft });
      return;
    }
    case 'tokenRevoked':
      state.tokens.set(fact.tokenId, { ...token, isRevoked: true });
      return;
    case 'tokenForgotten':
      state.tokens.delete(fact.tokenId);
      state.tokenByHash.delete(token.hash);
      return;
  }
}
