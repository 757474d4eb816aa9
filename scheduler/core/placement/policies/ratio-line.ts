// The rule of `ratio` about lines: one that has enough in hand gets no task that would add more to it than
// to the CPUs.

import { linkWindowSeconds, transfersAtATime } from '../../limits.ts';
import type { SiteLoad } from '../balance.ts';
import { fullWayOf, isDownFull, linkSecondsOf } from '../balance.ts';
import { sharedBytesAt, workOf } from '../estimate.ts';
import type { Refusal } from '../filter.ts';
import type { FetchOption, NodesOption, Option, RoundView, SiteOption } from '../policy.ts';
import { homeBusy, isHomeBusy } from './balance.ts';

export function busyLine(option: Option, round: RoundView): Refusal | null {
  if (isHomeBusy(option, round)) return homeBusy;
  const resultWaits = (): number => round.resultWaits(option);
  // Most have less than a window's worth in hand: then nobody needs to know when a slot is free.
  const windowSeconds = isDownFull(option, { atOnce }) ? windowOf(option, round) : undefined;
  return fullWayOf(option, { atOnce, resultWaits, windowSeconds }) === null ? null : busy;
}

function windowOf({ node, load }: Option, round: RoundView): number {
  return Math.max(linkWindowSeconds, Math.min(round.freeIn(node), backlogSeconds(load)));
}

export function isLineBusy(option: SiteOption): boolean {
  const windowSeconds = Math.max(linkWindowSeconds, backlogSeconds(option.load));
  return isDownFull(option, { atOnce, windowSeconds });
}

/** As many as all bytes need that are to come before the task can start. */
export function leastBusyAtLine(option: NodesOption): number {
  const { load, cost } = option;
  if (!isDownFull(option, { atOnce })) return 0;
  const { down } = linkSecondsOf(load, cost);
  return backlogSeconds(load) < down ? Number.POSITIVE_INFINITY : down;
}

const atOnce = 1 + transfersAtATime;

/** For an idle slot, of which there is nothing to come behind. */
export function isFullForProgram(
  { job, site, load, isStaged }: FetchOption,
  { state }: RoundView,
): boolean {
  if (isStaged) return false;
  const downBits = 8 * sharedBytesAt(state, job, site.number);
  const cost = { workGhzSeconds: workOf(job), downBits, upBits: 0 };
  return isDownFull({ load, cost }, { atOnce });
}

/** For how long the site's CPUs have something to do: bytes that come meanwhile keep none of them waiting. */
function backlogSeconds({ workGhzSeconds, cpuGhz }: SiteLoad): number {
  return workGhzSeconds / cpuGhz;
}

const busy: Refusal = {
  code: 'uplink',
  reason: 'the uplink has enough in hand, and a task would add more to it than to the CPUs',
  remedy: 'wait, or declare the rate that it really has (punnet site set)',
};
