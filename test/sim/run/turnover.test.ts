// Owners leave for good and others join, and cards die: who is there is what the scenario says, and
// nothing that the scheduler was told is lost with a node.

import { expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import { defaultPolicy, instant, nodeId, tokenId } from '../../../scheduler/core/index.ts';
import type { Fact } from '../../../scheduler/core/index.ts';
import { Comings } from '../../../sim/run/comings.ts';
import { enrolled, inventoryOf } from '../../../sim/run/enrol.ts';
import { Run } from '../../../sim/run/run.ts';
import { simulate } from '../../../sim/run/simulate.ts';
import { readScenario } from '../../../sim/scenario/read.ts';
import type { Scenario } from '../../../sim/scenario/schema.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';
import type { World } from '../../../sim/world/draw-world.ts';

const scenario = 'test/fixtures/scenarios/tiny-turnover.yaml';
const solve = await openHighs();
const quiet = (): void => undefined;
const dayMs = 24 * 3_600_000;

/** Homes with one node each. */
function homes(turnover: NonNullable<Scenario['federation']['turnover']>): World {
  const { federation, ...others } = readScenario('homes-10k');
  return drawWorld({ ...others, federation: { ...federation, nodes: 1_000, turnover } }, 1);
}

test('owners join as often as others leave, and the first ones are those of a world without', () => {
  const { federation, ...others } = readScenario('homes-10k');
  const still = drawWorld({ ...others, federation: { ...federation, nodes: 1_000 } }, 1);
  const { sites, nodes, lives } = homes({ stay: 100 * dayMs, until: 100 * dayMs });
  expect(nodes.slice(0, 1_000)).toEqual(still.nodes);
  expect(sites.slice(0, 1_000)).toEqual(still.sites);
  expect(sites.length / 1_000).toBeCloseTo(2, 1);
  const left = lives?.slice(0, 1_000).filter(({ untilMs }) => untilMs < Infinity) ?? [];
  expect(left.length / 1_000).toBeCloseTo(1 - 1 / Math.E, 1);
  const froms = lives?.map(({ fromMs }) => fromMs) ?? [];
  expect(froms).toEqual([...froms].sort((a, b) => a - b));
  expect(froms.at(-1)).toBeLessThan(100 * dayMs);
});

test('a node on a new card is the same board, some days after the old one has died', () => {
  const wanted = { cards: 100 * dayMs, replacedAfter: 3 * dayMs, until: 50 * dayMs };
  const { nodes, lives, sites } = homes(wanted);
  expect(sites).toHaveLength(1_000);
  const gaps = nodes.slice(1_000).map((node, place) => {
    const fromMs = lives?.[1_000 + place]?.fromMs ?? 0;
    const before = [...nodes.keys()].filter((each) => nodes[each] === node);
    const ends = before.map((each) => lives?.[each]?.untilMs ?? 0).filter((each) => each < fromMs);
    return fromMs - Math.max(...ends);
  });
  const meanMs = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  expect(meanMs / dayMs).toBeGreaterThan(2.5);
  expect(meanMs / dayMs).toBeLessThan(3.5);
  expect(gaps.length / 1_000).toBeCloseTo(50 / (100 + 3), 1);
});

test.each(['balance', 'ratio'])(
  '%s: everything ends, and no result is of a node that was gone',
  async (policy) => {
    const wanted = { scenario, policy, seed: 1 };
    const { summary, world, result } = await simulate(wanted, quiet);
    expect(summary.tasks).toBe(260);
    expect(summary.availability).toBeCloseTo(1, 2);
    expect(summary.assumed.join()).toContain('others join, and cards die');
    const { attempts, checks } = result;
    const joined = new Set<number>();
    for (const lease of checks.results.flatMap((leases) => [...leases])) {
      const node = attempts.node[lease] ?? -1;
      const { fromMs = 0, untilMs = 0 } = world.lives?.[node] ?? {};
      expect(attempts.grantedAt[lease]).toBeGreaterThan(fromMs);
      expect(attempts.exitedAt[lease]).toBeLessThanOrEqual(untilMs);
      if (fromMs > 0) joined.add(node);
    }
    expect(joined.size).toBeGreaterThan(1);
    expect((await simulate(wanted, quiet)).summary).toEqual(summary);
  },
);

test('in any mixture with what else may happen, everything ends', () => {
  const of = (name: string) => drawWorld(readScenario(`test/fixtures/scenarios/${name}.yaml`), 1);
  const { churn } = of('tiny-churny');
  const { faults } = of('tiny-faulty');
  for (const seed of [1, 2]) {
    const world = drawWorld(readScenario(scenario), seed);
    const { owners } = drawWorld(
      {
        ...readScenario(scenario),
        federation: {
          ...readScenario(scenario).federation,
          owners: { pauses: { every: 600_000, lasts: 60_000 } },
        },
      },
      seed,
    );
    const run = new Run(
      { ...world, churn: seed === 2 ? null : churn, owners, faults },
      {
        policy: defaultPolicy,
        solve,
      },
    );
    while (!run.advance(1_000));
    const { attempts } = run.result();
    for (let lease = 1; lease <= attempts.last; lease += 1) {
      const { untilMs = 0 } = world.lives?.[attempts.node[lease] ?? -1] ?? {};
      expect(attempts.grantedAt[lease], `seed ${seed}`).toBeLessThan(untilMs);
    }
  }
});

test('a node that the scheduler counts as another is caught', () => {
  const world = drawWorld(readScenario(scenario), 1);
  const options = { world, callAt: quiet, join: quiet, leave: quiet };
  const [node] = world.nodes;
  if (node === undefined) throw new Error('there are nodes');
  const fact: Fact = {
    ...{ kind: 'nodeEnrolled', at: instant(0), nodeNumber: 13, nodeId: nodeId('n12') },
    ...{ name: 'n12', siteNumber: 0, natsPublicKey: '', requestId: '', tokenId: tokenId('t') },
    inventory: inventoryOf(node),
  };
  expect(() => new Comings(options).joined(fact)).toThrow('n12 joined as number 13');
  expect(new Comings(options).joined({ ...fact, nodeNumber: 12 })).toBe(12);
  const first = [...enrolled(world)].filter(({ kind }) => kind === 'nodeEnrolled');
  expect(first).toHaveLength(12);
});
