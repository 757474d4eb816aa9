// A job that names a site: its tasks run there and nowhere else, whoever places.

import { describe, expect, test } from 'vitest';
import type { JobSite, JobTemplate } from '../../../scheduler/core/index.ts';
import { jobId, siteId } from '../../../scheduler/core/index.ts';
import { policyMakers } from '../../../scheduler/core/placement/policies.ts';
import { CoreHarness, endOf } from './harness.ts';

function siteOf(core: CoreHarness, name: string): JobSite {
  const number = core.view.siteNumber(siteId(name));
  if (number === undefined) throw new Error(`there is no site ${name}`);
  return { number, siteId: siteId(name) };
}

function twoSites(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('reserve', 0.5e6);
  core.setSite('town', 20e6);
  core.node('camera', 'reserve');
  core.node('pi', 'town');
  return core;
}

const there = (core: CoreHarness): Partial<JobTemplate> => ({ site: siteOf(core, 'reserve') });

describe.each([...policyMakers])('under %s', (_, { make, parameter }) => {
  test('all of its tasks go there, also when other nodes idle', () => {
    const core = twoSites();
    core.policy = make(parameter?.value ?? 0);
    core.submit('pictures', { taskCount: 12, ...there(core) });
    const seen = new Set<string>();
    for (let step = 0; step < 40; step += 1) {
      const grants = core.take('grant');
      for (const { nodeId, leaseId } of grants) {
        seen.add(nodeId);
        core.speak(nodeId, { ended: [endOf(leaseId)] });
      }
      core.wait(1_000);
    }
    expect([...seen]).toEqual(['camera']);
    expect(core.view.job(jobId('pictures'))?.state).toBe('succeeded');
  });
});

test('it waits for its site, and says so', () => {
  const core = twoSites();
  core.setSite('empty', 1e6);
  core.submit('pictures', { site: siteOf(core, 'empty') });
  expect(core.take('grant')).toEqual([]);
  expect(core.view.explain(jobId('pictures'), null)?.summary).toBe(
    "All 4 tasks wait. At all 2 nodes: the job's tasks run at site empty only, and the node is at another one. What helps: wait for nodes of empty, or submit it without a site.",
  );
  expect(core.view.job(jobId('pictures'))?.forecast?.boundBy).toBe('nothing fits');
});
