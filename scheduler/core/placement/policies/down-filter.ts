// BOINC's way with slow lines: a workunit may carry `rsc_bandwidth_bound`, and is sent only to hosts
// whose measured download rate (`n_bwdown`) is at least that (check_bandwidth in BOINC's
// sched/sched_check.cpp). A project chooses the bound of its workunits; here it chooses them so that
// the input arrives within so many seconds. Each host is looked at alone: who else is behind the
// same line does not count. First in, first out among what the filter lets through.

import { idleSlotsFirst } from '../../transfers/order.ts';
import type { Refusal } from '../filter.ts';
import type { Option, Policy } from '../policy.ts';
import { firstInTurn } from './fifo.ts';

export function downFilter(secondsToFetch: number): Policy {
  const tooSlow: Refusal = {
    code: 'download_rate',
    reason: `the line of the node takes over ${secondsToFetch} s for the input of a task, more than the policy allows`,
    remedy: 'wait for a node with a faster line, or make smaller inputs',
  };
  return {
    name: 'down-filter',
    choice: { asks: 'slot', pick: firstInTurn },
    hold: ({ load, cost }: Option) =>
      cost.downBits > secondsToFetch * load.downBps ? tooSlow : null,
    nextTransfers: idleSlotsFirst,
  };
}
