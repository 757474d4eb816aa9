// What tunnels carry raises the guess of a line, and does nothing else to it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { guessedDownBps, guessedUpBps } from '../../../../scheduler/core/limits.ts';
import { Homes } from './homes.ts';

const windowMs = 15_000;
/** Bytes that OpenVPN counts in a window for so much payload a second. */
const bytesFor = (bps: number): number => (bps * windowMs) / 8_000 / 0.9;

/** Each carries so much; then the scheduler looks. */
function carry(
  homes: Homes,
  loads: Readonly<Record<string, { down?: number; up?: number }>>,
): void {
  homes.nowMs += windowMs;
  for (const [name, { down = 0, up = 0 }] of Object.entries(loads)) {
    homes.carry(name, { down: bytesFor(down), up: bytesFor(up) });
  }
  homes.see();
}

function lineOf(homes: Homes): { readonly down: number; readonly up: number; source: string } {
  const [site] = homes.state.sites;
  if (site === undefined) throw new Error('there is no site');
  return { down: site.downBps, up: site.upBps, source: site.source };
}

const guess = { down: guessedDownBps, up: guessedUpBps, source: 'guessed' };

test.each([
  ['nothing is carried', {}, {}],
  ['less than the guess', { down: 1e6, up: 4e5 }, {}],
  ['hardly more than it', { down: 2.1e6, up: 5.2e5 }, {}],
  ['more, down', { down: 9e6 }, { down: 9e6 }],
  ['more, up', { up: 3e6 }, { up: 3e6 }],
  ['more, both', { down: 9e6, up: 3e6 }, { down: 9e6, up: 3e6 }],
])('%s', (_, load, wanted) => {
  const homes = new Homes();
  homes.come('pi', 'X');
  carry(homes, { pi: load });
  expect(lineOf(homes)).toEqual({ ...guess, ...wanted });
});

test('what the nodes behind one address carry at once is carried by one line', () => {
  const homes = new Homes();
  homes.come('pi1', 'X');
  homes.come('pi2', 'X');
  carry(homes, { pi1: { up: 4e5 }, pi2: { up: 4e5 } });
  expect(lineOf(homes)).toEqual({ ...guess, up: 8e5 });
});

test('an operator is believed', () => {
  const homes = new Homes();
  homes.come('pi', 'X', 'school');
  carry(homes, { pi: { down: 90e6, up: 90e6 } });
  expect(lineOf(homes)).toEqual({ down: 10e6, up: 1e6, source: 'declared' });
});

test('two homes that an operator takes for one have not the sum of their lines', () => {
  const homes = new Homes();
  homes.come('pi1', 'X');
  homes.come('pi2', 'Y');
  homes.say('pi2', 'home-pi1');
  carry(homes, { pi1: { up: 8e5 }, pi2: { up: 9e5 } });
  expect(lineOf(homes)).toEqual({ ...guess, up: 9e5 });
});

test('a node that is elsewhere for a while says nothing of the line at home', () => {
  const homes = new Homes();
  homes.come('pi', 'X');
  homes.connect('pi', 'Y');
  homes.see();
  carry(homes, { pi: { down: 90e6, up: 90e6 } });
  expect(lineOf(homes)).toEqual(guess);
});

test('a new connection counts from nothing, and counters that are read at once say nothing', () => {
  const homes = new Homes();
  homes.come('pi', 'X');
  homes.connect('pi', 'X');
  carry(homes, { pi: { up: 9e6 } });
  expect(lineOf(homes)).toEqual(guess);
  homes.nowMs += 1_000;
  homes.carry('pi', { down: 5e6, up: 5e6 });
  homes.see();
  expect(lineOf(homes)).toEqual(guess);
});

test('a guess never falls, and never exceeds what was carried at most', () => {
  const load = fc.record({ down: fc.nat(50e6), up: fc.nat(20e6) });
  fc.assert(
    fc.property(fc.array(load, { maxLength: 12 }), (loads) => {
      const homes = new Homes();
      homes.come('pi', 'X');
      const most = { down: guessedDownBps, up: guessedUpBps };
      for (const each of loads) {
        const before = lineOf(homes);
        carry(homes, { pi: each });
        most.down = Math.max(most.down, each.down);
        most.up = Math.max(most.up, each.up);
        const { down, up } = lineOf(homes);
        expect(down).toBeGreaterThanOrEqual(before.down);
        expect(up).toBeGreaterThanOrEqual(before.up);
        expect(down).toBeLessThanOrEqual(most.down + 1);
        expect(up).toBeLessThanOrEqual(most.up + 1);
      }
    }),
  );
});
