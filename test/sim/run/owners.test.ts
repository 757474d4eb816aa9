// Owners have hours and pause their nodes: what they allow is kept, by the scheduler as by nodes, and
// everything ends all the same.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import type { Option, Pick, Policy, RoundView } from '../../../scheduler/core/index.ts';
import { defaultPolicy } from '../../../scheduler/core/index.ts';
import { Run } from '../../../sim/run/run.ts';
import { simulate } from '../../../sim/run/simulate.ts';
import { readScenario } from '../../../sim/scenario/read.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';
import type { World } from '../../../sim/world/draw-world.ts';
import { closesAt, opensAt } from '../../../sim/world/owners.ts';
import type { Owners } from '../../../sim/world/owners.ts';

const scenario = 'test/fixtures/scenarios/tiny-owners.yaml';
const solve = await openHighs();
const quiet = (): void => undefined;
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

test('hours are the same each day, whenever a run begins', () => {
  const minute = fc.integer({ min: 0, max: 24 * 60 - 1 });
  fc.assert(
    fc.property(
      minute,
      minute,
      minute,
      fc.integer({ min: 0, max: 5e8 }),
      (from, lasts, at, now) => {
        const hours = { fromMs: from * minuteMs, lastsMs: (lasts + 1) * minuteMs };
        const moment = { startsAtMs: at * minuteMs, nowMs: now };
        const ofDay = (moment.startsAtMs + now) % dayMs;
        const isIn = [0, dayMs].some(
          (late) => hours.fromMs <= ofDay + late && ofDay + late < hours.fromMs + hours.lastsMs,
        );
        const closes = closesAt(hours, moment);
        expect(closes !== null).toBe(isIn);
        const opens = opensAt(hours, moment);
        expect((moment.startsAtMs + opens) % dayMs).toBe(hours.fromMs);
        expect(opens - now).toBeGreaterThan(0);
        expect(opens - now).toBeLessThanOrEqual(dayMs);
        if (closes === null || hours.lastsMs === dayMs) return;
        expect(closesAt(hours, { ...moment, nowMs: closes - 1 })).toBe(closes);
        expect(closesAt(hours, { ...moment, nowMs: closes })).toBe(null);
      },
    ),
  );
});

test.each(['balance', 'ratio', 'random'])(
  '%s: everything ends, and the same seed gives the same',
  async (policy) => {
    const { summary } = await simulate({ scenario, policy, seed: 1 }, quiet);
    expect(summary.tasks).toBe(260);
    expect(summary.availability).toBeLessThan(0.8);
    expect(summary.assumed.join()).toContain('owners let nodes work in their hours alone');
    expect((await simulate({ scenario, policy, seed: 1 }, quiet)).summary).toEqual(summary);
  },
);

function runOf(world: World, policy: Policy = defaultPolicy): Run {
  const run = new Run(world, { policy, solve });
  while (!run.advance(1_000));
  return run;
}

test('hours end what runs, pauses do not', () => {
  const world = drawWorld(readScenario(scenario), 3);
  // Inputs come late: the scheduler can't know that a task will not end in the hours.
  const sites = world.sites.map((site) => ({ ...site, downBps: site.downBps / 50 }));
  const lossesOf = (some: Partial<Owners>): number => {
    const hours = sites.map(() => null);
    const owners = { hours, pauses: null, startsAtMs: 0, ...some };
    const { attempts, checks } = runOf({ ...world, sites, owners }).result();
    let losses = 0;
    for (let lease = 1; lease <= attempts.last; lease += 1) {
      const winner = checks.results[attempts.job[lease] ?? -1]?.[attempts.task[lease] ?? -1] ?? 0;
      const exitedAt = attempts.exitedAt[lease] ?? 0;
      // Backups end because another has ended.
      if (exitedAt > 0 && exitedAt < (attempts.exitedAt[winner] ?? 0)) losses += 1;
    }
    return losses;
  };
  expect(lossesOf({ pauses: { every: 5 * minuteMs, lasts: minuteMs } })).toBe(0);
  const hours = sites.map((_, site) => (site > 1 ? { fromMs: 0, lastsMs: 5 * minuteMs } : null));
  expect(lossesOf({ hours })).toBeGreaterThan(0);
});

test('in any mixture with what else may happen, everything ends', () => {
  const faulty = drawWorld(readScenario('test/fixtures/scenarios/tiny-faulty.yaml'), 1).faults;
  const churny = drawWorld(readScenario('test/fixtures/scenarios/tiny-churny.yaml'), 1).churn;
  for (const seed of [1, 2, 3]) {
    const world = drawWorld(readScenario(scenario), seed);
    const [churn, faults] = [seed % 3 === 0 ? null : churny, seed % 3 === 1 ? null : faulty];
    expect(runOf({ ...world, churn, faults }).progress.tasksLeft, `seed ${seed}`).toBe(0);
  }
});

/** A node to which the task must not go now. */
type Wrong = (node: Option['node'], option: Option, now: number) => boolean;
const wrong: readonly (readonly [string, Wrong, RegExp])[] = [
  [
    'to a node that takes none',
    ({ status }) => status?.isAccepting === false,
    /owner: n\d+ takes no task, and was given one of/,
  ],
  [
    'where the hours left are too short',
    ({ status, closesAt: closes, inventory }, { cost }, now) => {
      if (status?.isAccepting !== true || closes === null) return false;
      return closes - now < (1000 * cost.workGhzSeconds) / inventory.speedGhz;
    },
    /owner: the hours of n\d+ end in \d+ ms, and it was given a task of/,
  ],
];

test.each(wrong)('a policy that gives tasks %s is caught', (_, isWrong, message) => {
  const pick = (options: Iterable<Option>, { state, now }: RoundView): Pick | null => {
    const [option] = [...options];
    if (option === undefined) return null;
    const node = state.nodes.find(
      (each) => each.health === 'healthy' && isWrong(each, option, now),
    );
    return { option: { ...option, node: node ?? option.node }, reason: 0 };
  };
  const policy: Policy = { ...defaultPolicy, choice: { asks: 'slot', pick } };
  const world = drawWorld(readScenario(scenario), 1);
  const hours = world.sites.map((_, site) =>
    site % 2 === 0 ? null : { fromMs: 0, lastsMs: 4 * minuteMs },
  );
  const owners = { hours, pauses: null, startsAtMs: 0 };
  expect(() => runOf({ ...world, owners }, policy)).toThrow(message);
});
