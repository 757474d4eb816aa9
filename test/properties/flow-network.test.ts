// What must hold of the network after each of any changes: no link carries more than it can, no flow
// could grow without shrinking one that has no more than it, rates are what they would be if computed
// anew, and every byte arrives once.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlowNetwork } from '../../sim/network/flow-network.ts';
import { ratesFromScratch } from '../sim/network/from-scratch.ts';
import { propertyRuns } from '../property-runs.ts';

const numRuns = propertyRuns(200);
const close = 1e-9;

type Change =
  | { readonly kind: 'start'; readonly path: readonly number[]; readonly bytes: number }
  /** Which of those under way, as a part of their number. */
  | { readonly kind: 'cancel'; readonly which: number }
  | { readonly kind: 'capacity'; readonly link: number; readonly capacity: number }
  /** How far towards the next completion; 1 reaches it. */
  | { readonly kind: 'wait'; readonly part: number };

interface Story {
  readonly capacities: readonly number[];
  readonly changes: readonly Change[];
}

interface FlowNow {
  readonly id: number;
  readonly path: readonly number[];
  left: number;
}

/** Few different values, so that links and flows are often equal. */
const capacity = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 12 }) },
  { weight: 2, arbitrary: fc.double({ min: 0.001, max: 1e6, noNaN: true }) },
  { weight: 1, arbitrary: fc.constant(0) },
);
const part = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const bytes = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.double({ min: 1, max: 1e9, noNaN: true }),
);

const story: fc.Arbitrary<Story> = fc
  .array(capacity, { minLength: 1, maxLength: 12 })
  .chain((capacities) => {
    const link = fc.nat({ max: capacities.length - 1 });
    const path = fc.uniqueArray(link, { minLength: 1, maxLength: Math.min(5, capacities.length) });
    const change = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('start' as const), path, bytes }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: part }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('capacity' as const), link, capacity }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('wait' as const),
          part: fc.oneof(fc.constant(1), part),
        }),
      },
    );
    return fc.record({
      capacities: fc.constant(capacities),
      changes: fc.array(change, { minLength: 1, maxLength: 60 }),
    });
  });

/** The network beside plain arithmetic that follows the rates it gives. */
class Beside {
  readonly network = new FlowNetwork();
  readonly capacities: number[];
  flows: FlowNow[] = [];
  /** All that can be seen of the network, for comparing two runs. */
  readonly seen: number[] = [];

  constructor(capacities: readonly number[]) {
    this.capacities = [...capacities];
    for (const each of capacities) this.network.addLink(each);
  }

  change(change: Change): void {
    const { network, flows } = this;
    if (change.kind === 'start') {
      const { path, bytes } = change;
      flows.push({ id: network.start(path, bytes), path, left: bytes });
    } else if (change.kind === 'capacity') {
      this.capacities[change.link] = change.capacity;
      network.setCapacity(change.link, change.capacity);
    } else if (change.kind === 'wait') {
      this.#wait(change.part);
    } else {
      const [flow] = flows.splice(Math.floor(change.which * flows.length), 1);
      if (flow !== undefined) expectClose(network.cancel(flow.id), flow.left, flow.left + 1);
    }
  }

  rates(): readonly number[] {
    return this.flows.map(({ id }) => this.network.rate(id));
  }

  #wait(part: number): void {
    const { network } = this;
    const next = network.nextCompletion();
    if (next === Infinity) return;
    const span = (next - network.now) * part;
    const rates = this.rates();
    const ended = network.advance(part === 1 ? next : network.now + span);
    this.seen.push(network.now, ...ended);
    for (const [index, flow] of this.flows.entries()) flow.left -= (rates[index] ?? 0) * span;
    // What rounding of the instant is worth in bytes.
    const unsure = (rate = 0) => rate * network.now * 1e-14;
    for (const [index, { id, left }] of this.flows.entries()) {
      const room = close * (1 + Math.abs(left)) + unsure(rates[index]);
      if (ended.includes(id)) expect(Math.abs(left)).toBeLessThanOrEqual(room + 1e-6);
      else expect(network.bytesLeft(id)).toBeGreaterThanOrEqual(Math.max(0, left - room - 1e-6));
    }
    if (part === 1) expect(ended.length).toBeGreaterThan(0);
    this.flows = this.flows.filter(({ id }) => !ended.includes(id));
  }
}

function expectClose(found: number, wanted: number, scale: number): void {
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(1e-6 * scale);
}

/** Runs a story and looks after each change. */
function follow({ capacities, changes }: Story, look: (beside: Beside) => void): Beside {
  const beside = new Beside(capacities);
  for (const change of changes) {
    beside.change(change);
    look(beside);
  }
  return beside;
}

// fast-check prints the seed of a run that fails.
describe('after each of any changes', () => {
  test('rates are those that a computation from scratch gives', () => {
    check((beside) => {
      const paths = beside.flows.map(({ path }) => path);
      const wanted = ratesFromScratch(beside.capacities, paths);
      const rates = beside.rates();
      for (const [index, rate] of rates.entries()) {
        const own = wanted[index] ?? Number.NaN;
        expect(Math.abs(rate - own)).toBeLessThanOrEqual(close * own);
      }
    });
  });

  test('no link carries more than it can, and each flow has the most on a full one', () => {
    check((beside) => {
      const rates = beside.rates();
      const loads = beside.capacities.map(() => 0);
      const most = beside.capacities.map(() => 0);
      for (const [index, { path }] of beside.flows.entries()) {
        const rate = rates[index] ?? Number.NaN;
        for (const link of path) {
          loads[link] = (loads[link] ?? 0) + rate;
          most[link] = Math.max(most[link] ?? 0, rate);
        }
      }
      for (const [link, load] of loads.entries()) {
        expect(load).toBeLessThanOrEqual((beside.capacities[link] ?? 0) * (1 + close));
      }
      for (const [index, { path }] of beside.flows.entries()) {
        const rate = rates[index] ?? Number.NaN;
        const isHeld = path.some((link) => {
          const isFull = (loads[link] ?? 0) >= (beside.capacities[link] ?? 0) * (1 - close);
          return isFull && rate >= (most[link] ?? 0) * (1 - close);
        });
        expect(isHeld).toBe(true);
      }
    });
  });

  test('what is left of a flow is what its rates have not brought yet; it ends at nothing', () => {
    check(({ network, flows }) => {
      for (const { id, left } of flows) expectClose(network.bytesLeft(id), left, left + 1);
    });
  });

  test('a second run sees the same numbers to the last bit', () => {
    fc.assert(
      fc.property(story, (drawn) => {
        const nothing = (): void => undefined;
        expect(follow(drawn, nothing).seen).toEqual(follow(drawn, nothing).seen);
      }),
      { numRuns },
    );
  });
});

function check(look: (beside: Beside) => void): void {
  fc.assert(
    fc.property(story, (drawn) => void follow(drawn, look)),
    { numRuns },
  );
}
