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

export const defaultPolicy: Policy = balance;

export interface Parameter {
  readonly name: string;
  readonly value: number;
  /** What a sweep tries. */
  readonly values: readonly number[];
}

export interface PolicyMaker {
  /** Null: it has none. */
  readonly parameter: Parameter | null;
  /** With its parameter at this value. */
  readonly make: (value: number) => Policy;
}

export const policyMakers: ReadonlyMap<string, PolicyMaker> = new Map([
  ['random', plain(random)],
  ['fifo', plain(fifo)],
  ['least-allocated', plain(leastAllocated)],
  [
    'bin-pack',
    { parameter: { name: 'candidates', value: 0, values: [0, 2, 4, 16] }, make: binPack },
  ],
  [
    'count-limit',
    {
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
      parameter: {
        name: 'seconds to fetch',
        value: 60,
        values: [1, 3, 10, 30, 60, 100, 300, 1_000],
      },
      make: downFilter,
    },
  ],
  ['balance', plain(balance)],
  ['ratio', plain(ratio)],
]);

function plain(policy: Policy): PolicyMaker {
  return { parameter: null, make: () => policy };
}
