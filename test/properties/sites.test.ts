// Whatever nodes do and whatever is said of them: each is at exactly one site, one address is one site
// unless somebody says otherwise, and what sites count is what their nodes' leases add up to.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { imageOf, nodeId, stateOf } from '../../scheduler/core/index.ts';
import type { NodeRecord, State } from '../../scheduler/core/state.ts';
import { propertyRuns } from '../property-runs.ts';
import { heldBy } from '../scheduler/core/harness.ts';
import { Homes } from '../scheduler/core/sites/homes.ts';
import { sumsOfLeases, sumsOfSites } from '../scheduler/core/sites/sums.ts';

const node = fc.nat({ max: 5 }).map((number) => `n${number}`);
const address = fc.constantFrom('X', 'Y', 'Z');
const site = fc.constantFrom('school', 'library');
const step = fc.oneof(
  fc.record({ kind: fc.constant('come'), node, address, site: fc.option(site) }),
  fc.record({ kind: fc.constant('connect'), node, address }),
  fc.record({ kind: fc.constant('disconnect'), node }),
  fc.record({ kind: fc.constant('wait'), minutes: fc.integer({ min: 1, max: 15 }) }),
  fc.record({ kind: fc.constant('say'), node, site: fc.option(site) }),
  fc.record({ kind: fc.constant('submit'), tasks: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ kind: fc.constant('end'), node }),
  fc.record({ kind: fc.constant('want'), node }),
  fc.record({ kind: fc.constant('prove'), node, other: node }),
  fc.record({ kind: fc.constant('dwell'), node, word: fc.option(fc.constantFrom('fig', 'pear')) }),
  fc.record({ kind: fc.constant('restart') }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function take(homes: Homes, each: Step): void {
  const isThere = 'node' in each && homes.state.nodes.some(({ name }) => name === each.node);
  switch (each.kind) {
    case 'come':
      if (!isThere) homes.come(each.node, each.address, each.site ?? undefined);
      return;
    case 'connect':
      if (isThere) homes.connect(each.node, each.address);
      return;
    case 'dwell':
      if (isThere) homes.dwell(each.node, each.word);
      return;
    case 'disconnect':
      return homes.disconnect(each.node);
    case 'wait':
      return homes.minutes(each.minutes);
    case 'say':
      return void homes.say(each.node, each.site);
    case 'submit':
      return void homes.submit(`job ${homes.state.nextJobNumber}`, {
        ...{ taskCount: each.tasks, taskInputBytes: new Array<number>(each.tasks).fill(1e6) },
        profile: { workGhzSeconds: 10, outputBytes: 1e6 },
      });
    case 'prove': {
      const ids = { serverId: nodeId(each.node), fetcherId: nodeId(each.other) };
      homes.give({ kind: 'lanProved', ...ids });
      return;
    }
    case 'restart':
      homes.state = stateOf(imageOf(homes.state));
      return;
    default:
      if (isThere) work(homes, each);
  }
}

function work(
  homes: Homes,
  { kind, node: name }: { readonly kind: string; readonly node: string },
) {
  const [lease] = heldBy(homes.state.nodes.find((other) => other.name === name));
  if (lease === undefined) return;
  if (kind === 'end') homes.end(name, lease, 'succeeded');
  else {
    const transfersWanted = [{ leaseId: lease, direction: 'down', sizeBytes: 1e6 } as const];
    homes.speak(name, { transfersWanted });
  }
}

const steps = fc.array(step, { minLength: 5, maxLength: 40 });

/** Holds whatever has happened to the homes. */
function always(check: (homes: Homes) => void): void {
  fc.assert(
    fc.property(steps, (all) => {
      const homes = new Homes();
      homes.setSite('school', 10e6, 1e6);
      for (const each of all) {
        take(homes, each);
        check(homes);
      }
    }),
    { numRuns: propertyRuns(60) },
  );
}

test('each node is at exactly one site, and what sites count is what their nodes’ leases are', () => {
  always(({ state }) => {
    expect(sumsOfSites(state)).toEqual(sumsOfLeases(state));
    const listed = state.sites.flatMap(({ nodeNumbers }) => nodeNumbers);
    expect(listed.toSorted((a, b) => a - b)).toEqual([...state.nodes.keys()]);
    lanesAreOfTheirNodes(state);
  });
});

test('nodes of one address of which nobody said where they are are at one site: the one that is named, if one is', () => {
  always(({ state }) => {
    for (const members of state.natGroups.values()) mustBeTogether(state, members);
  });
});

/** What happens behind the addresses of two carriers. */
const few = fc.nat({ max: 2 }).map((number) => `n${number}`);
const carrier = fc.constantFrom('X', 'Y');
const behindCarriers = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('come'), node: few, address: carrier, site: fc.constant(null) }),
    fc.record({ kind: fc.constant('dwell'), node: few, word: fc.constantFrom('fig', 'fig', null) }),
    fc.record({ kind: fc.constant('connect'), node: few, address: carrier }),
    fc.record({ kind: fc.constant('wait'), minutes: fc.integer({ min: 1, max: 15 }) }),
    fc.record({ kind: fc.constant('prove'), node: few, other: few }),
    fc.record({ kind: fc.constant('restart') }),
  ),
  { minLength: 20, maxLength: 40 },
);

test('an owner’s word puts a node only to where another of its address is that says the same', () => {
  let times = 0;
  fc.assert(
    fc.property(behindCarriers, (all) => {
      const homes = new Homes();
      for (const at of ['X', 'Y']) {
        for (const name of ['school', 'library']) homes.come(`${name} ${at}`, at, name);
      }
      for (const each of all) {
        take(homes, each);
        homes.see();
        times += mustBeWithTheirs(homes.state);
      }
    }),
    { numRuns: propertyRuns(60) },
  );
  expect(times).toBeGreaterThan(0);
});

/** Returns how many are where they are by their owner's word. */
function mustBeWithTheirs({ nodes }: State): number {
  const by = nodes.filter(({ sitedBy }) => sitedBy === 'owner');
  for (const { natGroup, siteNumber, inventory } of by) {
    const same = nodes.filter(
      (other) => other.natGroup === natGroup && other.inventory.household === inventory.household,
    );
    expect(inventory.household).toBeDefined();
    expect(same.filter((other) => other.siteNumber === siteNumber).length).toBeGreaterThan(1);
  }
  return by.length;
}

test('what is seen or said again changes nothing', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const homes = new Homes();
      for (const each of all) {
        take(homes, each);
        homes.see();
        const places = homes.places.join(', ');
        expect(homes.see().facts.filter(({ kind }) => kind !== 'tunnelsHeard')).toEqual([]);
        for (const { name, sitedBy, siteNumber } of homes.state.nodes) {
          if (sitedBy === 'operator') homes.say(name, homes.state.sites[siteNumber]?.siteId ?? '');
          else homes.say(name, null);
        }
        expect(homes.places.join(', ')).toBe(places);
      }
    }),
    { numRuns: propertyRuns(40) },
  );
});

function mustBeTogether(state: State, members: ReadonlySet<number>): void {
  const nodes = [...members].map((number) => state.nodes[number]);
  const told = new Set(
    nodes.filter((each) => isTold(each?.sitedBy)).map((each) => each?.siteNumber),
  );
  // Behind a carrier.
  if (told.size > 1) return eachLanIsTogether(nodes);
  const others = nodes.filter((each) => !isTold(each?.sitedBy)).map((each) => each?.siteNumber);
  expect(new Set([...told, ...others]).size).toBe(1);
}

/** Unless it is of two sites by somebody's word. */
function eachLanIsTogether(nodes: readonly (NodeRecord | undefined)[]): void {
  const lans = new Set(nodes.map((each) => each?.lan ?? null).filter((lan) => lan !== null));
  for (const lan of lans) {
    const members = nodes.filter((each) => each?.lan === lan);
    const told = members.filter((each) => isSaid(each?.sitedBy)).map((each) => each?.siteNumber);
    const others = members.filter((each) => !isSaid(each?.sitedBy)).map((each) => each?.siteNumber);
    if (new Set(told).size < 2) expect(new Set([...told, ...others]).size).toBe(1);
  }
}

/** The owner's word outranks a LAN, too. */
function isSaid(by: string | undefined): boolean {
  return isTold(by) || by === 'owner';
}

function isTold(by: string | undefined): boolean {
  return by === 'operator' || by === 'token';
}

function lanesAreOfTheirNodes(state: State): void {
  for (const { number, lanes } of state.sites) {
    for (const { queue, active } of [lanes.down, lanes.up]) {
      for (const leaseId of [...queue.keys(), ...active.keys()]) {
        const lease = state.leases.get(leaseId);
        expect(state.nodes[lease?.nodeNumber ?? -1]?.siteNumber).toBe(number);
      }
    }
  }
}
