// The policies that come with the scheduler, by name. A federation runs the default one; the others
// are there to compare with, each with the one parameter that its source leaves to whoever uses it.

import { balance } from './policies/balance.ts';
import { binPack } from './policies/bin-pack.ts';
import { countLimit } from './policies/count-limit.ts';
import { downFilter } from './policies/down-filter.ts';
import { fifo } from './policies/fifo.ts';
import { leastAllocated } from './policies/least-allocated.ts';
import { random } from './policies/random.ts';
import { ratio } from './policies/ratio.ts';
import type { Policy } from './policy.ts';

export const defaultPolicy: Policy = ratio;

export interface Parameter {
  readonly name: string;
  readonly value: number;
  /** What a sweep tries. */
  readonly values: readonly number[];
}

export interface PolicyMaker {
  /** For people; where it is from is in its file. */
  readonly about: string;
  /** Null: it has none. */
  readonly parameter: Parameter | null;
  /** With its parameter at this value. */
  readonly make: (value: number) => Policy;
}

export const policyMakers: ReadonlyMap<string, PolicyMaker> = new Map([
  ['random', plain(random, 'any task that fits, each job as likely as the other')],
  ['fifo', plain(fifo, 'the task whose turn it is, whatever it needs')],
  [
    'least-allocated',
    plain(leastAllocated, "kube-scheduler's: the emptiest of a sample of the nodes that fit"),
  ],
  [
    'bin-pack',
    {
      about: "Nomad's: the fullest of so many nodes that fit; 0: the logarithm of their number",
      parameter: { name: 'candidates', value: 0, values: [0, 2, 4, 16] },
      make: binPack,
    },
  ],
  [
    'count-limit',
    {
      about: "HTCondor's: at most so many tasks of a site have inputs on the way at once",
      parameter: {
        name: 'transfers per network',
        value: 10,
        values: [1, 2, 3, 4, 6, 8, 10, 16, 24, 32],
      },
      make: countLimit,
    },
  ],
  [
    'down-filter',
    {
      about: "BOINC's: only where a line alone brings the input within so many seconds",
      parameter: {
        name: 'seconds to fetch',
        value: 60,
        values: [1, 3, 10, 30, 60, 100, 300, 1_000],
      },
      make: downFilter,
    },
  ],
  [
    'balance',
    plain(balance, "the task that makes a site's two backlogs, CPU and uplink, most alike"),
  ],
  ['ratio', plain(ratio, 'follows the plan over CPUs and uplinks')],
]);

function plain(policy: Policy, about: string): PolicyMaker {
  return { about, parameter: null, make: () => policy };
}
