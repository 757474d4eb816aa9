// A free slot takes any of the tasks that fit, each job as likely as the other: what is left when a
// scheduler knows nothing, and the floor that every other policy is measured from.

import { idleSlotsFirst } from '../../transfers/order.ts';
import type { Option, Pick, Policy, RoundView } from '../policy.ts';
import { holdNothing } from '../policy.ts';
import { reasonCodes } from '../reasons.ts';

export const random: Policy = {
  name: 'random',
  choice: { asks: 'slot', pick: anyOf },
  hold: holdNothing,
  nextTransfers: idleSlotsFirst,
};

function anyOf(options: Iterable<Option>, round: RoundView): Pick | null {
  const all = [...options];
  const option = all[Math.floor(round.draw() * all.length)];
  return option === undefined ? null : { option, reason: reasonCodes.policy };
}
