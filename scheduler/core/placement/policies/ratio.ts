// What the scheduler exists for: work goes where the ratio of uplink to CPU suits it. The plan says
// how many tasks of each class each group of sites should do; a slot takes the class that is furthest
// behind its share, of those that its node has fetched if it can. It stays idle rather than take a task
// that would end after everything else, since a better slot will take it, and while the line is busy
// it takes none that is hard on it.

import { planClasses, planEveryMs, planHoldMs, planStallMs } from '../../limits.ts';
import { bitsOf } from '../../estimate/ahead.ts';
import { ghzOf } from '../../leases.ts';
import type { JobRecord, NodeRecord, SiteRecord } from '../../state.ts';
import { idleSlotsFirst } from '../../transfers/order.ts';
import { linkSecondsOf } from '../balance.ts';
import { sharedBytesAt, sharedDownBytes, underWay, workOf } from '../estimate.ts';
import type { Refusal } from '../filter.ts';
import { refuseNode } from '../filter.ts';
import { isPiloted, refusePilot } from '../pilots.ts';
import type { Plan } from '../plan/plan.ts';
import { noGroup } from '../plan/plan.ts';
import { endsIn } from '../plan/tail.ts';
import type {
  FetchOption,
  JobAt,
  NodesOption,
  Option,
  Pick,
  Policy,
  RoundView,
} from '../policy.ts';
import type { ReasonCode } from '../reasons.ts';
import { reasonCodes } from '../reasons.ts';
import { balance, isDownOverWindow, overWindow } from './balance.ts';
import { busyLine, isFullForProgram, isLineBusy, leastBusyAtLine } from './ratio-line.ts';
import { isLater, isLookedAt, isNew, refuseLater, soonest } from './ratio-soonest.ts';

/** An end is looked at every few seconds, and a slot that ends a little later is no worse. */
const tailSlack = 1.05;
const tailSlackMs = 2 * planEveryMs;

/** Why a slot stays idle though the plan gives the task to it. */
interface Rule {
  readonly hold: Policy['hold'];
  readonly holdsSite?: NonNullable<Policy['holdsSite']>;
  readonly holdsFetch?: NonNullable<Policy['holdsFetch']>;
  readonly leastBusy?: NonNullable<Policy['leastBusy']>;
}

export const ratioRules: {
  readonly tail: Rule;
  readonly line: Rule;
  readonly place: Rule;
  readonly program: Rule;
} = {
  tail: { hold: pastTheEnd },
  line: {
    hold: busyLine,
    holdsSite: isLineBusy,
    holdsFetch: isFullForProgram,
    leastBusy: leastBusyAtLine,
  },
  place: { hold: keptPlace, leastBusy: leastBusyOfPlace },
  program: { hold: needlessProgram, holdsFetch: isNeedless },
};

export const ratio: Policy = ratioWith([
  ratioRules.place,
  ratioRules.program,
  ratioRules.tail,
  ratioRules.line,
]);

/** The policy with these rules; the first that refuses is told. */
export function ratioWith(rules: readonly Rule[]): Policy {
  return {
    name: 'ratio',
    choice: { asks: 'slot', pick: furthestBehind },
    hold: holdBy(rules),
    holdsSite: holdsSiteBy(rules),
    holdsFetch: holdsFetchBy(rules),
    leastBusy: leastBusyBy(rules),
    nextTransfers: idleSlotsFirst,
    needsPlan: true,
  };
}

/** A task that the plan has a share for, or that is kept. */
interface Due {
  readonly option: Option;
  /** How much of the share has been given. What is only kept comes behind all that has one. */
  readonly due: number;
}

function furthestBehind(options: Iterable<Option>, round: RoundView): Pick | null {
  let best: Due | null = null;
  const unplanned: Option[] = [];
  for (const option of options) {
    // Nothing can be planned for a job before it has shown what it costs.
    const isUnknown = isPiloted(option.job);
    if (isUnknown && refusePilot(option, round) === null) {
      return { option, ...reasonOf(option, round) };
    }
    if (isLookedAt(option.job, round)) return soonest(option, round);
    const isPlanless = isUnknown || round.soonest !== null;
    const due = isPlanless ? null : dueOf(option, round);
    if (due === null) unplanned.push(option);
    else if (best === null || goesBefore({ option, due }, best, round)) best = { option, due };
  }
  if (best !== null) return { option: best.option, ...reasonOf(best.option, round) };
  return balance.choice.asks === 'slot' ? balance.choice.pick(unplanned, round) : null;
}

function dueOf(option: Option, round: RoundView): number | null {
  const planned = round.planned(option);
  if (planned !== Number.POSITIVE_INFINITY) return planned;
  return isKept(option, round) ? Number.MAX_VALUE : null;
}

/** Whether a slot had better take the one than the best before it. */
function goesBefore({ option, due }: Due, best: Due, round: RoundView): boolean {
  const { job, node } = option;
  const other = best.option.job;
  if (due !== best.due) return due < best.due;
  if (startsBefore(other, job, round)) return false;
  if (startsBefore(job, other, round)) return true;
  const isFetched = round.hasShared(node, other) && !round.hasShared(node, job);
  return !isFetched && isLessHeld(job, other, round);
}

/** Nobody does the job, and it came before: else younger ones that are alike would keep the nodes. */
function startsBefore(job: JobRecord, other: JobRecord, round: RoundView): boolean {
  return job.number < other.number && round.leasesOf(job) === 0;
}

/** The nodes that have it need longer for what waits: jobs of one class then keep to nodes of their own. */
function isLessHeld(job: JobRecord, than: JobRecord, round: RoundView): boolean {
  return round.secondsLeft(job) > round.secondsLeft(than);
}

/** By the plan, and by these rules where the plan has a share. */
function holdBy(rules: readonly Rule[]): Policy['hold'] {
  return (option, round) => {
    if (isPiloted(option.job)) return refuseUnknown(option, round);
    if (round.soonest !== null) {
      return isNew(option.job, round) ? solving : refuseLater(option, round);
    }
    const due = round.planned(option);
    if (due === Number.POSITIVE_INFINITY && !isKept(option, round) && !isStalled(option, round)) {
      return elsewhere;
    }
    if (due === null) return isSolvedSoon(option, round) ? solving : overWindow(option, round);
    for (const { hold } of rules) {
      const refusal = hold(option, round);
      if (refusal !== null) return refusal;
    }
    return null;
  };
}

/** What would stay idle until pilots have ended takes more of them, by the balance rule. */
function refuseUnknown(option: Option, round: RoundView): Refusal | null {
  const refusal = refusePilot(option, round);
  if (refusal === null || round.isStaged(option.node)) return refusal;
  // What is planned, or will be in a moment, goes before.
  const { planAsked, isPlanNews } = round.state;
  const isAsked = planAsked !== null && round.now - planAsked.askedAt < planHoldMs;
  const isElseIdle =
    round.leastPlanned(option) === Number.POSITIVE_INFINITY && !isPlanNews && !isAsked;
  return isElseIdle && overWindow(option, round) === null ? null : refusal;
}

/** Most tasks that a busy federation looks at are held so: the plan gives them to other sites, or the
 * line is full. */
function holdsSiteBy(rules: readonly Rule[]): NonNullable<Policy['holdsSite']> {
  return (option, round) => {
    if (isPiloted(option.job)) return false;
    if (round.soonest !== null) return isNew(option.job, round) || isLater(option, round);
    const due = round.planned(option);
    if (due === Number.POSITIVE_INFINITY && !isStalled(option, round)) {
      return !isHeldAt(option, round);
    }
    if (due === null) return isSolvedSoon(option, round) || isDownOverWindow(option);
    return rules.some(({ holdsSite }) => holdsSite?.(option, round) === true);
  };
}

/** What a node has fetched need not cross its line again; where jobs with programs are many, most of the
 * rest are refused at once. */
function holdsFetchBy(rules: readonly Rule[]): NonNullable<Policy['holdsFetch']> {
  return (option, round) => {
    if (isPiloted(option.job) || round.soonest !== null) return false;
    if (option.isBeside && isNotWorthIt(option, round)) return true;
    const due = round.planned(option);
    if (due === null) return false;
    if (due === Number.POSITIVE_INFINITY && !isStalled(option, round)) return true;
    return rules.some(({ holdsFetch }) => holdsFetch?.(option, round) === true);
  };
}

/** Most slots that are looked at on a busy federation are refused so: nodes of a site differ by when they are free. */
function leastBusyBy(rules: readonly Rule[]): NonNullable<Policy['leastBusy']> {
  return (option, round) => {
    if (isPiloted(option.job) || round.soonest !== null) return 0;
    if (round.planned(option) === null) return 0;
    let seconds = 0;
    for (const { leastBusy } of rules) {
      seconds = Math.max(seconds, leastBusy?.(option, round) ?? 0);
    }
    return seconds;
  };
}

/**
 * The plan wants the job at other sites, but the node has its program, and what its tasks move until
 * the plan's end is less than another program: it had better keep to them.
 */
function isKept({ job, node }: JobAt & { readonly node: NodeRecord }, round: RoundView): boolean {
  return round.hasShared(node, job) && isCheaperThanProgram(job, ghzOf(node), round);
}

function isCheaperThanProgram(job: JobRecord, cpuGhz: number, { state, now }: RoundView): boolean {
  const { downBits, upBits, sharedBits } = bitsOf(job);
  if (sharedBits === 0 || state.plan === null) return false;
  const seconds = (state.plan.endsAt - now) / 1000;
  const tasks = Math.max(1, (seconds * cpuGhz) / workOf(job));
  return tasks * (downBits + upBits) < sharedBits;
}

/** For nodes that have the program of another job: they had better keep to that, unless nobody does this one. */
function isNotWorthIt({ job, site, load }: FetchOption, round: RoundView): boolean {
  const nodeGhz = load.cpuGhz / site.nodeNumbers.length;
  if (!isCheaperThanProgram(job, nodeGhz, round)) return false;
  return round.leasesOf(job) > 0 || hasTakers(job, round);
}

/** Whether a node that has its program takes its tasks when a slot is free. */
function hasTakers(job: JobRecord, { state, now }: RoundView): boolean {
  for (const number of job.holders) {
    const node = state.nodes[number];
    if (node !== undefined && refuseNode(job, node, now) === null) return true;
  }
  return false;
}

/** Whether a node of the site may be better off with the job, whatever the plan says. */
function isHeldAt({ job, site }: JobAt, round: RoundView): boolean {
  const { downBits, upBits, sharedBits } = bitsOf(job);
  if (sharedBits <= downBits + upBits) return false;
  return round.isGivenAt({ job, site }) || hasHolder(job, site, round);
}

function hasHolder({ holders }: JobRecord, site: SiteRecord, { state }: RoundView): boolean {
  const { number: siteNumber, nodeNumbers } = site;
  if (nodeNumbers.length < holders.size) return nodeNumbers.some((number) => holders.has(number));
  for (const number of holders) if (state.nodes[number]?.siteNumber === siteNumber) return true;
  return false;
}

/** Where the plan wants the job, all nodes refuse it; or nothing was placed for a while, whatever the cause. */
function isStalled({ job }: JobAt, { state, now }: RoundView): boolean {
  if (state.refused.has(job.number)) return true;
  const since = Math.max(job.submittedAt, state.leasedAt, state.plan?.askedAt ?? 0);
  return now - since >= planStallMs;
}

/**
 * A place behind a running task is for bytes to come in the meantime. What is fetched in no time leaves
 * it to others while these are behind, or the CPUs get ahead of the line, and stand still in the end.
 */
function keptPlace(option: Option, round: RoundView): Refusal | null {
  const { node, cost } = option;
  if (underWay(cost.downBits / 8) > 0 || !round.isStaged(node)) return null;
  return isAhead(option, round) ? ahead : null;
}

function leastBusyOfPlace({ job, site, cost, isStaged }: NodesOption, round: RoundView): number {
  if (!isStaged || underWay(cost.downBits / 8) > 0) return 0;
  // Some nodes may have to fetch it.
  if (sharedBytesAt(round.state, job, site.number) > 0) return 0;
  return isAhead({ job, site }, round) ? Number.POSITIVE_INFINITY : 0;
}

function isAhead(at: JobAt, round: RoundView): boolean {
  const due = round.planned(at);
  return due !== null && due > round.leastPlanned(at);
}

const ahead: Refusal = {
  code: 'plan',
  reason: 'other tasks that the plan gives to sites like this are behind',
  remedy: 'wait: they are placed there as slots become free',
};

/**
 * A program crosses the line for a node that has something to compute only when the nodes that have it
 * would be late without; for one that has nothing, when it comes before they are done.
 */
function needlessProgram({ job, node, load, cost }: Option, round: RoundView): Refusal | null {
  const { plan } = round.state;
  if (plan === null || job.leased === 0 || round.hasShared(node, job)) return null;
  const isLate = round.isStaged(node)
    ? !isInTime(job, plan, round)
    : round.secondsLeft(job) >= linkSecondsOf(load, cost).down;
  if (isLate) return null;
  // Its site may have it, or bring it.
  return underWay(sharedDownBytes(round.state, job, node)) === 0 ? null : inTime;
}

function isNeedless({ job, site, isStaged }: FetchOption, round: RoundView): boolean {
  const { plan } = round.state;
  if (plan === null || job.leased === 0 || !isStaged || !isInTime(job, plan, round)) return false;
  // Asked last: it is looked for among all that the site's nodes have.
  return underWay(sharedBytesAt(round.state, job, site.number)) > 0;
}

function isInTime(job: JobRecord, plan: Plan, round: RoundView): boolean {
  return 1000 * round.secondsLeft(job) < plan.endsAt - round.now;
}

const inTime: Refusal = {
  code: 'plan',
  reason:
    'the nodes that have its program will do its tasks in time, without another that fetches it',
  remedy: 'wait: they are placed there as slots become free',
};

/** What is placed before a plan knows of it stays where it is: the plan is waited for, a moment. */
function isSolvedSoon({ job }: JobAt, { state, now }: RoundView): boolean {
  const { plan, planAsked, planLookedAt } = state;
  if (planAsked !== null && planAsked.classOf.has(job.number)) {
    return now - planAsked.askedAt < planHoldMs;
  }
  // It is looked at in a moment, and asked for then: it is new, or its first tasks made it known.
  const isNews = job.submittedAt >= planLookedAt || (plan !== null && plan.classes < planClasses);
  const since = Math.max(job.submittedAt, planLookedAt);
  return isNews && now - since < planEveryMs + planHoldMs;
}

const solving: Refusal = {
  code: 'plan_solving',
  reason: 'the plan for what waits is being solved',
  remedy: 'wait a moment',
};

const elsewhere: Refusal = {
  code: 'plan',
  reason: 'the plan gives its tasks to sites whose ratio of uplink to CPU suits them better',
  remedy: 'wait: they are placed there as slots become free',
};

/** The end rests on every slot that ends a task before it: slower ones had better stay idle. */
function pastTheEnd(option: Option, round: RoundView): Refusal | null {
  const { plan, tail } = round.state;
  const wholeEndsAt = tail?.get(option.job.number);
  if (plan === null || wholeEndsAt === undefined) return null;
  const leftMs = Math.max(plan.endsAt, wholeEndsAt) - round.now;
  const ends = endsIn(round.freeIn(option.node), option.load, option);
  return 1000 * ends > tailSlack * leftMs + tailSlackMs ? tooLate : null;
}

const tooLate: Refusal = {
  code: 'plan_end',
  reason:
    'a task would end there after all others: a faster slot, or one free earlier, will take it',
  remedy: 'wait: little is left to be placed',
};

function reasonOf(
  { site, load, cost }: Option,
  { state }: RoundView,
): { readonly reason: ReasonCode; readonly figures: readonly [number, number] } {
  const group = state.plan?.groupOf[site.number] ?? noGroup;
  const binding = state.plan?.bindings[group] ?? 'cpu';
  const bps = binding === 'up' ? load.upBps : load.downBps;
  const bits = binding === 'up' ? cost.upBits : cost.downBits;
  const figures: readonly [number, number] = [
    Math.round(bps / load.cpuGhz),
    Math.round(bits / Math.max(cost.workGhzSeconds, 1e-9)),
  ];
  return { reason: reasons[binding], figures };
}

const reasons = {
  cpu: reasonCodes.planCpu,
  down: reasonCodes.planDown,
  up: reasonCodes.planUp,
} as const;
