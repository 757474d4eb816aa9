// A node that changes site takes its leases along: what they still add goes from one line's backlog to the
// other's, and nothing is counted twice or lost.

import { expect, test } from 'vitest';
import type { LeaseId, TransferWanted } from '../../../../scheduler/core/index.ts';
import { imageOf, nodeId, siteId, stateOf } from '../../../../scheduler/core/index.ts';
import { heldBy } from '../harness.ts';
import { Homes } from './homes.ts';
import { sumsOfLeases, sumsOfSites } from './sums.ts';

/** Two nodes at one site with leases, one of them about to move; another site. */
function working(): { readonly homes: Homes; readonly leases: readonly LeaseId[] } {
  const homes = new Homes();
  homes.come('stays', 'X', 'school');
  homes.come('goes', 'X', 'school');
  homes.come('other', 'Y', 'library');
  homes.submit('job', {
    ...{ taskCount: 16, taskInputBytes: new Array<number>(16).fill(1_000_000) },
    profile: { workGhzSeconds: 100, outputBytes: 500_000 },
  });
  const leases = heldBy(homes.state.nodes[1]);
  expect(leases.length).toBeGreaterThan(1);
  return { homes, leases };
}

function wanted(leaseId: LeaseId | undefined): readonly TransferWanted[] {
  if (leaseId === undefined) throw new Error('it has no lease');
  return [{ leaseId, direction: 'down', sizeBytes: 1_000_000 }];
}

test('backlogs, transfers and slots are of the new site', () => {
  const { homes, leases } = working();
  const before = sumsOfSites(homes.state);
  for (const lease of leases) homes.speak('goes', { transfersWanted: wanted(lease) });
  const [, goes] = homes.state.nodes;
  homes.say('goes', 'library');
  expect(heldBy(goes)).toEqual(leases);
  expect(sumsOfSites(homes.state)).toEqual(sumsOfLeases(homes.state));
  expect(sumsOfSites(homes.state)).not.toEqual(before);
  const [school, library] = homes.state.sites;
  expect([school?.nodeNumbers, library?.nodeNumbers]).toEqual([[0], [1, 2]]);
  expect([school?.cpuGhz, library?.cpuGhz]).toEqual([4.8, 9.6]);
  const lanes = (site = school): readonly number[] => [
    site?.lanes.down.active.size ?? 0,
    site?.lanes.down.queue.size ?? 0,
  ];
  expect(lanes(school)).toEqual([0, 0]);
  expect(lanes(library)).toEqual([2, leases.length - 2]);
});

test('its tasks end as they would have, and its transfers go on at the new line', () => {
  const { homes, leases } = working();
  for (const lease of leases) homes.speak('goes', { transfersWanted: wanted(lease) });
  homes.take('transfer');
  homes.say('goes', 'library');
  const [first] = leases;
  if (first === undefined) throw new Error('it has no lease');
  homes.speak('goes', { transfersDone: [{ leaseId: first, direction: 'down' }] });
  expect(homes.take('transfer')).toHaveLength(1);
  for (const lease of leases) homes.end('goes', lease, 'succeeded');
  expect(sumsOfSites(homes.state)).toEqual(sumsOfLeases(homes.state));
  expect(homes.state.nodes[1]?.tasksSucceeded).toBe(leases.length);
});

test('after a restart the sums are the same', () => {
  const { homes } = working();
  homes.say('goes', 'library');
  expect(sumsOfSites(stateOf(imageOf(homes.state)))).toEqual(sumsOfSites(homes.state));
});

test('what tunnels carry counts where the node was, from when it is seen first', () => {
  const homes = new Homes();
  for (const name of ['a', 'b']) homes.come(name, 'X', 'school');
  const carried = (site: string): unknown => homes.view.site(siteId(site))?.tunnelBytes;
  homes.carry('a', { up: 100, down: 1_000 });
  homes.carry('b', { up: 10, down: 20 });
  homes.minutes(1);
  expect(carried('school')).toEqual({ up: 110, down: 1_020 });
  homes.minutes(1);
  expect(carried('school')).toEqual({ up: 110, down: 1_020 });
  // It connects again: its counters begin anew.
  homes.connect('b', 'Y');
  homes.carry('b', { up: 5, down: 7 });
  homes.minutes(11);
  expect(carried('school')).toEqual({ up: 115, down: 1_027 });
  homes.carry('b', { up: 1, down: 2 });
  homes.minutes(1);
  expect([carried('school'), carried('home-b')]).toEqual([
    { up: 115, down: 1_027 },
    { up: 1, down: 2 },
  ]);
});

test('a connection that was replaced tells nothing', () => {
  const homes = new Homes();
  homes.come('a', 'X');
  homes.come('b', 'X');
  const old = homes.see();
  homes.nowMs += 1_000;
  homes.connect('b', 'Y');
  homes.see();
  const heard = old.facts.flatMap((fact) => (fact.kind === 'tunnelsHeard' ? fact.heard : []));
  const tunnels = heard.map(({ nodeNumber, sight }) => ({
    ...sight,
    nodeId: nodeId(homes.state.nodes[nodeNumber]?.name ?? ''),
  }));
  homes.give({ kind: 'tunnelsSeen', slice: 2, tunnels });
  expect(homes.state.nodes[1]?.sight?.natGroup).toBe('Y');
});
