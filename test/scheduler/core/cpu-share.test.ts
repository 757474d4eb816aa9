// A node whose owner leaves a part of each core: it is as slow as that, and a second of CPU time is as much work
// as before.

import { expect, test } from 'vitest';
import { jobId } from '../../../scheduler/core/index.ts';
import { CoreHarness, pi3 } from './harness.ts';

test.each([
  ['all of each core', undefined, 1.2],
  ['a quarter of each core', 0.25, 0.3],
])(
  'where the owner leaves %s, a task that computed for 10 s has done 12 GHz·s',
  (_what, cpuShare, speedGhz) => {
    const core = new CoreHarness();
    core.setSite('home', 10e6);
    core.node('pi', 'home', { ...pi3, speedGhz, ...(cpuShare !== undefined && { cpuShare }) });
    core.submit('job', { taskCount: 1 });
    const [grant] = core.take('grant');
    if (grant === undefined) throw new Error('nothing was granted');
    const done = { code: 'succeeded', exitCode: 0, cpuMs: 10_000, wallMs: 40_000 } as const;
    core.speak('pi', {
      ended: [{ leaseId: grant.leaseId, ...done, result: null, isResultPresent: true }],
    });
    expect(core.view.job(jobId('job'))?.measuredWorkGhzSeconds).toBeCloseTo(12);
    expect(core.view.sites()[0]?.cpuGhz).toBeCloseTo(4 * speedGhz);
  },
);
