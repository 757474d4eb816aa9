// `npm run calibrate`: how far the simulator is from a federation of real programs. Writes what it found where
// reports of simulations have it from; it is to be committed with them.

import { writeFileSync } from 'node:fs';
import { Network } from '../../lab/network.ts';
import type { Calibration } from '../../sim/report/calibration.ts';
import { calibrationText } from '../../sim/report/calibration.ts';
import { commitText } from '../../sim/report/page/origin.ts';
import { describeMachine } from '../machine.ts';
import { explain } from './explain.ts';
import type { LabPlan } from './lab-run.ts';
import { runInLab } from './lab-run.ts';

const file = new URL('../../sim/report/calibration.json', import.meta.url);
const runs = 3;

const plan: LabPlan = {
  policy: 'least-allocated',
  homes: [
    { name: 'village', nodes: 2, downBps: 1e6, upBps: 0.25e6 },
    { name: 'town', nodes: 3, downBps: 4e6, upBps: 1e6 },
    { name: 'city', nodes: 3, downBps: 16e6, upBps: 4e6 },
  ],
  jobs: [
    { name: 'data', tasks: 48, seconds: 4, inputBytes: 3_000_000, outputBytes: 20_000 },
    { name: 'compute', tasks: 64, seconds: 12, inputBytes: 5_000, outputBytes: 2_000 },
  ],
};

async function main(): Promise<number> {
  const missing = Network.missing();
  if (missing !== undefined) {
    process.stderr.write(`There can be no lab here: ${missing}.\n`);
    return 1;
  }
  process.stdout.write(`${describeMachine()}\n`);
  const found = [];
  for (let run = 0; run < runs; run += 1) {
    const lab = await runInLab(plan);
    found.push({
      ...(await explain(plan, lab)),
      payloadPart: lab.payloadPart,
      stretch: lab.stretch,
      turnaroundSeconds: lab.turnaroundSeconds,
    });
    process.stdout.write(`${JSON.stringify(found.at(-1))}\n`);
  }
  const calibration: Calibration = {
    on: new Date().toISOString().slice(0, 10),
    commit: commitText(),
    ...plan,
    runs: found,
  };
  writeFileSync(file, `${JSON.stringify(calibration, null, 2)}\n`);
  process.stdout.write(`${describeMachine()}\n${calibrationText(calibration)}\n`);
  return 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main();
