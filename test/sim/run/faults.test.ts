// Lines, messages and the scheduler fail, from the seed; nothing that was known is lost, and when no
// more fails everything ends. What makes it so is seen to be needed.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import type { DurableFact } from '../../../scheduler/core/index.ts';
import { State, apply, defaultPolicy } from '../../../scheduler/core/index.ts';
import { MemoryDisk } from '../../../sim/kernel/memory-journal.ts';
import { enrolled } from '../../../sim/run/enrol.ts';
import { Faults } from '../../../sim/run/faults.ts';
import { Run } from '../../../sim/run/run.ts';
import { SchedulerDisk } from '../../../sim/run/scheduler-disk.ts';
import { simulate } from '../../../sim/run/simulate.ts';
import { Wire } from '../../../sim/run/wire.ts';
import { parseScenario, readScenario } from '../../../sim/scenario/read.ts';
import { drawWorld } from '../../../sim/world/draw-world.ts';
import { drawOutagesADay } from '../../../sim/world/line-faults.ts';
import { drawsFor } from '../../../sim/kernel/random.ts';

const scenario = 'test/fixtures/scenarios/tiny-faulty.yaml';
const world = drawWorld(readScenario(scenario), 1);
const solve = await openHighs();
const quiet = (): void => undefined;

// What fails is nothing to a policy: three of them stand for all.
test.each(['random', 'balance', 'ratio'])('%s: everything ends, whatever fails', async (policy) => {
  for (let seed = 1; seed <= 2; seed += 1) {
    const { summary } = await simulate({ scenario, policy, seed }, quiet);
    expect(summary.tasks, `seed ${seed}`).toBe(260);
    expect(summary.assumed.join()).toContain('lines, messages and the scheduler fail');
  }
});

test('the same seed, the same faults', async () => {
  const wanted = { scenario, policy: 'balance', seed: 4 };
  const { summary } = await simulate(wanted, quiet);
  expect((await simulate(wanted, quiet)).summary).toEqual(summary);
});

test('each kind of fault changes how a run goes', async () => {
  const text = readFileSync(scenario, 'utf8');
  const msWith = (kind: RegExp): number => {
    const kept = text
      .split('\n')
      .filter(
        (line) => !/^ {4}(outages|partitions|messages|restarts)/.test(line) || kind.test(line),
      );
    let sum = 0;
    for (const seed of [1, 2, 3]) {
      const drawn = drawWorld(parseScenario('x.yaml', kept.join('\n')), seed);
      const run = new Run(drawn, { policy: defaultPolicy, solve });
      while (!run.advance(1_000));
      sum += run.result().makespanMs;
    }
    return sum;
  };
  const least = msWith(/nothing/);
  for (const kind of [/partitions/, /messages/, /restarts/]) {
    expect(msWith(kind), String(kind)).not.toBe(least);
  }
});

/** All calls in order, until none is left. */
function runAll(begin: (callAt: (atMs: number, call: number) => void) => Faults): void {
  const calls: (readonly [atMs: number, call: number])[] = [];
  const faults = begin((atMs, call) => calls.push([atMs, call]));
  while (calls.length > 0) {
    calls.sort((a, b) => a[0] - b[0]);
    const [atMs, call] = calls.shift() ?? [0, 0];
    faults.due(call, atMs);
  }
}

test('what was cut is mended, and what died comes back; nothing begins to fail too late', () => {
  const cut = new Set<number>();
  let isDown = false;
  const seen = { cuts: 0, crashes: 0 };
  const { until = 0 } = world.faults ?? {};
  runAll(
    (callAt) =>
      new Faults({
        world,
        callAt,
        cut(site, now) {
          expect(cut.has(site)).toBe(false);
          expect(now).toBeLessThan(until);
          cut.add(site);
          seen.cuts += 1;
        },
        mend: (site) => expect(cut.delete(site)).toBe(true),
        crash() {
          isDown = true;
          seen.crashes += 1;
        },
        start: () => (isDown = false),
      }),
  );
  expect(cut.size).toBe(0);
  expect(isDown).toBe(false);
  expect(seen.cuts).toBeGreaterThan(3);
  expect(seen.crashes).toBeGreaterThan(3);
});

test('of many messages so many are lost, come twice and late as the scenario says', () => {
  const late: number[] = [];
  const wire = new Wire<number>({
    world,
    callAt: (atMs, call) => {
      expect(atMs).toBeGreaterThanOrEqual(0);
      expect(atMs).toBeLessThan(20_000);
      late.push(call);
    },
    isOpen: (message) => message !== 7,
  });
  const sent = Array.from({ length: 10_000 }, (_, index) => index);
  const now = wire.carry(sent, 0);
  const later = late.flatMap((call) => wire.due(call) ?? []);
  const copies = (message: number): number =>
    [now, later].reduce((sum, some) => sum + Number(some.includes(message)), 0);
  const counts = [0, 0, 0];
  for (const message of sent) counts[copies(message)] = (counts[copies(message)] ?? 0) + 1;
  expect((counts[0] ?? 0) / 10_000).toBeCloseTo(0.1, 1);
  expect((counts[2] ?? 0) / 10_000).toBeCloseTo(0.1, 1);
  expect(later.length / 10_000).toBeCloseTo(0.2, 1);
  expect(copies(7)).toBe(0);
  expect(wire.carry(sent.slice(0, 5), world.faults?.until ?? 0)).toEqual([0, 1, 2, 3, 4]);
});

test('homes lose their lines as often as those of the panel', () => {
  const draw = drawsFor('faults', 3);
  const rates = Array.from({ length: 20_000 }, () => drawOutagesADay(draw)).sort((a, b) => a - b);
  expect(rates[10_000]).toBeCloseTo(0.133, 1);
  expect(rates[18_000]).toBeCloseTo(0.767, 1);
  expect(rates[19_800]).toBeGreaterThan(6.5);
});

/** Forgets one batch. */
class Leaky extends MemoryDisk {
  override write(frame: Buffer): void {
    if (this.batchCount !== 1) super.write(frame);
    else super.write(Buffer.from(this.frames[0] ?? frame));
  }
}

test('a scheduler that comes back without a batch is caught', () => {
  const state = new State();
  for (const fact of enrolled(world)) apply(state, fact);
  const ends = (disk: MemoryDisk): State => {
    const journal = new SchedulerDisk(state, disk);
    for (const nodeNumber of [0, 1]) {
      const fact: DurableFact = {
        kind: 'nodeHealthChanged',
        at: state.latest,
        nodeNumber,
        health: nodeNumber === 0 ? 'suspect' : 'lost',
      };
      apply(state, fact);
      journal.write([fact], state);
    }
    return journal.restored(state);
  };
  expect(ends(new MemoryDisk()).nodes[1]?.health).toBe('lost');
  for (const node of [0, 1]) {
    apply(state, { kind: 'nodeHealthChanged', at: state.latest, nodeNumber: node, health: 'new' });
  }
  expect(() => ends(new Leaky())).toThrow(/restart: the scheduler came back with other nodes/);
});
