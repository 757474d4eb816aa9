// `sweep`: one policy at each value of its parameter, so that a peer is held against at its best.

import process from 'node:process';
import { policyMakers } from '../../scheduler/core/index.ts';
import { comparisonOf } from '../report/comparison.ts';
import { InputError, readScenario } from '../scenario/read.ts';
import type { CompareOptions } from './compare.ts';
import { runsOf } from './compare.ts';
import { ProgressLine } from './progress-line.ts';
import { RunPool } from './run-pool.ts';
import { show } from './show-comparison.ts';
import { makeFolder } from './write.ts';

export interface SweepOptions extends Omit<CompareOptions, 'policies' | 'patience'> {
  readonly policy: string;
}

export async function sweep(scenario: string, options: SweepOptions): Promise<void> {
  const { name } = readScenario(scenario);
  const policies = valuesOf(options.policy).map((value) => `${options.policy}=${value}`);
  makeFolder(options.out);
  // What has a parameter comes with the scheduler, and answers.
  const wanted = runsOf(scenario, policies, { ...options, patience: 0 });
  const line = new ProgressLine();
  const stuck = new Set<string>();
  const runs = await new RunPool(options.workers).run(wanted, {
    onProgress: (progress) => line.tellRuns(progress),
    onStuck: ({ policy }) => stuck.add(policy),
  });
  line.end();
  const able = policies.filter((policy) => !stuck.has(policy));
  const ended = runs.filter(({ summary }) => able.includes(summary.policy));
  const summaries = ended.map(({ summary }) => summary);
  const comparison = comparisonOf(name, able, summaries);
  const words = ['sweep', scenario, '--policy', options.policy, '--seeds', String(options.seeds)];
  const { out } = options;
  if (able.length > 0) await show(comparison, { runs: ended, out, scenario, words });
  if (stuck.size > 0) process.stdout.write(`leaves tasks undone: ${[...stuck].join(', ')}\n`);
  const means = comparison.policies.map((each) => each.makespanOverBound.mean);
  const best = comparison.policies[means.indexOf(Math.min(...means))];
  if (best === undefined) return;
  const ratio = best.makespanOverBound.mean.toFixed(3);
  process.stdout.write(`best: ${best.policy}, makespan ÷ bound ${ratio}\n`);
}

/** What the policy's source leaves to whoever uses it. */
function valuesOf(policy: string): readonly number[] {
  const values = policyMakers.get(policy)?.parameter?.values;
  if (values !== undefined) return values;
  const known = [...policyMakers].filter(([, { parameter }]) => parameter !== null);
  const names = known.map(([name]) => name).join(', ');
  throw new InputError(`The policy "${policy}" has no parameter to sweep: name one of ${names}.`);
}
