// Whatever researchers and nodes do to jobs, in whatever order: the counts are those of the tasks, a
// job that waits for another has nothing on nodes, and a restart changes nothing.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobId, JobTemplate } from '../../scheduler/core/index.ts';
import { imageOf, jobId, stateOf } from '../../scheduler/core/index.ts';
import { taskState } from '../../scheduler/core/columns.ts';
import type { JobRecord, State } from '../../scheduler/core/state.ts';
import { CoreHarness } from '../scheduler/core/harness.ts';
import { propertyRuns } from '../property-runs.ts';

/** `npm run fuzz` asks for many more. */
const numRuns = propertyRuns(60);

const which = fc.nat({ max: 5 });
const step = fc.oneof(
  fc.record({
    kind: fc.constant('submit' as const),
    tasks: fc.integer({ min: 1, max: 6 }),
    after: fc.array(which, { maxLength: 2 }),
  }),
  fc.record({ kind: fc.constantFrom('cancel' as const, 'delete' as const), which }),
  fc.record({ kind: fc.constant('retry' as const), which, tasks: fc.option(fc.array(which)) }),
  fc.record({
    kind: fc.constant('end' as const),
    code: fc.constantFrom('succeeded' as const, 'succeeded' as const, 'exited' as const),
    lease: fc.nat({ max: 8 }),
  }),
  fc.record({ kind: fc.constantFrom('wait' as const, 'restart' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

test('jobs that wait, are retried, cancelled and deleted keep their books', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const core = new CoreHarness();
      core.setSite('home', 100e6);
      core.node('pi', 'home');
      for (const [number, each] of steps.entries()) {
        take(core, each, number);
        check(core.state);
      }
      settle(core);
      expect([...core.state.jobs.values()].map((job) => job.state)).not.toContain('active');
    }),
    { numRuns: 3 * numRuns },
  );
});

function take(core: CoreHarness, each: Step, number: number): void {
  const ids = [...core.state.jobById.keys()];
  const named = (at: number): JobId => ids[at % Math.max(1, ids.length)] ?? jobId('none');
  switch (each.kind) {
    case 'submit': {
      const after = ids.length === 0 ? [] : [...new Set(each.after.map(named))];
      core.submit(`job ${number}`, { after, taskCount: each.tasks, retries: 1 });
      return;
    }
    case 'cancel':
      core.give({ kind: 'cancelJob', jobId: named(each.which) });
      return;
    case 'delete':
      core.give({ kind: 'deleteJob', jobId: named(each.which) });
      return;
    case 'retry': {
      const request = { jobId: named(each.which), requestId: String(number % 7) };
      core.give({ kind: 'retryTasks', ...request, indexes: each.tasks });
      return;
    }
    case 'end': {
      const held = [...core.state.leases.keys()];
      const lease = held[each.lease % Math.max(1, held.length)];
      if (lease !== undefined) core.end('pi', lease, each.code);
      return;
    }
    case 'wait':
      return core.wait(11 * 60_000);
    case 'restart':
      core.state = stateOf(imageOf(core.state));
      core.speak('pi', { held: [...core.state.leases.keys()] });
  }
}

/** All that can run succeeds. */
function settle(core: CoreHarness): void {
  for (let round = 0; round < 500; round += 1) {
    const [lease] = core.state.leases.keys();
    if (lease === undefined && core.state.waitingJobs.size === 0) break;
    if (lease === undefined) core.wait(11 * 60_000);
    else core.end('pi', lease, 'succeeded');
    core.speak('pi', { held: [...core.state.leases.keys()] });
    core.wait(0);
  }
}

function check(state: State): void {
  let waiting = 0;
  for (const job of state.jobs.values()) {
    checkCounts(job);
    waiting += job.waiting;
    // Lost ones may still bring a result.
    const leases = [...state.leases.values()].filter(
      (lease) => lease.jobNumber === job.number && !lease.isVoid,
    );
    expect(leases.length).toBe(job.leased);
    const isInQueue = job.waiting > 0 && job.waitsFor.length === 0;
    expect(state.waitingJobs.has(job.number)).toBe(isInQueue);
    if (job.waitsFor.length > 0) expect(job.leased + job.succeeded).toBe(0);
    if (job.state !== 'active') expect(job.waiting + job.leased).toBe(0);
    for (const number of job.waitsFor) {
      // Whoever waits for one that will not succeed has been cancelled.
      if (state.jobs.get(number)?.state !== 'active') expect(job.state).not.toBe('active');
    }
  }
  expect(state.researchers.get('ada')?.waitingTasks ?? 0).toBe(waiting);
}

function checkCounts(job: JobRecord): void {
  const counts = { waiting: 0, leased: 0, succeeded: 0, failed: 0, cancelled: 0 };
  const { taskCount }: JobTemplate = job.template;
  for (let index = 0; index < taskCount; index += 1) counts[taskState(job.tasks, index)] += 1;
  expect(counts).toEqual({
    ...{ waiting: job.waiting, leased: job.leased, succeeded: job.succeeded },
    ...{ failed: job.failed, cancelled: job.cancelled },
  });
}
