// When a free place is looked at again: what was refused there is tried once more as soon as something
// that could change the answer has changed, wherever that was, and not before.

import { describe, expect, it } from 'vitest';
import type { Architecture, JobTemplate } from '../../../scheduler/core/index.ts';
import { jobId, policyMakers } from '../../../scheduler/core/index.ts';
import { candidateJobs } from '../../../scheduler/core/limits.ts';
import { CoreHarness, pi3, template } from './harness.ts';

/** Without bytes: what moves some has its site looked at when it ends. */
function forArchitecture(architecture: Architecture): Pick<JobTemplate, 'bundles'> {
  return { bundles: template().bundles.map((each) => ({ ...each, architecture, sizeBytes: 0 })) };
}

function quota(core: CoreHarness, maxLeases: number): void {
  core.give({ kind: 'setResearcher', name: 'ada', settings: { weight: 1, maxLeases } });
}

const placed = (core: CoreHarness): readonly string[] =>
  core.take('grant').map((grant) => `${grant.jobId} ${grant.nodeId}`);

/** A Pi 1 and an x86 machine at one site, one slot each. */
function withTwo(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 10e6, 1e6);
  core.node('pi', 'home', { ...pi3, architecture: 'armv6l', slots: 1 });
  core.node('pc', 'home', { ...pi3, architecture: 'x86_64', slots: 1 });
  return core;
}

describe('an idle node is asked again', () => {
  it('when a place in the quota is free that was used on another', () => {
    const core = withTwo();
    core.submit('arm', { taskCount: 1, ...forArchitecture('armv6l') });
    const [first] = core.take('grant');
    quota(core, 1);
    core.submit('x86', { taskCount: 1, ...forArchitecture('x86_64') });
    expect(placed(core)).toEqual([]);
    if (first !== undefined) core.end('pi', first.leaseId, 'succeeded');
    expect(placed(core)).toEqual(['x86 pc']);
  });

  it('when the quota is raised', () => {
    const core = withTwo();
    core.submit('arm', { taskCount: 1 });
    quota(core, 1);
    core.submit('x86', { taskCount: 1, ...forArchitecture('x86_64') });
    expect(placed(core)).toEqual(['arm pi']);
    quota(core, 2);
    expect(placed(core)).toEqual(['x86 pc']);
  });

  it('when a service at another node of the site has given its rate back', () => {
    const core = withTwo();
    const service = { rates: { cpuGhz: null, downBps: 0, upBps: 0.6e6 } };
    core.submit('one', { taskCount: 1, service, ...forArchitecture('armv6l') });
    core.submit('other', { taskCount: 1, service, ...forArchitecture('x86_64') });
    expect(placed(core)).toEqual(['one pi']);
    core.give({ kind: 'cancelJob', jobId: jobId('one') });
    expect(placed(core)).toEqual(['other pc']);
  });

  it('when a job is among those that slots choose from at last', () => {
    const core = withTwo();
    for (let job = 0; job < candidateJobs; job += 1) {
      core.submit(`large ${job}`, { taskCount: 1, memoryBytes: 2e9 });
    }
    core.submit('small', { taskCount: 1 });
    expect(placed(core)).toEqual([]);
    core.give({ kind: 'cancelJob', jobId: jobId('large 7') });
    expect(placed(core)).toEqual(['small pi']);
  });
});

describe('an idle node is asked again for what wants the line of its site', () => {
  it('when a task at another node no longer wants it', () => {
    const core = withTwo();
    core.policy = policyMakers.get('count-limit')?.make(1) ?? core.policy;
    core.submit('one', { taskCount: 1, taskInputBytes: [1e6] });
    const [first] = core.take('grant');
    core.submit('other', { taskCount: 1, taskInputBytes: [1e6], ...forArchitecture('x86_64') });
    expect(placed(core)).toEqual([]);
    if (first !== undefined) core.end('pi', first.leaseId, 'given_back');
    expect(placed(core)).toContain('other pc');
  });

  it('when a task at another node has run, and nobody told that its bytes had come', () => {
    const core = withTwo();
    core.policy = policyMakers.get('count-limit')?.make(1) ?? core.policy;
    core.submit('one', { taskCount: 1, taskInputBytes: [1e6] });
    const [first] = core.take('grant');
    core.submit('other', { taskCount: 1, taskInputBytes: [1e6], ...forArchitecture('x86_64') });
    expect(placed(core)).toEqual([]);
    core.speak('pi', { exited: first === undefined ? [] : [first.leaseId] });
    expect(placed(core)).toContain('other pc');
  });

  it('the fastest nodes first, when a line is free again', () => {
    const core = new CoreHarness();
    core.setSite('home', 10e6);
    const speeds = [0.6, 0.4, 1.2, 0.9];
    for (const [number, speedGhz] of speeds.entries()) {
      core.node(`n${number}`, 'home', { ...pi3, slots: 1, speedGhz });
    }
    core.policy = policyMakers.get('count-limit')?.make(1) ?? core.policy;
    core.submit('job', { taskCount: 4, taskInputBytes: [1e6, 1e6, 1e6, 1e6] });
    const order: string[] = [];
    let [next] = core.take('grant');
    while (next !== undefined) {
      order.push(next.nodeId);
      const done = [{ leaseId: next.leaseId, direction: 'down' as const }];
      core.speak(next.nodeId, { transfersDone: done });
      [next] = core.take('grant');
    }
    expect(order).toEqual(['n2', 'n3', 'n0', 'n1']);
  });
});

describe('a new job', () => {
  it('asks the fastest nodes first, and no more of them than it has tasks', () => {
    const core = new CoreHarness();
    core.setSite('home', 10e6);
    for (let node = 0; node < 50; node += 1) {
      core.node(`n${node}`, 'home', { ...pi3, speedGhz: node === 30 ? 1.2 : 0.6 });
    }
    const asked: string[] = [];
    core.policy = {
      ...core.policy,
      hold: ({ node }) => {
        asked.push(node.nodeId);
        return null;
      },
    };
    core.submit('job', { taskCount: 1 });
    expect(asked).toEqual(['n30']);
    expect(placed(core)).toEqual(['job n30']);
  });

  it('asks no node of a kind that it does not fit, and none that was refused before', () => {
    const core = withTwo();
    const asked: string[] = [];
    const held = { code: 'never', reason: 'it never does', remedy: 'none' };
    core.policy = {
      ...core.policy,
      hold: ({ job, node }) => {
        asked.push(`${job.jobId} ${node.nodeId}`);
        return held;
      },
    };
    core.submit('x86', { taskCount: 1, ...forArchitecture('x86_64') });
    const first = asked.splice(0);
    expect(new Set(first)).toEqual(new Set(['x86 pc']));
    core.submit('arm', { taskCount: 1 });
    expect(new Set(asked)).toEqual(new Set(['arm pi']));
    asked.length = 0;
    core.speak('pc');
    core.speak('pi');
    expect(asked).toEqual([]);
  });
});
