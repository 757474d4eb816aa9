// Where replicas of services go, and what they take from their sites.

import { expect, test } from 'vitest';
import type { LeaseId } from '../../../scheduler/core/index.ts';
import { jobId, nodeId, policyMakers, siteId } from '../../../scheduler/core/index.ts';
import { federation, minuteMs, only, service } from './service-harness.ts';

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
      refuses: [],
      month: null,
      hoursLeftMs: minutes * minuteMs,
    },
  });
  core.submit('web', service());
  expect(core.take('grant')).toHaveLength(placed);
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
