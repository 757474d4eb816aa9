// An input that was born at a site crosses that site's line too, wherever else its task runs.

import { beforeEach, expect, test } from 'vitest';
import type { LeaseId } from '../../../scheduler/core/index.ts';
import { leaseId } from '../../../scheduler/core/index.ts';
import { relayWindowSeconds } from '../../../scheduler/core/limits.ts';
import { CoreHarness } from './harness.ts';

const sizeBytes = 1e6;
let core: CoreHarness;
let id: LeaseId;

beforeEach(() => {
  core = new CoreHarness();
  for (const [name, bps] of [
    ['reserve', 0.5e6],
    ['town', 20e6],
  ] as const) {
    core.setSite(name, bps);
  }
  core.node('pi', 'town');
  const home = core.state.sites.findIndex((each) => String(each.siteId) === 'reserve');
  core.submit('pictures', { taskCount: 1, home, taskInputBytes: [sizeBytes] });
  id = core.take('grant')[0]?.leaseId ?? leaseId(0);
});

function want(): void {
  core.speak('pi', { transfersWanted: [{ leaseId: id, direction: 'down', sizeBytes }] });
}

const deadlines = (): readonly number[] =>
  core.state.sites
    .flatMap(({ lanes }) => [lanes.down.active.get(id), lanes.up.active.get(id)])
    .filter((each) => each !== undefined);

test('one that is asked for again has as long as the thinner line needs', () => {
  want();
  expect(core.take('transfer')).toHaveLength(1);
  const first = deadlines();
  expect(first).toHaveLength(2);
  want();
  expect(deadlines()).toEqual(first);
});

test('nothing comes over the line of its home while that is measured, and goes on after it', () => {
  const home = core.state.sites.findIndex((each) => String(each.siteId) === 'reserve');
  core.state.heldSite = home;
  want();
  expect(core.take('transfer')).toEqual([]);
  core.state.heldSite = home;
  core.wait(60_000);
  expect(core.state.heldSite).toBeNull();
  expect(core.take('transfer')).toHaveLength(1);
});

test('others take as many as its line carries in two minutes, so that it has work while these wait for their own', () => {
  const home = core.state.sites.findIndex((each) => String(each.siteId) === 'reserve');
  for (let count = 0; count < 30; count += 1) core.node(`more${count}`, 'town');
  core.take('grant');
  core.submit('more', { taskCount: 40, home, taskInputBytes: Array<number>(40).fill(sizeBytes) });
  core.wait(5_000);
  const bps = core.state.sites[home]?.upBps ?? 0;
  // One is there already.
  const inHand = (1 + core.take('grant').length) * ((8 * sizeBytes) / bps);
  expect(inHand).toBeGreaterThan(relayWindowSeconds);
  expect(inHand).toBeLessThan(relayWindowSeconds + (2 * 8 * sizeBytes) / bps);
});
