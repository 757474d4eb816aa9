// How facts about the plan, and about the backups of what it left to the end, change the state.

import type { Fact } from './facts.ts';
import { lookForAll } from './leases.ts';
import { planPatienceMs } from './limits.ts';
import { instant } from './model/ids.ts';
import type { State } from './state.ts';

type PlanFact = Extract<
  Fact,
  { readonly kind: 'backupsLookedAt' | 'planLookedAt' | 'planAsked' | 'planMade' | 'planDropped' }
>;

export function applyPlanFact(state: State, fact: PlanFact): void {
  switch (fact.kind) {
    case 'backupsLookedAt':
      state.backupsLookedAt = fact.at;
      return;
    case 'planLookedAt':
      state.planLookedAt = fact.at;
      // What comes while a plan is being solved is news after it; else it was looked at now.
      if (state.planAsked === null) state.isPlanNews = false;
      state.tail = fact.tail;
      state.soonest = fact.soonest;
      state.refused = fact.refused;
      break;
    case 'planAsked':
      state.planAsked = fact.request;
      state.isPlanNews = false;
      state.nextPlanId = fact.request.planId + 1;
      return;
    case 'planMade':
      state.plan = fact.plan;
      state.planAsked = null;
      state.tail = fact.tail;
      state.refused = fact.refused;
      break;
    case 'planDropped':
      state.plan = null;
      state.soonest = null;
      state.planAsked = null;
      // The next one is not asked for before the patience with this one would have ended.
      state.planLookedAt = instant(fact.at + planPatienceMs);
      break;
  }
  // What was held may be let go, by a plan or as time passes, and nothing else says so.
  lookForAll(state);
}
