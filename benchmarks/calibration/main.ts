// `npm run calibrate [POLICY…]`: how far the simulator is from a federation of real programs. Writes what it found where
// reports of simulations have it from; it is to be committed with them.

import { writeFileSync } from 'node:fs';
import { Network } from '../../lab/network.ts';
import type { CalibratedPlan } from '../../sim/report/calibration.ts';
import { calibrationText, lastCalibration } from '../../sim/report/calibration.ts';
import { commitText } from '../../sim/report/page/origin.ts';
import { describeMachine } from '../machine.ts';
import { explain } from './explain.ts';
import type { LabPlan } from './lab-run.ts';
import { runInLab } from './lab-run.ts';

const file = new URL('../../sim/report/calibration.json', import.meta.url);
const runs = 3;
const homes: LabPlan['homes'] = [
  { name: 'village', nodes: 2, downBps: 1e6, upBps: 0.25e6 },
  { name: 'town', nodes: 3, downBps: 4e6, upBps: 1e6 },
  { name: 'city', nodes: 3, downBps: 16e6, upBps: 4e6 },
];
const jobs: LabPlan['jobs'] = [
  { name: 'data', tasks: 48, seconds: 4, inputBytes: 3_000_000, outputBytes: 20_000 },
  { name: 'compute', tasks: 64, seconds: 12, inputBytes: 5_000, outputBytes: 2_000 },
];
/** `ratio` learns from the CPU time of tasks: a lab's two cores have an eighth for each of its nodes, and as much to spare. */
const plans: readonly LabPlan[] = [
  { policy: 'least-allocated', cpuShare: null, homes, jobs },
  { policy: 'ratio', cpuShare: 1 / 8, homes, jobs },
];

/** What was found under the policies that are not asked for stays. */
async function main(asked: readonly string[]): Promise<number> {
  const missing = Network.missing();
  if (missing !== undefined) return fail(`There can be no lab here: ${missing}.`);
  const known = plans.map(({ policy }) => policy);
  const unknown = asked.find((each) => !known.includes(each));
  if (unknown !== undefined) {
    return fail(`There is no plan for "${unknown}": name ${known.join(' or ')}, or nothing.`);
  }
  process.stdout.write(`${describeMachine()}\n`);
  let calibration = lastCalibration;
  for (const plan of plans) {
    if (asked.length > 0 && !asked.includes(plan.policy)) continue;
    const found = await calibrate(plan);
    const others = calibration.plans.filter(({ policy }) => policy !== plan.policy);
    calibration = { plans: [...others, found] };
    writeFileSync(file, `${JSON.stringify(calibration, null, 2)}\n`);
  }
  process.stdout.write(`${describeMachine()}\n${calibrationText(calibration)}\n`);
  return 0;
}

async function calibrate(plan: LabPlan): Promise<CalibratedPlan> {
  const found = [];
  for (let run = 0; run < runs; run += 1) {
    const lab = await runInLab(plan);
    const { payloadPart, stretch, turnaroundSeconds } = lab;
    found.push({ ...(await explain(plan, lab)), payloadPart, stretch, turnaroundSeconds });
    process.stdout.write(`${plan.policy} ${JSON.stringify(found.at(-1))}\n`);
  }
  const on = new Date().toISOString().slice(0, 10);
  return { on, commit: commitText(), ...plan, runs: found };
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));
