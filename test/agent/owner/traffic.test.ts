// The bytes of a month: counted at the tunnel's device, whatever happens to it, and kept over starts, so that
// never less than was used is known.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { KeptFile } from '../../../agent/adapters/state/kept-file.ts';
import { Traffic, saveEveryBytes } from '../../../agent/adapters/owner/traffic.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-traffic-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const sys = join(folder, 'sys');
const device = join(sys, 'class/net/punnet');
const file = join(folder, 'traffic.json');
const november = new Date(2026, 10, 30);
const december = new Date(2026, 11, 1);

beforeEach(() => {
  rmSync(sys, { recursive: true, force: true });
  rmSync(file, { force: true });
});

function setDevice(bytes: number): void {
  mkdirSync(join(device, 'statistics'), { recursive: true });
  for (const name of ['rx_bytes', 'tx_bytes', 'rx_packets', 'tx_packets']) {
    writeFileSync(join(device, 'statistics', name), name === 'rx_bytes' ? `${bytes}\n` : '0\n');
  }
}

const open = (): Traffic => new Traffic({ kept: new KeptFile(file), sys });

test('a tunnel that goes, and comes again from 0, loses nothing', () => {
  const traffic = open();
  expect(traffic.look(november, 0)).toBe(0);
  setDevice(1_000);
  expect(traffic.look(november, 0)).toBe(0);
  setDevice(5_000);
  expect(traffic.look(november, 0)).toBe(4_000);
  rmSync(device, { recursive: true });
  expect(traffic.look(november, 0)).toBe(4_000);
  setDevice(300);
  expect(traffic.look(november, 0)).toBe(4_300);
});

test('packets count with what the line has around them, blobs with theirs, and time with pings', () => {
  const traffic = open();
  setDevice(0);
  traffic.look(november, 0);
  writeFileSync(join(device, 'statistics/tx_packets'), '10\n');
  expect(traffic.look(november, 0)).toBe(720);
  traffic.carried(1_000);
  expect(traffic.look(november, 0)).toBe(1_770);
  expect(traffic.look(november, 3_600_000)).toBe(14_270);
});

test('a new month begins at 0, and a clock that goes back does not', () => {
  const traffic = open();
  traffic.carried(1e6);
  expect(traffic.look(november, 0)).toBe(0);
  traffic.carried(1e6);
  expect(traffic.look(november, 0)).toBe(1.05e6);
  expect(traffic.look(december, 0)).toBe(0);
  traffic.carried(1e6);
  expect(traffic.look(november, 0)).toBe(1.05e6);
});

test('an agent that was killed counts what it may not have written', () => {
  const traffic = open();
  traffic.look(november, 0);
  traffic.carried(1e6);
  traffic.look(november, 0);
  traffic.stop();
  expect(open().look(november, 0)).toBe(1.05e6);
  // That one was not stopped.
  expect(open().look(november, 0)).toBe(1.05e6 + saveEveryBytes);
});

test('the disk is written once for each 20 MB, or hour', () => {
  const traffic = open();
  traffic.look(november, 0);
  const written = (): number => (JSON.parse(readFileSync(file, 'utf8')) as { bytes: number }).bytes;
  traffic.carried(10e6);
  traffic.look(november, 1);
  expect(written()).toBe(0);
  traffic.carried(10e6);
  traffic.look(november, 2);
  expect(written()).toBe(21e6);
  traffic.carried(10e6);
  traffic.look(november, 3_600_001);
  expect(written()).toBe(21e6);
  traffic.look(november, 3_600_002);
  expect(written()).toBe(31.5e6);
});

test('whatever comes between, never less than was used is known', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('carry' as const), bytes: fc.nat(30e6) }),
    fc.record({ kind: fc.constantFrom('stop' as const, 'kill' as const), bytes: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      rmSync(file, { force: true });
      let traffic = open();
      let used = 0;
      let known = traffic.look(november, 0);
      for (const { kind, bytes } of steps) {
        used += bytes;
        traffic.carried(bytes);
        known = traffic.look(november, 0);
        if (kind === 'stop') traffic.stop();
        if (kind !== 'carry') traffic = open();
      }
      known = traffic.look(november, 0);
      expect(known).toBeGreaterThanOrEqual(used);
    }),
    { numRuns: 50 },
  );
});
