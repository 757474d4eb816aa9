// HTCondor's way with a shared link: a concurrency limit named after the network, taken by each job
// that moves data over it ("Concurrency Limits" in HTCondor's manual; its transfer queue,
// MAX_CONCURRENT_UPLOADS, counts transfers in the same way, but at the submitting machine). At most
// so many leases of a site fetch at a time, large or small; what moves no bytes takes no part of the
// limit. First in, first out among what the limit lets through. HTCondor itself holds the limit while
// the job runs; here it is given back when the bytes are there, which is kinder to the peer.

import { idleSlotsFirst } from '../../transfers/order.ts';
import type { Refusal } from '../filter.ts';
import type { Option, Policy } from '../policy.ts';
import { firstInTurn } from './fifo.ts';

export function countLimit(transfersPerNetwork: number): Policy {
  const full: Refusal = {
    code: 'transfer_limit',
    reason: `${transfersPerNetwork} tasks of the site fetch their inputs, as many as the policy allows`,
    remedy: 'wait for one of them',
  };
  return {
    name: 'count-limit',
    choice: { asks: 'slot', pick: firstInTurn },
    hold: ({ load, cost }: Option) =>
      cost.downBits > 0 && load.incoming >= transfersPerNetwork ? full : null,
    nextTransfers: idleSlotsFirst,
  };
}
