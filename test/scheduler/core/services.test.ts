// Services: replicas that run until they are stopped, spread over sites, counted with their rates.

import { expect, test } from 'vitest';
import type { EndCode, JobTemplate, LeaseId, Service } from '../../../scheduler/core/index.ts';
import {
  imageOf,
  jobId,
  nodeId,
  policyMakers,
  siteId,
  stateOf,
} from '../../../scheduler/core/index.ts';
import type { Replica } from '../../../scheduler/core/model/service.ts';
import { CoreHarness, template } from './harness.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const rates = { cpuGhz: 0.5, downBps: 200_000, upBps: 50_000 };

function service(changes: Partial<Service['rates']> = {}): Partial<JobTemplate> {
  return { outputs: [], taskCount: 3, service: { rates: { ...rates, ...changes } } };
}

/** Sites with so many nodes of four slots each. */
function federation(...sizes: readonly number[]): CoreHarness {
  const core = new CoreHarness();
  for (const [site, size] of sizes.entries()) {
    core.setSite(`site ${site}`, 10e6);
    for (let node = 0; node < size; node += 1) core.node(`pi ${site}.${node}`, `site ${site}`);
  }
  return core;
}

interface Granted {
  readonly nodeId: string;
  readonly leaseId: LeaseId;
  readonly taskIndex: number;
}

/** The only lease granted since the last look; its grant may have been sent again. */
function only(core: CoreHarness): Granted {
  const grants = new Map(core.take('grant').map((grant) => [grant.leaseId, grant]));
  expect(grants.size).toBe(1);
  return [...grants.values()][0] as Granted;
}

function endWith(core: CoreHarness, { nodeId: node, leaseId }: Granted, code: EndCode): void {
  const how = { code, exitCode: 0, cpuMs: 1_000, wallMs: 1_000, result: null };
  core.speak(node, { ended: [{ ...how, leaseId, isResultPresent: true }] });
}

function replica(core: CoreHarness): Replica | null | undefined {
  return core.view.task(jobId('web'), 0)?.replica;
}

/** Everybody goes on reporting, so that nobody is lost. */
function pass(core: CoreHarness, spanMs: number): void {
  for (let left = spanMs; left > 0; left -= minuteMs) {
    core.wait(Math.min(left, minuteMs));
    for (const { name, leases } of core.state.nodes) core.speak(name, { held: [...leases] });
  }
}

test.each([
  'succeeded',
  'exited',
  'timeout',
  'lost',
  'owner',
  'given_back',
  'not_started',
] as const)(
  'a replica whose attempt ended with %s is placed again, and its retries never run out',
  (code) => {
    const core = federation(1);
    core.submit('web', { ...service(), taskCount: 1, retries: 0 });
    for (let round = 1; round <= 60; round += 1) {
      endWith(core, only(core), code);
      expect(replica(core)?.restarts).toBe(round);
      pass(core, 16 * minuteMs);
    }
    expect(core.view.job(jobId('web'))).toMatchObject({ state: 'active', restarts: 60 });
    expect(core.view.job(jobId('web'))?.counts).toMatchObject({ failed: 0, succeeded: 0 });
  },
);

test('a replica that ends soon rests, twice as long each time up to a bound', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 1 });
  const rests: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    endWith(core, only(core), 'succeeded');
    const restMs = (replica(core)?.restsUntil ?? 0) - core.nowMs;
    rests.push(restMs / 1_000);
    core.wait(restMs - 1);
    expect(core.take('grant')).toEqual([]);
    core.wait(1);
  }
  expect(rests).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
});

test('one that had settled is placed again at once, and starts over with its rests', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 1 });
  for (let round = 0; round < 4; round += 1) {
    endWith(core, only(core), 'succeeded');
    core.wait(40_000);
  }
  pass(core, 10 * minuteMs);
  endWith(core, only(core), 'succeeded');
  const again = only(core);
  expect(replica(core)).toMatchObject({ quickEnds: 0, restsUntil: 0 });
  endWith(core, again, 'succeeded');
  expect(replica(core)?.quickEnds).toBe(1);
});

test('rests and restarts outlive the scheduler', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 1 });
  endWith(core, only(core), 'exited');
  core.state = stateOf(imageOf(core.state));
  core.speak('pi 0.0', { held: [] });
  expect(replica(core)).toMatchObject({ restarts: 1, quickEnds: 1 });
  expect(core.take('grant')).toEqual([]);
  core.wait(5_000);
  only(core);
});

test.each([
  ['one a site', [1, 1, 1], 3, [1, 1, 1]],
  ['the same number at each site, however many nodes it has', [5, 1], 4, [2, 2]],
  ['what the small site has no slot for goes to the large one', [5, 1], 12, [8, 4]],
] as const)('replicas are spread over sites: %s', (_, sizes, replicas, expected) => {
  const core = federation(...sizes);
  core.submit('web', { ...service({ downBps: 0, upBps: 0 }), taskCount: replicas });
  const found = sizes.map(
    (_size, site) =>
      core.take('grant').filter((grant) => {
        core.effects.push(grant);
        return grant.nodeId.startsWith(`pi ${site}.`);
      }).length,
  );
  expect(found).toEqual(expected);
});

test('at a site they are spread over its nodes', () => {
  const core = federation(3);
  core.submit('web', { ...service({ downBps: 0, upBps: 0 }), taskCount: 6 });
  const grants = core.take('grant').map((grant) => grant.nodeId);
  expect(grants.sort()).toEqual(
    ['0', '0', '1', '1', '2', '2'].map((node) => nodeId(`pi 0.${node}`)),
  );
});

test('a replica that lost its node goes where the fewest others are', () => {
  const core = federation(2, 1, 1);
  core.submit('web', service());
  core.take('grant');
  core.give({ kind: 'revokeNode', nodeId: nodeId('pi 1.0') });
  core.wait(5_000);
  const { nodeId: node } = only(core);
  // Each of the other sites has one; the first has a node without.
  expect(node).toBe(nodeId('pi 0.1'));
});

test('an attempt that was thought lost is not needed any more once its replica is elsewhere', () => {
  const core = federation(1, 1);
  core.submit('web', { ...service(), taskCount: 1 });
  const first = only(core);
  const [gone, other] =
    first.nodeId === nodeId('pi 0.0') ? ['pi 0.0', 'pi 1.0'] : ['pi 1.0', 'pi 0.0'];
  core.give({ kind: 'nodeDisconnected', nodeId: nodeId(gone) });
  for (let minute = 0; minute < 16; minute += 1) {
    core.wait(minuteMs);
    core.speak(other, { held: [] });
  }
  const second = only(core);
  expect(second.nodeId).toBe(nodeId(other));
  expect([...core.state.leases.keys()]).toEqual([second.leaseId]);
  core.take('cancel');
  core.speak(gone, { held: [first.leaseId] });
  expect(core.take('cancel')).toMatchObject([{ leaseId: first.leaseId }]);
  endWith(core, first, 'cancelled');
  expect(core.view.job(jobId('web'))?.counts).toMatchObject({ waiting: 0, staging: 1 });
});

test('a drained node gives its replicas away, and keeps its tasks', () => {
  const core = federation(1, 1);
  core.submit('web', { ...service(), taskCount: 2 });
  core.submit('batch', { taskCount: 2 });
  const held = core.take('grant').filter((grant) => grant.nodeId === nodeId('pi 0.0'));
  const [replica] = held.filter((grant) => grant.jobId === jobId('web'));
  core.give({ kind: 'drainNodes', of: { nodeId: nodeId('pi 0.0') }, isDraining: true });
  expect(core.take('cancel').map(({ leaseId }) => leaseId)).toEqual([replica?.leaseId]);
  core.wait(5_000);
  expect(only(core).nodeId).toBe(nodeId('pi 1.0'));
  expect(core.state.nodes[0]?.leases.size).toBe(held.length - 1);
});

test('nothing is staged behind a replica, and one may be staged behind a task', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 3 });
  expect(core.take('grant')).toHaveLength(3);
  core.submit('batch', { taskCount: 20 });
  // The fourth slot runs one and has one staged.
  const batch = core.take('grant');
  expect(batch).toHaveLength(2);
  core.submit('more', { ...service(), taskCount: 1 });
  expect(core.take('grant')).toEqual([]);
  const [running] = batch;
  core.end('pi 0.0', running?.leaseId as LeaseId, 'succeeded');
  // Its turn has come: the oldest job of a priority has no precedence over a service in it.
  expect(core.take('grant').map((grant) => grant.jobId)).toEqual([jobId('more')]);
});

test.each([
  ['within what the lines can carry', { downBps: 3e6 }, 3, null],
  ['more than they can carry together', { downBps: 5e6 }, 2, 'rate_down'],
  ['more than a line can carry', { upBps: 9.1e6 }, 0, 'rate_up'],
  ['all but the part that is kept for tasks', { upBps: 9e6 }, 2, 'rate_up'],
  ['more CPU than a core has', { cpuGhz: 1.3 }, 0, 'speed'],
  ['all of a core', { cpuGhz: 1.2 }, 3, null],
  ['whatever the core has', { cpuGhz: null }, 3, null],
] as const)('replicas go only where their rates fit: %s', (_, changes, placed, code) => {
  const core = federation(1, 1);
  core.submit('web', service(changes));
  expect(core.take('grant')).toHaveLength(placed);
  const why = core.view.explain(jobId('web'), null);
  expect(why?.refusals[0]?.code ?? null).toBe(code);
});

test('a replica that loses its node again and again is placed again', () => {
  const core = federation(1, 1);
  core.submit('web', { ...service(), taskCount: 1, lostAfterMs: minuteMs });
  for (let round = 0; round < 40; round += 1) {
    const { nodeId: node } = only(core);
    const other = node === nodeId('pi 0.0') ? 'pi 1.0' : 'pi 0.0';
    core.speak(other, { held: [] });
    core.give({ kind: 'nodeDisconnected', nodeId: nodeId(node) });
    for (let minute = 0; minute < 7; minute += 1) {
      core.wait(minuteMs);
      core.speak(other, { held: [...(core.state.nodeById.get(nodeId(other))?.leases ?? [])] });
    }
  }
  expect(core.view.job(jobId('web'))?.counts).toMatchObject({ failed: 0, staging: 1 });
});

test('the slot of a replica is free when its process has ended, and taken once', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 1 });
  const { nodeId: node, leaseId } = only(core);
  core.speak(node, { started: [leaseId] });
  expect(core.state.nodes[0]).toMatchObject({ serving: 1, sending: 0 });
  core.speak(node, { exited: [leaseId] });
  expect(core.state.nodes[0]).toMatchObject({ serving: 0, sending: 1 });
  endWith(core, { nodeId: node, leaseId, taskIndex: 0 }, 'exited');
  expect(core.state.nodes[0]).toMatchObject({ serving: 0, sending: 0 });
});

test('a line that services use takes longer for the bytes of tasks', () => {
  const core = federation(1);
  const seconds = (): number => core.view.explain(jobId('big'), null)?.sites[0]?.downSeconds ?? 0;
  core.submit('web', { ...service({ downBps: 5e6 }), taskCount: 1 });
  const big = { taskCount: 40, taskInputBytes: new Array<number>(40).fill(1e6) };
  core.submit('big', big);
  const used = seconds();
  core.give({ kind: 'cancelJob', jobId: jobId('web') });
  // As long as the bytes of the same leases are on the way: half of the line has come back.
  expect(used).toBeGreaterThan(0);
  expect(used / seconds()).toBeGreaterThan(1.3);
});

test('a job ends later by the slots that replicas hold', () => {
  const end = (replicas: number): number => {
    const core = federation(1);
    if (replicas > 0) core.submit('web', { ...service(), taskCount: replicas });
    core.take('grant');
    for (const id of core.state.leases.keys()) core.speak('pi 0.0', { started: [id] });
    core.submit('batch', { taskCount: 400 });
    const { endsAt = null } = core.view.job(jobId('batch'))?.forecast ?? {};
    return ((endsAt ?? 0) - core.nowMs) / 1_000;
  };
  const alone = end(0);
  expect(end(2) / alone).toBeGreaterThan(1.8);
  expect(end(2) / alone).toBeLessThan(2.2);
});

test('what services use is missing from what a site has for tasks, until they are stopped', () => {
  const core = federation(1);
  core.submit('web', { ...service({ downBps: 2e6, upBps: 1e6 }), taskCount: 2 });
  const [site] = core.state.sites;
  expect(site?.serving).toEqual({ cpuGhz: 1, downBps: 4e6, upBps: 2e6 });
  const draft = {
    researcher: 'bob',
    template: { ...core.state.jobById.get(jobId('web'))?.template },
  };
  expect(draft.template.service).not.toBeNull();
  core.give({ kind: 'cancelJob', jobId: jobId('web') });
  expect(core.take('cancel')).toHaveLength(2);
  expect(site?.serving).toEqual({ cpuGhz: 0, downBps: 0, upBps: 0 });
  expect(core.state.nodes[0]).toMatchObject({ serving: 0, sending: 0 });
});

test('a researcher is charged rate times time, as it passes and over a restart', () => {
  const core = federation(1);
  core.submit('web', { ...service(), taskCount: 2 });
  const used = (): number => core.view.shares()[0]?.workGhzSeconds ?? 0;
  pass(core, hourMs);
  // Two replicas of 0.5 GHz for an hour; what is older counts a little less.
  expect(used()).toBeGreaterThan(0.98 * 3_600);
  expect(used()).toBeLessThan(3_600);
  core.state = stateOf(imageOf(core.state));
  pass(core, hourMs);
  expect(used()).toBeGreaterThan(0.96 * 7_200);
  const bits = core.view.shares()[0]?.bits ?? 0;
  expect(bits / used()).toBeCloseTo((rates.downBps + rates.upBps) / rates.cpuGhz);
  core.give({ kind: 'cancelJob', jobId: jobId('web') });
  const before = used();
  pass(core, hourMs);
  expect(used()).toBeLessThan(before);
});

test('a service takes its turn: whoever has had less comes first', () => {
  const core = federation(1);
  core.submit('web', { ...service({ cpuGhz: 1.2, downBps: 0, upBps: 0 }), taskCount: 4 });
  core.take('grant');
  core.submit('more', { ...service({ downBps: 0, upBps: 0 }), taskCount: 8 });
  core.give({
    ...{ kind: 'submitJob', jobId: jobId('bob'), researcher: 'bob', requestId: 'bob' },
    template: { ...core.state.jobById.get(jobId('web'))?.template, taskCount: 2 } as JobTemplate,
  });
  core.node('pi new', 'site 0');
  const jobs = core.take('grant').map((grant) => grant.jobId);
  expect(jobs.slice(0, 2)).toEqual([jobId('bob'), jobId('bob')]);
  expect(jobs).toHaveLength(4);
});

test('replicas count before they have run: those of others get their turn between them', () => {
  const core = federation(1);
  core.give({ kind: 'drainNodes', of: { nodeId: nodeId('pi 0.0') }, isDraining: true });
  for (const researcher of ['ada', 'bob']) {
    const ids = { jobId: jobId(researcher), researcher, requestId: researcher };
    const job = { ...service({ downBps: 0, upBps: 0 }), name: researcher, taskCount: 4 };
    core.give({ kind: 'submitJob', ...ids, template: template(job) });
  }
  core.give({ kind: 'drainNodes', of: { nodeId: nodeId('pi 0.0') }, isDraining: false });
  const granted = core.take('grant').map((grant) => grant.jobId);
  expect(granted.sort()).toEqual(['ada', 'ada', 'bob', 'bob'].map(jobId));
});

test.each([...policyMakers])('is spread under the policy %s', (_, { parameter, make }) => {
  const core = federation(3, 1, 1);
  core.policy = make(parameter?.value ?? 0);
  core.submit('batch', { taskCount: 4 });
  core.submit('web', service());
  const places = core.take('grant').filter((grant) => grant.jobId === jobId('web'));
  expect(new Set(places.map((grant) => grant.nodeId.split('.')[0])).size).toBe(3);
});

test.each([
  ['hours that are long enough', 11, 3],
  ['hours that end before a replica has settled', 9, 0],
] as const)('%s', (_, minutes, placed) => {
  const core = federation(1);
  core.speak('pi 0.0', {
    status: {
      ...{ load: 0, memoryAvailableBytes: 1e9, diskAvailableBytes: 1e10, temperatureC: 40 },
      ...{ uplink: null, isAccepting: true, notAccepting: null, slots: 4 },
      hoursLeftMs: minutes * minuteMs,
    },
  });
  core.submit('web', service());
  expect(core.take('grant')).toHaveLength(placed);
});

test('a replica has no timeout, no backup and no estimated end', () => {
  const core = federation(1, 1);
  core.submit('web', {
    ...service(),
    taskCount: 1,
    profile: { workGhzSeconds: 1, outputBytes: 0 },
  });
  const { nodeId: node, leaseId } = only(core);
  core.speak(node, { started: [leaseId] });
  pass(core, 48 * hourMs);
  expect([...core.state.leases.keys()]).toEqual([leaseId]);
  expect(core.view.job(jobId('web'))?.forecast).toBeNull();
});

test('a cancelled service is started again by a retry', () => {
  const core = federation(1);
  core.submit('web', service());
  endWith(core, core.take('grant')[0] as Granted, 'exited');
  core.give({ kind: 'cancelJob', jobId: jobId('web') });
  const request = { requestId: 'again', indexes: null };
  core.give({ kind: 'retryTasks', jobId: jobId('web'), ...request });
  expect(core.take('grant')).toHaveLength(3);
});

test('no job waits for a service', () => {
  const core = federation(1);
  core.submit('web', service());
  const { answer } = core.submit('later', { after: [jobId('web')] });
  expect(answer).toMatchObject({ kind: 'refused', field: 'after[0]' });
});

test.each([
  ['placed', 0, 'Of 3 replicas, 3 are on nodes and 0 wait.'],
  [
    'resting',
    1,
    'Of 3 replicas, 2 are on nodes and 1 wait. Replica 0 rests for another 5 s: it ended soon after it had been placed (punnet logs web 0).',
  ],
] as const)('says how it is: %s', (_, ended, expected) => {
  const core = federation(1);
  core.submit('web', service());
  for (const grant of core.take('grant').slice(0, ended)) endWith(core, grant, 'exited');
  expect(core.view.explain(jobId('web'), null)?.summary).toBe(expected);
});

test('a dry run says where a replica fits, and no end', () => {
  const core = federation(1, 2);
  core.setSite('site 1', 100_000);
  core.submit('web', service());
  const { template, researcher } = core.state.jobById.get(jobId('web')) ?? {};
  if (template === undefined || researcher === undefined) throw new Error('there is no job');
  const found = core.view.dryRun({ researcher, template });
  expect(found).toMatchObject({ fittingNodes: 1, forecast: null });
  expect(found.refusals.map(({ code, count }) => [code, count])).toEqual([['rate_down', 2]]);
  expect(siteId('site 1')).toBe(found.sites.find(({ fitting }) => fitting === 0)?.siteId);
});
