// The rule of `ratio` while few tasks wait beside many idle slots: each goes where it ends soonest, and no plan
// is needed.

import { planEveryMs } from '../../limits.ts';
import type { Instant } from '../../model/ids.ts';
import { linkSecondsOf } from '../balance.ts';
import type { Refusal } from '../filter.ts';
import { endsIn } from '../plan/tail.ts';
import type { JobAt, Option, Pick, RoundView, SiteOption } from '../policy.ts';
import { reasonCodes } from '../reasons.ts';
import { homeBusy, isHomeBusy } from './balance.ts';

/** It is looked at every few seconds by when, and a slot that ends a task a little later is no worse. */
const slack = 1.05;
const slackMs = planEveryMs;

/** Whether it is known by when its tasks had better end: what has just come is looked at in a moment. */
export function isLookedAt({ job }: JobAt, { soonest: ends }: RoundView): boolean {
  return ends?.has(job.number) === true;
}

/** A slot that would end it later than others leaves it to them. */
export function refuseLater(option: Option, round: RoundView): Refusal | null {
  if (isHomeBusy(option, round)) return homeBusy;
  return isAfter(secondsToEnd(option, round), option, round) ? later : null;
}

/** Whether its line makes it later, on the fastest slot of the federation that is open. */
export function isLater(option: SiteOption, round: RoundView): boolean {
  const { load, cost } = option;
  const ran = cost.workGhzSeconds / round.state.openNodes.fastestOpenGhz;
  return isAfter(linkSecondsOf(load, cost).down + ran, option, round);
}

export function soonest(option: Option, round: RoundView): Pick {
  const { down } = linkSecondsOf(option.load, option.cost);
  const figures = [tenths(secondsToEnd(option, round)), tenths(down)] as const;
  return { option, reason: reasonCodes.soonest, figures };
}

function secondsToEnd(option: Option, round: RoundView): number {
  return endsIn(round.freeIn(option.node), option.load, option);
}

function isAfter(seconds: number, { job }: JobAt, { soonest: ends, now }: RoundView): boolean {
  const until: Instant = ends?.get(job.number) ?? now;
  return 1000 * seconds > slack * (until - now) + slackMs;
}

const later: Refusal = {
  code: 'soonest',
  reason: 'other slots would end the task sooner, and there are more than enough of them',
  remedy: 'wait: it is placed there in a moment',
};

function tenths(seconds: number): number {
  return Math.round(10 * seconds) / 10;
}
