// Policies held against the first one, world by world.

import type { Interval } from './statistics.ts';
import { meanInterval } from './statistics.ts';
import type { Summary } from './summary.ts';

export interface Comparison {
  readonly scenario: string;
  readonly seeds: number;
  readonly policies: readonly ComparedPolicy[];
  readonly runs: readonly Summary[];
}

export interface ComparedPolicy {
  readonly policy: string;
  readonly makespanOverBound: Interval;
  /** By which part its makespans are longer, on the same worlds; null: it is the first. */
  readonly longerThanFirst: Interval | null;
}

export function comparisonOf(
  scenario: string,
  policies: readonly string[],
  runs: readonly Summary[],
): Comparison {
  const of = (policy: string): readonly Summary[] =>
    runs.filter((run) => run.policy === policy).sort((a, b) => a.seed - b.seed);
  const first = of(policies[0] ?? '');
  const compared = policies.map((policy, place): ComparedPolicy => {
    const own = of(policy);
    const longer = own.map(({ makespanSeconds }, at) => {
      return makespanSeconds / (first[at]?.makespanSeconds ?? Number.NaN) - 1;
    });
    return {
      policy,
      makespanOverBound: meanInterval(own.map((run) => run.makespanOverBound)),
      longerThanFirst: place === 0 ? null : meanInterval(longer),
    };
  });
  return { scenario, seeds: first.length, policies: compared, runs };
}
