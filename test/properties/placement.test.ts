// Never a false "no fit": after each round of placement, whatever has happened, no waiting task and
// no node with a free place are left that would take each other, as a look at all pairs shows; and the
// indexes hold exactly what nodes have.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobTemplate, NodeStatus } from '../../scheduler/core/index.ts';
import { imageOf, instant, nodeId, policyMakers, stateOf } from '../../scheduler/core/index.ts';
import { taskState } from '../../scheduler/core/columns.ts';
import { isOpen, slotsOf } from '../../scheduler/core/leases.ts';
import type { MonthBytes } from '../../scheduler/core/model/node.ts';
import { leasesPerSlot } from '../../scheduler/core/limits.ts';
import { fitOf, kindOf } from '../../scheduler/core/placement/open/kind.ts';
import { isSuited, refuseSuited } from '../../scheduler/core/placement/filter.ts';
import { NodeTasks } from '../../scheduler/core/placement/plan/node-tasks.ts';
import { Round } from '../../scheduler/core/placement/round.ts';
import { refuseQuota } from '../../scheduler/core/queue/refuse.ts';
import { asOf, isResting } from '../../scheduler/core/services.ts';
import type { JobRecord, NodeRecord, State } from '../../scheduler/core/state.ts';
import { CoreHarness, heldBy, pi3, template } from '../scheduler/core/harness.ts';
import { sumsOfLeases, sumsOfSites } from '../scheduler/core/sites/sums.ts';
import { propertyRuns } from '../property-runs.ts';

/** `npm run fuzz` asks for many more. */
const numRuns = propertyRuns(60);

const policies = ['fifo', 'balance', 'count-limit', 'down-filter', 'least-allocated', 'bin-pack'];
const nodes = 6;

// Around the borders of classes, and on them.
const memory = fc.constantFrom(64e6, 107e6, 108e6, 127e6, 128e6, 129e6, 512e6, 1e9);
const disk = fc.constantFrom(99e6, 100e6, 127e6, 128e6, 130e6, 1e10);
const architecture = fc.constantFrom('armv6l' as const, 'armv7l' as const, 'aarch64' as const);
const which = fc.nat({ max: 20 });

/** Most are alike, so that kinds have several nodes, and other reasons than these get their turn. */
const mostly = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, other);
const inventory = fc.record({
  architecture: mostly('aarch64' as const, architecture),
  memoryBytes: mostly(1e9, memory),
  diskBytes: disk,
  slots: fc.integer({ min: 1, max: 2 }),
  speedGhz: mostly(1.2, fc.constantFrom(0.39, 0.4, 0.41)),
});
const told = fc.record({
  isAccepting: fc.boolean(),
  diskAvailableBytes: disk,
  slots: fc.integer({ min: 0, max: 2 }),
  hoursLeftMs: fc.option(fc.constantFrom(60_000, 3_600_000)),
  refuses: mostly<readonly string[]>([], fc.constant(['ada'])),
  allowsInternet: fc.boolean(),
  month: fc.constantFrom(0, 1, 15e6).map(monthOf),
});
const wanted = fc.record({
  memoryBytes: mostly(64e6, memory),
  diskBytes: mostly(99e6, disk),
  taskCount: fc.integer({ min: 1, max: 8 }),
  architecture: mostly('armv6l' as const, architecture),
  priority: fc.nat({ max: 1 }),
  inputBytes: fc.constantFrom(0, 20e6, 20e6),
  internetBytes: mostly(0, fc.constantFrom(1e4, 10e6)),
  service: fc.constantFrom(
    ...[null, null, null, null],
    ...[0.3, 0.405].map((cpuGhz) => ({ cpuGhz, downBps: 0, upBps: 0.5e6 })),
  ),
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('submit' as const), wanted }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('end' as const), which }) },
  fc.record({ kind: fc.constant('fail' as const), which }),
  fc.record({ kind: fc.constant('giveBack' as const), which }),
  fc.record({ kind: fc.constant('fetched' as const), which }),
  fc.record({ kind: fc.constant('started' as const), which }),
  fc.record({ kind: fc.constant('exited' as const), which }),
  fc.record({ kind: fc.constant('report' as const), which, told }),
  fc.record({ kind: fc.constant('inventory' as const), which, inventory }),
  fc.record({ kind: fc.constant('drain' as const), which, isDraining: fc.boolean() }),
  fc.record({ kind: fc.constant('disconnect' as const), which }),
  fc.record({ kind: fc.constant('speak' as const), which }),
  fc.record({ kind: fc.constant('cancel' as const), which }),
  fc.record({ kind: fc.constant('quota' as const), most: fc.option(fc.nat({ max: 8 })) }),
  fc.record({ kind: fc.constant('line' as const), bps: fc.constantFrom(1e6, 100e6) }),
  fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 40, 2_000) }),
  fc.record({ kind: fc.constant('restart' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

test('no task waits beside a node that would take it, whatever has happened', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...policies),
      fc.array(inventory, { minLength: nodes, maxLength: nodes }),
      fc.array(step, { maxLength: 40 }),
      (policy, inventories, steps) => {
        const core = new CoreHarness();
        const maker = policyMakers.get(policy);
        core.policy = maker?.make(maker.parameter?.values[0] ?? 0) ?? core.policy;
        for (const site of ['home', 'school']) core.setSite(site, 10e6, 1e6);
        for (const [number, each] of inventories.entries()) {
          core.node(`n${number}`, number < 3 ? 'home' : 'school', { ...pi3, ...each });
        }
        for (const [number, each] of steps.entries()) {
          take(core, each, number);
          checkIndex(core.state);
          checkShortcuts(core);
          expect(sumsOfSites(core.state)).toEqual(sumsOfLeases(core.state));
          expect([each.kind, missed(core)]).toEqual([each.kind, []]);
        }
      },
    ),
    { numRuns: 5 * numRuns },
  );
});

function take(core: CoreHarness, each: Step, number: number): void {
  const { state } = core;
  const at = 'which' in each ? each.which : 0;
  const name = `n${at % nodes}`;
  const lease = [...state.leases.values()][at % Math.max(1, state.leases.size)];
  const holder = state.nodes[lease?.nodeNumber ?? -1];
  const held = heldBy(state.nodes[at % nodes]);
  switch (each.kind) {
    case 'submit':
      core.submit(`job ${number}`, templateOf(each.wanted));
      return;
    case 'end':
    case 'fail':
    case 'giveBack':
      if (lease === undefined || holder === undefined) return;
      core.end(holder.nodeId, lease.leaseId, endCodes[each.kind]);
      return;
    case 'fetched':
    case 'started':
    case 'exited': {
      if (lease === undefined || holder === undefined) return;
      const done = [{ leaseId: lease.leaseId, direction: 'down' as const }];
      if (each.kind === 'fetched') core.speak(holder.nodeId, { transfersDone: done });
      else core.speak(holder.nodeId, { [each.kind]: [lease.leaseId] });
      return;
    }
    case 'report':
      core.speak(name, { status: statusOf(each.told), held });
      return;
    case 'inventory':
      core.speak(name, { inventory: { ...pi3, ...each.inventory } });
      return;
    case 'drain':
      core.give({
        kind: 'drainNodes',
        of: { nodeId: nodeId(name) },
        isDraining: each.isDraining,
      });
      return;
    case 'disconnect':
      core.give({ kind: 'nodeDisconnected', nodeId: nodeId(name) });
      return;
    case 'speak':
      core.speak(name, { held });
      return;
    case 'cancel': {
      const job = [...state.jobs.values()][at % Math.max(1, state.jobs.size)];
      if (job !== undefined) core.give({ kind: 'cancelJob', jobId: job.jobId });
      return;
    }
    case 'quota': {
      const settings = { weight: 1, maxLeases: each.most };
      core.give({ kind: 'setResearcher', name: 'ada', settings });
      return;
    }
    case 'line':
      core.setSite('home', each.bps);
      return;
    case 'wait':
      return core.wait(1_000 * each.seconds);
    case 'restart':
      core.state = stateOf(imageOf(state));
      core.give({ kind: 'place' });
  }
}

const endCodes = { end: 'succeeded', fail: 'exited', giveBack: 'given_back' } as const;

type Wanted = Extract<Step, { kind: 'submit' }>['wanted'];

function templateOf(each: Wanted): Partial<JobTemplate> {
  const { memoryBytes, diskBytes, taskCount, priority, service } = each;
  const [bundle] = template().bundles;
  if (bundle === undefined) throw new Error('the harness has no bundle');
  return {
    ...{ memoryBytes, diskBytes, taskCount, priority },
    bundles: [{ ...bundle, architecture: each.architecture }],
    taskInputBytes: new Array<number>(taskCount).fill(each.inputBytes),
    service: service === null ? null : { rates: service },
    ...(each.internetBytes > 0 && { network: 'internet', internetBytes: each.internetBytes }),
  };
}

/** Of 20 MB, of which tasks with internet may have 19; null for 0. */
function monthOf(usedBytes: number): MonthBytes | null {
  return usedBytes === 0 ? null : { capBytes: 20e6, allotmentBytes: 20e6, usedBytes };
}

function statusOf(each: Extract<Step, { kind: 'report' }>['told']): NodeStatus {
  return {
    ...{ load: 0, memoryAvailableBytes: 1e9, temperatureC: 40, uplink: null, notAccepting: null },
    ...each,
  };
}

function checkIndex(state: State): void {
  for (const node of state.nodes) {
    const { number, siteNumber, health, isDraining, lastHeardAt } = node;
    const isHere = health === 'healthy' && lastHeardAt !== 0 && !isDraining;
    expect(isOpen(state, number)).toBe(isHere && placesOf(node, leasesPerSlot) > 0);
    expect(state.places.placesOf(number, 1)).toBe(placesOf(node, 1));
    expect(state.places.siteOf(number)).toBe(siteNumber);
    expect(state.places.ghzOf(number)).toBe(slotsOf(node) * node.inventory.speedGhz);
    expect(state.nodeTasks.of(state, node)).toEqual(new NodeTasks().of(state, node));
  }
  const open = state.nodes.filter(
    (node) => isOpen(state, node.number) && node.status?.isAccepting !== false,
  );
  expect([...state.openNodes.all()].toSorted((a, b) => a - b)).toEqual(
    open.map((node) => node.number),
  );
  const { kinds } = state.openNodes;
  expect(kinds.map(({ number }) => number)).toEqual(kindsOf(open));
  for (const kind of kinds) {
    for (let place = 0; place < kind.idle.size; place += 1) {
      const node = state.nodes[kind.idle.at(place)];
      expect(node !== undefined && placesOf(node, 1) > 0).toBe(true);
    }
  }
  const tails = [...state.jobs.values()].filter(
    (job) => job.state === 'active' && job.replicas === null && job.waiting === 0 && job.leased > 0,
  );
  expect([...state.tails].toSorted((a, b) => a - b)).toEqual(tails.map((job) => job.number));
}

/** What is told of a node without a look at it holds for the node itself, for every job. */
function checkShortcuts({ state, nowMs }: CoreHarness): void {
  const now = instant(nowMs);
  for (const job of state.jobs.values()) {
    const fit = fitOf(job.template);
    for (const node of state.nodes) {
      const isWilling = state.places.isWilling(node.number);
      // What a node that does not suit would say nobody asks.
      if (isWilling && isSuited(job, node)) expect(refuseSuited(job, node, now)).toBeNull();
      if (state.openNodes.suitsKind(fit, node.number)) expect(isSuited(job, node)).toBe(true);
    }
  }
}

/** Counted anew, from the node's leases. */
function placesOf(node: NodeRecord, perSlot: number): number {
  const tasks = node.leases.filter((lease) => lease.phase !== 'sending').length - node.serving;
  return perSlot * (slotsOf(node) - node.serving) - tasks;
}

/** The fastest have the least numbers. */
function kindsOf(nodes: readonly NodeRecord[]): readonly number[] {
  return [...new Set(nodes.map(kindOf))].sort((a, b) => a - b);
}

/** Pairs of a task and a node that would take each other: all are looked at. */
function missed(core: CoreHarness): readonly string[] {
  const { state } = core;
  const round = new Round(state, { now: instant(core.nowMs), policy: core.policy });
  round.perSlot = leasesPerSlot;
  const found: string[] = [];
  for (const job of state.jobs.values()) {
    if (!state.waitingJobs.has(job.number) || refuseQuota(state, job) !== null) continue;
    for (const node of state.nodes) {
      if (fits(round, job, node)) found.push(`${job.jobId} ${node.nodeId}`);
    }
  }
  return found;
}

function fits(round: Round, job: JobRecord, node: NodeRecord): boolean {
  if (job.replicas === null) return round.option(job, node) !== null;
  if (!round.hasPlace(node.number)) return false;
  return [...job.replicas.keys()].some((index) => {
    const isWaiting = taskState(job.tasks, index) === 'waiting' && !isResting(job, index);
    return isWaiting && round.refuse(asOf(job, index), node) === null;
  });
}
