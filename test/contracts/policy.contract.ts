// What holds of every policy, whatever it prefers: the core keeps the rules that are not the
// policy's business, and the same is decided whenever the same is asked.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openHighs } from '../../scheduler/adapters/plan/highs.ts';
import type { Effect, LeaseId, Policy } from '../../scheduler/core/index.ts';
import { instant, jobId, nodeId } from '../../scheduler/core/index.ts';
import { leasesPerSlot } from '../../scheduler/core/limits.ts';
import { slotLeases, slotsOf } from '../../scheduler/core/leases.ts';
import { refuseNode } from '../../scheduler/core/placement/filter.ts';
import { propertyRuns } from '../property-runs.ts';
import { CoreHarness, pi3, template } from '../scheduler/core/harness.ts';

const solve = await openHighs();

const federation = fc.record({
  sites: fc.array(
    fc.record({
      mbps: fc.constantFrom(0.5, 8, 100),
      nodes: fc.array(
        fc.record({
          slots: fc.constantFrom(1, 4),
          speedGhz: fc.constantFrom(0.4, 1.2),
          architecture: fc.constantFrom('armv6l' as const, 'armv7l' as const, 'aarch64' as const),
          memoryBytes: fc.constantFrom(256e6, 1e9),
          trouble: fc.constantFrom('none', 'none', 'none', 'draining', 'revoked', 'not accepting'),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  jobs: fc.array(
    fc.record({
      researcher: fc.constantFrom('ada', 'bob'),
      tasks: fc.integer({ min: 1, max: 12 }),
      work: fc.constantFrom(null, 5, 500),
      inputBytes: fc.constantFrom(0, 1e5, 2e7),
      architecture: fc.constantFrom('armv6l' as const, 'armv7l' as const),
      memoryBytes: fc.constantFrom(64e6, 300e6),
      priority: fc.constantFrom(0, 1),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  quota: fc.constantFrom(null, 3),
});

type Drawn = typeof federation extends fc.Arbitrary<infer T> ? T : never;
type Grant = Extract<Effect, { kind: 'grant' }>;

export function policyContract(policy: Policy): void {
  test(`${policy.name}: never a full, refused or unhealthy node, never a task twice, no quota broken`, () => {
    fc.assert(
      fc.property(federation, (drawn) => {
        run(policy, drawn, check);
      }),
      { numRuns: propertyRuns(25) },
    );
  });

  test(`${policy.name}: the same story twice is the same to the byte`, () => {
    fc.assert(
      fc.property(federation, (drawn) => {
        const told = (): string => {
          const grants: Grant[] = [];
          run(policy, drawn, (_core, more) => grants.push(...more));
          return JSON.stringify(grants);
        };
        expect(told()).toBe(told());
      }),
      { numRuns: propertyRuns(6) },
    );
  });

  test(`${policy.name}: every replica of a service has a place, at the site with the fewest`, () => {
    const core = new CoreHarness();
    core.policy = policy;
    for (const site of ['s0', 's1', 's2']) {
      core.setSite(site, 8e6);
      core.node(`${site}-a`, site);
    }
    const bag = { taskCount: 2, taskInputBytes: new Array<number>(2).fill(1e5) };
    core.submit('bag', { ...bag, profile: { workGhzSeconds: 60, outputBytes: 1_000 } });
    const rates = { cpuGhz: 0.5, downBps: 1e5, upBps: 1e5 };
    core.submit('web', { taskCount: 6, outputs: [], service: { rates } });
    const grants = core.take('grant').filter((grant) => grant.jobId === jobId('web'));
    const nodes = grants.map((grant) => grant.nodeId).sort();
    expect(nodes).toEqual(['s0-a', 's0-a', 's1-a', 's1-a', 's2-a', 's2-a']);
  });
}

/** Jobs come one after another, and leases end in the order in which they were granted. */
function run(
  policy: Policy,
  drawn: Drawn,
  look: (core: CoreHarness, grants: readonly Grant[]) => void,
): void {
  const core = new CoreHarness();
  core.policy = policy;
  addNodes(core, drawn);
  core.give({ kind: 'setResearcher', name: 'ada', settings: { maxLeases: drawn.quota } });
  const held: { readonly nodeId: string; readonly leaseId: LeaseId }[] = [];
  const take = (): void => {
    for (const { planId, program } of core.take('solvePlan')) {
      core.give({ kind: 'planSolved', planId, solution: solve(program) });
    }
    const grants = core.take('grant');
    look(core, grants);
    held.push(...grants);
  };
  for (const [index, job] of drawn.jobs.entries()) {
    const bytes = job.inputBytes === 0 ? [] : new Array<number>(job.tasks).fill(job.inputBytes);
    core.give({
      ...{ kind: 'submitJob', jobId: jobId(`j${index}`), researcher: job.researcher },
      requestId: `j${index}`,
      template: template({
        ...{ name: `j${index}`, taskCount: job.tasks, taskInputBytes: bytes },
        profile: { workGhzSeconds: job.work, outputBytes: 1_000 },
        bundles: template().bundles.map((each) => ({ ...each, architecture: job.architecture })),
        ...{ memoryBytes: job.memoryBytes, priority: job.priority },
      }),
    });
    take();
  }
  for (let step = 0; step < 200 && held.length > 0; step += 1) {
    const { nodeId: node, leaseId } = held.shift() ?? { nodeId: '', leaseId: 0 as LeaseId };
    core.nowMs += 700;
    core.speak(node, { started: [leaseId] });
    take();
    core.end(node, leaseId, step % 7 === 3 ? 'exited' : 'succeeded');
    take();
  }
}

function addNodes(core: CoreHarness, drawn: Drawn): void {
  for (const [index, site] of drawn.sites.entries()) {
    core.setSite(`s${index}`, site.mbps * 1e6);
    for (const [number, { trouble, ...node }] of site.nodes.entries()) {
      const name = `n${index}-${number}`;
      core.node(name, `s${index}`, { ...pi3, ...node });
      if (trouble === 'draining') {
        core.give({ kind: 'drainNodes', of: { nodeId: nodeId(name) }, isDraining: true });
      }
      if (trouble === 'revoked') core.give({ kind: 'revokeNode', nodeId: nodeId(name) });
      if (trouble === 'not accepting') core.speak(name, { status: paused });
    }
  }
}

const paused = {
  ...{ load: 0, memoryAvailableBytes: 1e9, diskAvailableBytes: 1e10, temperatureC: 40 },
  ...{ uplink: null, isAccepting: false, slots: 4, hoursLeftMs: null },
  refuses: [],
  month: null,
  notAccepting: { code: 'paused', reason: 'its owner has paused it' },
};

function check({ state, nowMs }: CoreHarness, grants: readonly Grant[]): void {
  const tasks = new Set<string>();
  for (const { nodeId: id, leaseId, jobId: name, taskIndex } of grants) {
    const node = state.nodeById.get(id);
    const job = state.jobById.get(name);
    if (node === undefined || job === undefined) throw new Error('a grant of nothing');
    expect(refuseNode(job, node, instant(nowMs))).toBeNull();
    expect(slotLeases(node)).toBeLessThanOrEqual(leasesPerSlot * slotsOf(node));
    expect(tasks.has(`${name} ${taskIndex}`)).toBe(false);
    tasks.add(`${name} ${taskIndex}`);
    const isNamed = job.tasks.lease[taskIndex] === leaseId;
    expect(isNamed || job.backups.get(taskIndex) === leaseId).toBe(true);
  }
  for (const { leases, settings } of state.researchers.values()) {
    expect(leases).toBeLessThanOrEqual(settings.maxLeases ?? Number.POSITIVE_INFINITY);
  }
}
