// `ratio` without one of its parts each, put together from the others: what a part brings is how much
// longer a run takes without it. Without its plan it is `balance`. For comparisons only: a scheduler
// knows none of them.

import type { Policy } from '../../scheduler/core/index.ts';
import { ratio, ratioRules, ratioWith } from '../../scheduler/core/index.ts';

export interface Variant {
  readonly about: string;
  readonly policy: Policy;
}

const { tail, line, place, program } = ratioRules;

const variants: readonly Variant[] = [
  {
    about: 'a slot stays idle for the plan, neither for the line nor for the end',
    policy: without('hold', []),
  },
  {
    about: 'a slot takes a task that would end after everything else',
    policy: without('tail', [place, program, line]),
  },
  {
    about: 'a slot takes a task that is hard on a busy line',
    policy: without('line', [place, program, tail]),
  },
  {
    about: 'places behind running tasks are kept for nobody',
    policy: without('places', [program, tail, line]),
  },
  {
    about: 'a node takes the program of one more job, though others have it',
    policy: without('programs', [place, tail, line]),
  },
  {
    about: 'transfers go first come, first served, not idle slots first',
    policy: {
      ...ratio,
      name: 'ratio-without-order',
      nextTransfers: (waiting, places) => [...waiting].slice(0, places),
    },
  },
];

function without(part: string, rules: Parameters<typeof ratioWith>[0]): Policy {
  return { ...ratioWith(rules), name: `ratio-without-${part}` };
}

export const ratioVariants: ReadonlyMap<string, Variant> = new Map(
  variants.map((variant) => [variant.policy.name, variant]),
);
