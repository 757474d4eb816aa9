// The balance rule: of the kinds of task that fit, a site takes the one after which its two
// backlogs, seconds of work for its CPUs and seconds of bytes for its uplink, are most alike. Kinds
// that need much data for little work so go where the ratio of uplink to CPU is high, by themselves.

import { linkWindowSeconds, relayWindowSeconds } from '../../limits.ts';
import { idleSlotsFirst } from '../../transfers/order.ts';
import { balanceWith, fullWayOf, isDownFull, linkSecondsOf } from '../balance.ts';
import { relayOf } from '../estimate.ts';
import type { Refusal } from '../filter.ts';
import type { Option, Pick, Policy, RoundView, SiteOption } from '../policy.ts';
import { reasonCodes } from '../reasons.ts';

export const balance: Policy = {
  name: 'balance',
  choice: { asks: 'slot', pick: mostAlike },
  hold: overWindow,
  holdsSite: isDownOverWindow,
  nextTransfers: idleSlotsFirst,
};

function mostAlike(options: Iterable<Option>): Pick | null {
  let best: Option | null = null;
  let least = Number.POSITIVE_INFINITY;
  let kinds = 0;
  for (const option of options) {
    kinds += 1;
    const { imbalance } = balanceWith(option.load, option.cost);
    if (best !== null && imbalance >= least) continue;
    best = option;
    least = imbalance;
  }
  if (best === null) return null;
  return { option: best, reason: kinds === 1 ? reasonCodes.onlyKind : reasonCodes.balance };
}

/** While the uplink's backlog is over a window, no task that adds more link than CPU time. */
export function overWindow(option: Option, round: RoundView): Refusal | null {
  if (isHomeBusy(option, round)) return homeBusy;
  const way = fullWayOf(option, { atOnce: 1, resultWaits: () => round.resultWaits(option) });
  if (way === null) return null;
  return way === 'down' ? uplinkDown : uplinkUp;
}

/** While the line of its input's home has a window's worth in hand, beside this one. */
export function isHomeBusy({ job, taskIndex, site }: Option, round: RoundView): boolean {
  const relay = relayOf(round.state, { job, taskIndex }, site.number);
  if (relay === null) return false;
  const load = round.load(relay.home);
  return linkSecondsOf(load).up > relayWindowSeconds + (8 * relay.bytes) / load.upBps;
}

export const homeBusy: Refusal = {
  code: 'home',
  reason:
    "the task's input is at another site, where it was born, and that site's uplink up has enough in hand",
  remedy: 'wait: nodes of that site take it without the uplink, others as its line is free',
};

export function isDownOverWindow(option: SiteOption): boolean {
  return isDownFull(option, { atOnce: 1 });
}

const remedy = 'wait, or declare the rate that it really has (punnet site set)';

const uplinkDown: Refusal = {
  code: 'uplink_down',
  reason: `the uplink down is busy, and with this task would have over ${linkWindowSeconds} s of bytes in hand`,
  remedy,
};

const uplinkUp: Refusal = {
  code: 'uplink_up',
  reason: "the uplink up is busy, and the task's result would have to wait for it",
  remedy,
};
