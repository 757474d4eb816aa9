// The policies that lack a part of ratio: each does without it, and nothing else keeps all its rules.

import { expect, test } from 'vitest';
import type { Policy } from '../../../scheduler/core/index.ts';
import { leaseId, ratio } from '../../../scheduler/core/index.ts';
import { ratioVariants } from '../../../sim/ablation/ratio-variants.ts';
import { simulate } from '../../../sim/run/simulate.ts';

const quiet = (): void => undefined;

async function makespanOf(policy: string): Promise<number> {
  const wanted = { scenario: 'test/fixtures/scenarios/tiny.yaml', policy, seed: 2 };
  return (await simulate(wanted, quiet)).summary.makespanSeconds;
}

const whole = await makespanOf('ratio');

test.each([
  'ratio-without-hold',
  'ratio-without-tail',
  'ratio-without-line',
  'ratio-without-places',
  'ratio-without-programs',
])('%s ends everything, and not as ratio does', async (name) => {
  expect(await makespanOf(name)).not.toBe(whole);
  expect(ratioVariants.get(name)?.policy).toMatchObject({ name });
});

test('ratio-without-order serves transfers as they come', () => {
  const waiting = [0, 1].map((place) => ({ leaseId: leaseId(place), sizeBytes: 1e6 }));
  const first = (policy: Policy | undefined) =>
    policy?.nextTransfers(waiting, 1, ({ leaseId: id }) => id === 1).map((each) => each.leaseId);
  expect(first(ratio)).toEqual([1]);
  expect(first(ratioVariants.get('ratio-without-order')?.policy)).toEqual([0]);
});
