// The balance rule: backlogs of CPU and uplink, and when a slot had better stay idle.

import { describe, expect, it } from 'vitest';
import { jobId } from '../../../scheduler/core/index.ts';
import { CoreHarness } from './harness.ts';

describe('the balance rule', () => {
  it('sends data-heavy tasks to the fat line and CPU-heavy ones to the thin line', () => {
    const core = new CoreHarness();
    core.setSite('thin', 1e6);
    core.setSite('fat', 100e6);
    for (const site of ['thin', 'fat']) core.node(`pi at ${site}`, site);
    const bytes = new Array<number>(64).fill(5_000_000);
    core.submit('data', { taskCount: 64, taskInputBytes: bytes });
    core.submit('cpu', { taskCount: 64, profile: { workGhzSeconds: 100, outputBytes: 0 } });
    for (let round = 0; round < 64; round += 1) {
      core.wait(1_000);
      for (const grant of core.take('grant')) core.end(grant.nodeId, grant.leaseId, 'succeeded');
    }
    const at = (job: string, site: string) =>
      core.view
        .tasks({ jobId: jobId(job), phase: null, from: 0, limit: 100 })
        .filter((task) => task.siteId === site).length;
    expect(at('data', 'fat')).toBeGreaterThan(3 * at('data', 'thin'));
    expect(at('cpu', 'thin')).toBeGreaterThan(at('data', 'thin'));
  });

  it('is relative: sites that are both short of CPU still share out by their lines', () => {
    const core = new CoreHarness();
    core.setSite('thin', 0.5e6);
    core.setSite('fat', 200e6);
    const profile = (workGhzSeconds: number) => ({ workGhzSeconds, outputBytes: 0 });
    const bytes = new Array<number>(40).fill(1_000_000);
    core.submit('cpu', { taskCount: 40, profile: profile(6) });
    core.submit('data', { taskCount: 40, taskInputBytes: bytes, profile: profile(12) });
    for (const site of ['thin', 'fat']) core.node(`pi at ${site}`, site);
    const placed = core.take('grant').map((grant) => `${grant.jobId} ${grant.nodeId}`);
    const count = (what: string): number => placed.filter((each) => each === what).length;
    expect(count('data pi at fat')).toBeGreaterThan(count('data pi at thin'));
    expect(count('cpu pi at thin')).toBeGreaterThan(count('cpu pi at fat'));
  });

  it('lets an idle line take even what it is bad at', () => {
    const core = new CoreHarness();
    core.setSite('thin', 1e5);
    core.node('pi', 'thin');
    core.submit('data', { taskCount: 3, taskInputBytes: [1e9, 1e9, 1e9] });
    expect(core.take('grant')).toHaveLength(1);
  });

  it('says why a task is where it is', () => {
    const core = new CoreHarness();
    core.setSite('home', 10e6);
    core.node('pi', 'home');
    core.submit('job', { taskCount: 1 });
    expect(core.view.task(jobId('job'), 0)?.placement).toMatch(
      /^only this job waited and fitted: with it the site has/,
    );
  });
});
