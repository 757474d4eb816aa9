// When a plan is asked for, and what becomes of the answer. Solving takes long, so it happens outside
// the core: a request goes out as an effect and comes back as a command.

import type { PlanFailed, PlanSolved } from '../../commands.ts';
import type { Decision } from '../../decision.ts';
import { nothing } from '../../decision.ts';
import type { Effect } from '../../effects.ts';
import type { Fact } from '../../facts.ts';
import { slotsOf } from '../../leases.ts';
import { planClasses, planDrift, planEveryMs, planPatienceMs, planSoonMs } from '../../limits.ts';
import type { Instant } from '../../model/ids.ts';
import { instant } from '../../model/ids.ts';
import type { State } from '../../state.ts';
import { bitsOf } from '../../estimate/ahead.ts';
import { workOf } from '../estimate.ts';
import { classJobs } from './classes.ts';
import { groupSites } from './groups.ts';
import type { Outlook, Plan, PlanRequest, Tail } from './plan.ts';
import { fitsNowhere, leastShare, planOf } from './plan.ts';
import { easedProgramOf } from './program.ts';
import { refusedJobs } from './refused.ts';
import { doneOf } from './slots-ahead.ts';
import { soonestOf } from './soonest.ts';
import type { WholeTasks } from './tail.ts';
import {
  isAvailable,
  plannedJobs,
  plannedTasks,
  tailOf,
  waitingOf,
  wholeTasksOf,
  wholeWorkOf,
} from './tail.ts';

interface Part {
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
}

interface Look extends Part {
  /** Few tasks wait: by when they had better end. */
  readonly soonest: Tail;
}

const quiet: Look = { facts: [], effects: [], soonest: null };

/** Looks every few seconds, and soon when a job has come; asks when what waits or what there is has
 * changed by much. */
export function askPlan(state: State, now: Instant): Look {
  const { planAsked, plan } = state;
  const isOut = planAsked !== null && now - planAsked.askedAt < planPatienceMs;
  const everyMs = state.isPlanNews && !isOut ? planSoonMs : planEveryMs;
  if (now - state.planLookedAt < everyMs || state.waitingJobs.size === 0) return quiet;
  const refused = refusedJobs(state, plan, now);
  const waiting = waitingOf(state, now);
  const soonest = soonestOf(state, waiting, now);
  if (soonest !== null) {
    const looked: Fact = { kind: 'planLookedAt', at: now, tail: null, soonest, refused };
    return { facts: [looked], effects: [], soonest };
  }
  const whole = wholeTasksOf(waiting);
  const tail = plan === null ? null : tailOf(state, whole, { plan, now });
  const looked: Fact = { kind: 'planLookedAt', at: now, tail, soonest, refused };
  const outlook = outlookOf(state);
  if (isOut || outlook.cpuGhz <= 0 || outlook.workGhzSeconds + outlook.bits === 0)
    return { facts: [looked], effects: [], soonest };
  const isOver = plan !== null && now > plan.endsAt;
  const isAsBefore =
    plan !== null &&
    !state.isPlanNews &&
    !hasChanged(plan.outlook, outlook) &&
    knowsAll(state, plan) &&
    hasSharesLeft(state, plan);
  if (isAsBefore && !isOver) {
    return { facts: [looked], effects: [], soonest };
  }
  const request = requestOf(state, { outlook, whole }, now);
  const { planId, program } = request;
  return {
    facts: [looked, { kind: 'planAsked', request }],
    effects: [{ kind: 'solvePlan', planId, program }],
    soonest,
  };
}

function outlookOf(state: State): Outlook {
  let workGhzSeconds = 0;
  let bits = 0;
  for (const job of plannedJobs(state)) {
    const { downBits, upBits } = bitsOf(job);
    const tasks = plannedTasks(state, job);
    workGhzSeconds += tasks * workOf(job);
    bits += tasks * (downBits + upBits);
  }
  let cpuGhz = 0;
  for (const node of state.nodes) {
    if (isAvailable(node)) cpuGhz += (slotsOf(node) - node.serving) * node.inventory.speedGhz;
  }
  return { workGhzSeconds, bits, cpuGhz, linkBps: state.capacity.linkBps };
}

function hasChanged(before: Outlook, now: Outlook): boolean {
  const differs = (one: number, other: number): boolean =>
    Math.abs(one - other) > planDrift * Math.max(one, other);
  return (
    differs(before.workGhzSeconds, now.workGhzSeconds) ||
    differs(before.bits, now.bits) ||
    differs(before.cpuGhz, now.cpuGhz) ||
    differs(before.linkBps, now.linkBps)
  );
}

/** Tasks that failed, or that a quota lets in one after another, wait as others did when the plan was made,
 * whose shares these have used up. */
function hasSharesLeft(state: State, { classOf, groups, shares, given }: Plan): boolean {
  const kinds = new Set(plannedJobs(state).map((job) => classOf.get(job.number) ?? fitsNowhere));
  for (const kind of kinds) {
    if (kind === fitsNowhere) continue;
    const first = kind * groups;
    let left = 0;
    for (let cell = first; cell < first + groups; cell += 1) {
      left += Math.max(0, (shares[cell] ?? 0) - (given[cell] ?? 0));
    }
    if (left < leastShare) return false;
  }
  return true;
}

function knowsAll(state: State, { classOf, classes }: PlanRequest): boolean {
  if (classes >= planClasses) return true;
  return plannedJobs(state).every((job) => classOf.has(job.number));
}

function requestOf(
  state: State,
  { outlook, whole }: { readonly outlook: Outlook; readonly whole: WholeTasks | null },
  now: Instant,
): PlanRequest {
  const grouping = groupSites(state, doneOf(state, now));
  const { groups, groupOf } = grouping;
  const { demands, classOf } = classJobs(state, grouping);
  const supplies = groups.map(({ supply }) => supply);
  const planSeconds = planSecondsOf(state, now);
  const wholeWork = wholeWorkOf(whole, { groupOf, groups: groups.length, planSeconds });
  return {
    planId: state.nextPlanId,
    askedAt: now,
    ...{ groupOf, classOf, groups: groups.length, classes: demands.length },
    program: easedProgramOf(supplies, demands, wholeWork),
    outlook,
    given: new Float64Array(groups.length * demands.length),
  };
}

/** Until the end by the plan; 0 without one that knows all that waits, of which another says nothing. */
export function planSecondsOf(state: State, now: Instant): number {
  const { plan } = state;
  return plan !== null && knowsAll(state, plan) ? (plan.endsAt - now) / 1000 : 0;
}

/** The answer to the last request; older ones count for nothing. */
export function planSolved(state: State, { planId, solution }: PlanSolved, now: Instant): Decision {
  const request = state.planAsked;
  if (request === null || request.planId !== planId) return nothing;
  const endsAt = instant(Math.ceil(request.askedAt + 1000 * (solution.columns[0] ?? 0)));
  const plan = planOf(request, solution, endsAt);
  const tail = tailOf(state, wholeTasksOf(waitingOf(state, now)), { plan, now });
  const refused = refusedJobs(state, plan, now);
  return { ...nothing, facts: [{ kind: 'planMade', plan, tail, refused }] };
}

/** The balance rule places, for a while, until another one is asked for. */
export function planFailed(state: State, { planId }: PlanFailed, now: Instant): Decision {
  if (state.planAsked?.planId !== planId) return nothing;
  return { ...nothing, facts: [{ kind: 'planDropped', at: now }] };
}
