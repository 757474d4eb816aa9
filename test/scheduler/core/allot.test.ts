// A household's bytes of a month, split among its Pis: whatever is lost or late, and whoever is silent, together
// they keep to what their owner allows.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeId, siteId } from '../../../scheduler/core/index.ts';
import { CoreHarness } from './harness.ts';

const gb = 1e9;

class Household {
  readonly core = new CoreHarness();
  /** What each Pi keeps to, and has used. */
  readonly pis = new Map<string, { allotmentBytes: number; usedBytes: number }>();
  /** What is on its way to a Pi, the oldest first. */
  readonly #onTheWay: { readonly name: string; readonly bytes: number }[] = [];

  constructor(names: readonly string[]) {
    this.core.setSite('home', 1e9);
    for (const name of names) this.join(name);
  }

  join(name: string, site = 'home'): void {
    if (site !== 'home') this.core.setSite(site, 1e9);
    this.core.node(name, site);
    this.pis.set(name, { allotmentBytes: 0.05 * 10 * gb, usedBytes: 0 });
  }

  report(name: string, capBytes = 10 * gb): void {
    const pi = this.pis.get(name);
    if (pi === undefined) return;
    this.core.speak(name, {
      status: {
        ...{ load: 0, memoryAvailableBytes: 1e9, diskAvailableBytes: 1e10, temperatureC: 40 },
        ...{ uplink: null, isAccepting: true, notAccepting: null, slots: 4, hoursLeftMs: null },
        ...{ refuses: [], month: { capBytes, ...pi } },
      },
    });
    for (const { nodeId, bytes } of this.core.take('allot')) {
      this.#onTheWay.push({ name: nodeId, bytes });
    }
  }

  /** The oldest word arrives, or is lost. */
  deliver(isLost = false): void {
    const word = this.#onTheWay.shift();
    const pi = word === undefined ? undefined : this.pis.get(word.name);
    if (word !== undefined && pi !== undefined && !isLost) pi.allotmentBytes = word.bytes;
  }

  use(name: string, part: number): void {
    const pi = this.pis.get(name);
    if (pi === undefined) return;
    pi.usedBytes += Math.floor(part * Math.max(0, pi.allotmentBytes - pi.usedBytes));
  }

  /** All report, and all that is said arrives, until nothing is said any more. */
  settle(capBytes = 10 * gb): void {
    for (let round = 0; round < 10; round += 1) {
      for (const name of this.pis.keys()) {
        this.report(name, capBytes);
        while (this.#onTheWay.length > 0) this.deliver();
      }
    }
  }

  get allotted(): readonly number[] {
    return [...this.pis.values()].map(({ allotmentBytes }) => allotmentBytes / gb);
  }
}

describe('a household', () => {
  test('of one Pi has all of it', () => {
    const home = new Household(['attic']);
    home.settle();
    expect(home.allotted).toEqual([10]);
  });

  test('of two has half each, whoever came first', () => {
    const home = new Household(['attic']);
    home.settle();
    home.join('cellar');
    home.settle();
    expect(home.allotted.map((each) => Math.round(each))).toEqual([5, 5]);
  });

  test('of Pis that each had all, since they seemed to be alone, leaves each its part at once', () => {
    const home = new Household(['attic']);
    home.settle();
    for (const name of ['cellar', 'shed', 'loft']) home.join(name, `house-${name}`);
    home.settle();
    expect(home.allotted).toEqual([10, 10, 10, 10]);
    for (const name of ['cellar', 'shed', 'loft']) {
      const [node, site] = [nodeId(name), siteId('home')];
      home.core.give({ kind: 'setNodeSite', nodeId: node, siteId: site });
    }
    for (const name of ['loft', 'shed', 'cellar', 'attic']) {
      home.report(name);
      home.deliver();
      expect(home.pis.get(name)?.allotmentBytes, name).toBe(2.5 * gb);
    }
  });

  test('gives what one does not need to the one that does', () => {
    const home = new Household(['attic', 'cellar']);
    home.settle();
    home.use('attic', 0.9);
    home.settle();
    const [attic = 0, cellar = 0] = home.allotted;
    expect(attic).toBeGreaterThan(7);
    expect(attic + cellar).toBeLessThanOrEqual(10);
  });

  test('whose owner allows less, on any of its Pis, keeps to less', () => {
    const home = new Household(['attic', 'cellar']);
    home.settle();
    home.settle(4 * gb);
    expect(home.allotted).toEqual([2, 2]);
  });

  test('has a part set aside for a Pi that says nothing', () => {
    const home = new Household(['attic', 'cellar']);
    for (let round = 0; round < 3; round += 1) {
      home.report('attic');
      home.deliver();
    }
    expect(home.allotted[0]).toBe(5);
  });
});

test('whatever comes between, together they never may use more than their owner allows', () => {
  const names = ['attic', 'cellar', 'shed'];
  const step = fc.oneof(
    fc.record({ kind: fc.constant('report' as const), name: fc.constantFrom(...names) }),
    fc.record({ kind: fc.constantFrom('arrive' as const, 'lose' as const) }),
    fc.record({
      kind: fc.constant('use' as const),
      name: fc.constantFrom(...names),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const home = new Household(names);
      for (const each of steps) {
        if (each.kind === 'report') home.report(each.name);
        else if (each.kind === 'use') home.use(each.name, each.part);
        else home.deliver(each.kind === 'lose');
        const most = [...home.pis.values()].map((pi) => Math.max(pi.allotmentBytes, pi.usedBytes));
        expect(most.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(10 * gb);
      }
    }),
  );
});
