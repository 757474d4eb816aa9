// What follows from all that changed: jobs whose tasks all have ended end, free slots are filled, and
// free places in the lanes of the uplinks too.

import type { Decision } from '../decision.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { cancelWaiting } from '../dependencies.ts';
import { tellNewcomers } from '../distribution/news.ts';
import { endedJobsKept } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { State } from '../state.ts';
import { mustHave } from '../state.ts';
import { grantTransfers } from '../transfers/grant.ts';
import { grantBackups } from './backups.ts';
import { fillSlots } from './fill.ts';
import { askPlan } from './plan/ask.ts';
import { takerOf } from '../kept.ts';
import type { Policy } from './policy.ts';

/** Grants leases and transfers for all that changed, and ends jobs whose tasks all have. */
export function place(
  state: State,
  about: { readonly now: Instant; readonly policy: Policy },
): Decision {
  const { now } = about;
  const ended = endJobs(state, now);
  const transfers = grantTransfers(state, about);
  const plan = about.policy.needsPlan === true ? askPlan(state, now) : noPlan;
  const filled = fillSlots(state, about);
  // Few tasks wait for no answer.
  const { soonest } = plan;
  const isAgain = filled.facts.length === 0 && soonest !== null;
  const slots = isAgain ? fillSlots(state, { ...about, soonest }) : filled;
  // What nobody waits for is offered to the tails of jobs.
  const leases = slots.facts.length > 0 ? slots : grantBackups(state, now);
  const news = tellNewcomers(state, now);
  const facts = [...leases.facts, ...transfers.facts, ...news.facts];
  if (!isSettled(state)) facts.push({ kind: 'placementSettled' });
  // After that: a job that waited for one of these may start, or the plan lets something go, and nodes
  // are looked at once more.
  facts.push(...plan.facts, ...ended.facts);
  const effects = [...ended.effects, ...leases.effects, ...news.effects];
  effects.push(...transfers.effects, ...plan.effects);
  return { facts, effects, answer: { kind: 'done' } };
}

const noPlan = { facts: [], effects: [], soonest: null };

function isSettled(state: State): boolean {
  const { nodesToPlace, sitesToPlace, jobsToPlace, sitesToGrant, jobsToCheck } = state;
  if (state.exchanges.newcomers.length > 0) return false;
  const toPlace = nodesToPlace.size + sitesToPlace.size + jobsToPlace.size;
  return toPlace + sitesToGrant.size + jobsToCheck.size === 0;
}

interface Part {
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
}

function endJobs(state: State, now: Instant): Part {
  const facts: Fact[] = [];
  const effects: Effect[] = [];
  for (const jobNumber of state.jobsToCheck) {
    const job = state.jobs.get(jobNumber);
    if (job === undefined || job.state !== 'active' || job.waiting + job.leased > 0) continue;
    const end = job.failed > 0 ? 'failed' : 'succeeded';
    facts.push({ kind: 'jobEnded', at: now, jobNumber, state: end });
    effects.push({ kind: 'jobChanged', jobId: job.jobId });
    if (end === 'succeeded') continue;
    const others = cancelWaiting(state, job, { as: end, now });
    facts.push(...others.facts);
    effects.push(...others.effects);
  }
  let surplus = state.endedJobs.size - endedJobsKept;
  for (const jobNumber of state.endedJobs) {
    if (surplus <= 0) break;
    const job = mustHave(state.jobs.get(jobNumber), 'job', jobNumber);
    if (takerOf(state, job) !== undefined) continue;
    facts.push({ kind: 'jobForgotten', at: now, jobNumber });
    surplus -= 1;
  }
  return { facts, effects };
}
