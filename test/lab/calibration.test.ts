// The lab against which the simulator is held, at a tiny size, so that it can't rot.

import { beforeEach, expect, test } from 'vitest';
import { explain } from '../../benchmarks/calibration/explain.ts';
import type { LabPlan } from '../../benchmarks/calibration/lab-run.ts';
import { runInLab } from '../../benchmarks/calibration/lab-run.ts';
import { Network } from '../../lab/network.ts';
import { longTestMs } from '../integration/program.ts';

const missing = Network.missing();
const isShort = process.env['PUNNET_LONG_TESTS'] === undefined;
beforeEach((context) => {
  context.skip(missing !== undefined, missing);
  context.skip(isShort, 'npm run test:lab runs it');
});

const tiny: LabPlan = {
  ...{ policy: 'fifo', cpuShare: null },
  homes: [{ name: 'one', nodes: 1, downBps: 8e6, upBps: 2e6 }],
  jobs: [{ name: 'data', tasks: 2, seconds: 1, inputBytes: 400_000, outputBytes: 1_000 }],
};

test(
  'what a lab did is simulated, and what the simulation left out makes it longer',
  async () => {
    const lab = await runInLab(tiny);
    // A program of two files, and the inputs.
    expect(lab.payloadPart).toBeGreaterThan(0.8);
    expect(lab.payloadPart).toBeLessThan(1);
    expect(lab.stretch).toBeGreaterThanOrEqual(1);
    expect(lab.turnaroundSeconds).toBeGreaterThan(0);
    const { real, simulated, withPayload, withTimes } = await explain(tiny, lab);
    // Two seconds of sleep, and 0.4 s until the first input is there.
    expect(simulated).toBeGreaterThan(2.4);
    expect(simulated).toBeLessThan(3.5);
    expect(withPayload).toBeGreaterThanOrEqual(simulated);
    expect(withTimes).toBeGreaterThan(withPayload);
    expect(real).toBeGreaterThan(2.4);
  },
  longTestMs,
);
