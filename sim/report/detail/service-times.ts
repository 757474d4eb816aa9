// How many replicas of each service were up over time.

import type { RunResult } from '../../run/run.ts';
import type { World } from '../../world/draw-world.ts';
import type { ServiceUse } from '../service-uses.ts';
import { replicaRuns, serviceUses, upSpans } from '../service-uses.ts';
import { binCount } from './site-times.ts';

/** Each has a panel of its own; more are in the tables only. */
const mostShown = 7;

export interface ServiceTimes extends Pick<ServiceUse, 'name' | 'replicas' | 'moves'> {
  /** By span of time, as many as use-over-time has: replicas that were up, in the mean; null: none was
   * wanted in all of it. */
  readonly up: readonly (number | null)[];
}

export function serviceTimesOf(world: World, result: RunResult): readonly ServiceTimes[] {
  const binMs = result.makespanMs / binCount;
  const runs = replicaRuns(world, result);
  return serviceUses(world, result)
    .slice(0, mostShown)
    .map(({ name, replicas, moves }, place) => {
      const { fromMs = 0, untilMs = 0 } = world.services[place] ?? {};
      const spans = upSpans(runs.filter(({ of }) => of.service === place));
      const up = Array.from({ length: binCount }, (_, bin) => {
        const [begin, end] = [Math.max(fromMs, bin * binMs), Math.min(untilMs, (bin + 1) * binMs)];
        if (end <= begin) return null;
        const inside = spans.reduce((sum, span) => {
          return sum + Math.max(0, Math.min(end, span.toMs) - Math.max(begin, span.fromMs));
        }, 0);
        return Math.round((1e4 * inside) / (end - begin)) / 1e4;
      });
      return { name, replicas, moves, up };
    });
}
