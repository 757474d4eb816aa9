// The rule of `ratio` while few tasks wait beside many idle slots: each goes where it ends soonest, and no plan
// is needed. A job that fitted no open slot when it was looked at goes by the balance rule.

import { planEveryMs, planHoldMs } from '../../limits.ts';
import type { Instant } from '../../model/ids.ts';
import type { JobRecord } from '../../state.ts';
import { linkSecondsOf } from '../balance.ts';
import type { Refusal } from '../filter.ts';
import { endsIn } from '../plan/tail.ts';
import type { Option, Pick, RoundView, SiteOption } from '../policy.ts';
import { reasonCodes } from '../reasons.ts';
import { isDownOverWindow, overWindow } from './balance.ts';

/** It is looked at every few seconds by when, and a slot that ends a task a little later is no worse. */
const slack = 1.05;
const slackMs = planEveryMs;

/** What has just come is looked at in a moment. */
export function isNew(job: JobRecord, round: RoundView): boolean {
  const { state, now } = round;
  if (isLookedAt(job, round) || job.submittedAt < state.planLookedAt) return false;
  return now - job.submittedAt < planEveryMs + planHoldMs;
}

/** Whether it is known by when its tasks had better end. */
export function isLookedAt({ number }: JobRecord, { soonest: ends }: RoundView): boolean {
  return ends?.has(number) === true;
}

/** A slot that would end it later than others leaves it to them. */
export function refuseLater(option: Option, round: RoundView): Refusal | null {
  const until = untilOf(option.job, round);
  if (until === null) return overWindow(option, round);
  return isAfter(secondsToEnd(option, round), until, round) ? later : null;
}

/** Whether its line makes it later, on the fastest slot of the federation that is open. */
export function isLater(option: SiteOption, round: RoundView): boolean {
  const { job, load, cost } = option;
  const until = untilOf(job, round);
  if (until === null) return isDownOverWindow(option);
  const ran = cost.workGhzSeconds / round.state.openNodes.fastestOpenGhz;
  return isAfter(linkSecondsOf(load, cost).down + ran, until, round);
}

export function soonest(option: Option, round: RoundView): Pick {
  const { down } = linkSecondsOf(option.load, option.cost);
  const figures = [tenths(secondsToEnd(option, round)), tenths(down)] as const;
  return { option, reason: reasonCodes.soonest, figures };
}

function untilOf({ number }: JobRecord, { soonest: ends }: RoundView): Instant | null {
  return ends?.get(number) ?? null;
}

function secondsToEnd(option: Option, round: RoundView): number {
  return endsIn(round.freeIn(option.node), option.load, option);
}

function isAfter(seconds: number, until: Instant, { now }: RoundView): boolean {
  return 1000 * seconds > slack * (until - now) + slackMs;
}

const later: Refusal = {
  code: 'soonest',
  reason: 'other slots would end the task sooner',
  remedy: 'wait: it is placed on one of them',
};

function tenths(seconds: number): number {
  return Math.round(10 * seconds) / 10;
}
