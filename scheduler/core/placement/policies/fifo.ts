// First in, first out: a free slot takes the task whose turn it is, whatever that needs. What a
// scheduler does that looks at nothing but its queue (Slurm's sched/builtin).

import { idleSlotsFirst } from '../../transfers/order.ts';
import type { Option, Pick, Policy } from '../policy.ts';
import { holdNothing } from '../policy.ts';
import { reasonCodes } from '../reasons.ts';

export const fifo: Policy = {
  name: 'fifo',
  choice: { asks: 'slot', pick: firstInTurn },
  hold: holdNothing,
  nextTransfers: idleSlotsFirst,
};

/** Of the tasks that may go there the one whose turn comes first. */
export function firstInTurn(options: Iterable<Option>): Pick | null {
  for (const option of options) return { option, reason: reasonCodes.policy };
  return null;
}
