// What a policy holds at a site it holds at each of its nodes, whatever a round gives: these are not
// asked one by one.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openHighs } from '../../scheduler/adapters/plan/highs.ts';
import { instant, policyMakers } from '../../scheduler/core/index.ts';
import { leasesPerSlot, planEveryMs } from '../../scheduler/core/limits.ts';
import { Round } from '../../scheduler/core/placement/round.ts';
import { ratioRules } from '../../scheduler/core/placement/policies/ratio.ts';
import { reasonCodes } from '../../scheduler/core/placement/reasons.ts';
import type { Policy } from '../../scheduler/core/placement/policy.ts';
import type { JobRecord, NodeRecord } from '../../scheduler/core/state.ts';
import { CoreHarness, pi3, template } from '../scheduler/core/harness.ts';
import { propertyRuns } from '../property-runs.ts';

const numRuns = propertyRuns(60);
const solve = await openHighs();
const sites = ['home', 'school'];

const job = fc.record({
  taskCount: fc.integer({ min: 1, max: 12 }),
  workGhzSeconds: fc.constantFrom(1, 30, 300),
  inputBytes: fc.constantFrom(0, 1e5, 3e6, 20e6),
  bundleBytes: fc.constantFrom(0, 1_000, 30e6),
  // Of inputs, one after another.
  growth: fc.constantFrom(1, 0.05, 0.05, 1.5),
});
type Wanted = typeof job extends fc.Arbitrary<infer T> ? T : never;

const world = fc.record({
  policy: fc.constantFrom('balance', 'ratio', 'ratio that holds no site'),
  lines: fc.tuple(fc.constantFrom(1e6, 10e6, 100e6), fc.constantFrom(1e6, 10e6)),
  nodes: fc.array(fc.record({ slots: fc.integer({ min: 1, max: 4 }), site: fc.nat({ max: 1 }) }), {
    minLength: 2,
    maxLength: 6,
  }),
  running: fc.array(job, { maxLength: 3 }),
  waiting: fc.array(job, { minLength: 1, maxLength: 3 }),
  picks: fc.array(fc.nat({ max: 100 }), { maxLength: 12 }),
});

/** What a site of 2 GHz behind 1 Mbit/s has in hand, what a task adds, and when its node is free. */
const line = fc.record({
  workGhzSeconds: fc.constantFrom(0, 20, 200),
  downBits: fc.constantFrom(0, 9e6, 11e6, 30e6, 300e6),
  incoming: fc.constantFrom(2, 3, 9),
  more: fc.constantFrom(0, 1e6, 5e6, 20e6),
  busySeconds: fc.constantFrom(0, 5, 10, 12, 16, 31, 35, 60, 200),
});

test('what is held at a site is held at each of its nodes', () => {
  fc.assert(
    fc.property(world, (of) => {
      const core = coreOf(of);
      const { state, policy } = core;
      const round = new Round(state, { now: instant(core.nowMs), policy });
      const [jobs = []] = round.turns.groups;
      for (const pick of [...of.picks, 0]) {
        const pairs = jobs.flatMap((each) => state.nodes.map((node) => ({ job: each, node })));
        const free = pairs.filter((pair) => isFree(round, { jobs, ...pair }));
        const next = free[pick % Math.max(1, free.length)];
        const option = next === undefined ? null : round.option(next.job, next.node);
        if (option !== null) round.give({ option, reason: reasonCodes.policy });
        else round.perSlot = leasesPerSlot;
      }
    }),
    { numRuns: 3 * numRuns },
  );
});

test('for how long a node must be busy is what decides whether its line is full for it', () => {
  const core = new CoreHarness();
  core.setSite('home', 1e6);
  core.node('n', 'home');
  const policy: Policy = { ...core.policy, hold: () => waits };
  core.policy = policy;
  submit(core, { taskCount: 1, workGhzSeconds: 1, inputBytes: 1e5, bundleBytes: 0, growth: 1 });
  const { hold, leastBusy } = ratioRules.line;
  const [node] = core.state.nodes;
  const [job] = core.state.jobs.values();
  if (node === undefined || job === undefined) throw new Error('the world is empty');
  fc.assert(
    fc.property(line, ({ busySeconds, more, ...has }) => {
      class Busy extends Round {
        override freeIn(): number {
          return busySeconds;
        }
      }
      const round = new Busy(core.state, { now: instant(core.nowMs), policy });
      const option = round.optionOf(job, 0, node);
      const load = { ...option.load, ...has, cpuGhz: 2, downBps: 1e6 };
      const cost = { ...option.cost, downBits: more };
      const least = leastBusy?.({ ...option, load, cost, isStaged: true }, round);
      const refusal = hold({ ...option, load, cost }, round);
      expect(refusal !== null).toBe(busySeconds < (least ?? 0));
    }),
    { numRuns: 3 * numRuns },
  );
});

test('programs that nodes of one site may not fetch those of another may', () => {
  const core = new CoreHarness();
  for (const site of sites) {
    core.setSite(site, 1e6);
    core.node(`at ${site}`, site);
  }
  const { holdsSite: _, ...others } = core.policy;
  core.policy = { ...others, hold: () => waits };
  submit(core, { taskCount: 1, workGhzSeconds: 1, inputBytes: 0, bundleBytes: 30e6, growth: 1 });
  const policy: Policy = { ...others, holdsFetch: ({ site }) => site.siteId === sites[0] };
  const round = new Round(core.state, { now: instant(core.nowMs), policy });
  const [jobs = []] = round.turns.groups;
  const counts = core.state.nodes.map((node) => unheldOf(round, { jobs, node }).length);
  expect(counts).toEqual([0, 1]);
});

interface Asker {
  readonly jobs: readonly JobRecord[];
  readonly node: NodeRecord;
}

function unheldOf(round: Round, { jobs, node }: Asker): readonly JobRecord[] {
  return [...round.unheld(jobs, node), ...round.unheldElse(jobs, node)];
}

interface Pair {
  readonly job: JobRecord;
  readonly node: NodeRecord;
}

/** Whether the node may be given a task of the job; nodes without a place are not asked. */
function isFree(
  round: Round,
  { job, jobs, node }: Pair & { readonly jobs: readonly JobRecord[] },
): boolean {
  if (!round.hasPlace(node.number)) return false;
  const pair = `${job.jobId} at ${node.nodeId}`;
  const isOption = round.option(job, node) !== null;
  const unheld = unheldOf(round, { jobs, node });
  const isHeld = !unheld.includes(job) || round.isHeld(node.number);
  expect([pair, isOption && isHeld]).toEqual([pair, false]);
  return isOption;
}

function coreOf({ policy, lines, nodes, running, waiting }: World): CoreHarness {
  const core = new CoreHarness();
  core.policy = policyOf(policy);
  for (const [index, site] of sites.entries()) core.setSite(site, lines[index] ?? 1e6);
  for (const [number, { slots, site }] of nodes.entries()) {
    core.node(`n${number}`, sites[site] ?? '', { ...pi3, slots });
  }
  for (const each of running) submit(core, each);
  core.wait(planEveryMs);
  // Waits, as at the end of a round in which no slot was free.
  core.policy = { ...core.policy, hold: () => waits };
  for (const each of waiting) submit(core, each);
  core.wait(planEveryMs);
  for (const { planId, program } of core.take('solvePlan').slice(-1)) {
    core.give({ kind: 'planSolved', planId, solution: solve(program) });
  }
  core.policy = policyOf(policy);
  return core;
}

function policyOf(name: string): Policy {
  const policy = policyMakers.get(name === 'balance' ? name : 'ratio')?.make(0);
  if (policy === undefined) throw new Error(`there is no policy ${name}`);
  if (name !== 'ratio that holds no site') return policy;
  const { holdsSite: _, ...others } = policy;
  return others;
}

type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

const waits = { code: 'test', reason: 'the test places it itself', remedy: 'wait' };

function submit(core: CoreHarness, each: Wanted): void {
  const { taskCount, workGhzSeconds, inputBytes, bundleBytes, growth } = each;
  const bundles = template().bundles.map((bundle) => ({ ...bundle, sizeBytes: bundleBytes }));
  core.submit(`job ${core.state.jobs.size}`, {
    taskCount,
    bundles,
    profile: { workGhzSeconds, outputBytes: 1_000 },
    taskInputBytes: Array.from({ length: taskCount }, (_, index) => inputBytes * growth ** index),
  });
}
