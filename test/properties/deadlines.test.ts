// A sweep looks at few nodes, and finds what a look at all of them finds, whatever has happened.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { imageOf, jobId, nodeId, stateOf } from '../../scheduler/core/index.ts';
import type { CoreHarness } from '../scheduler/core/harness.ts';
import { heldBy, template } from '../scheduler/core/harness.ts';
import { federation, minuteMs, service } from '../scheduler/core/service-harness.ts';
import { propertyRuns } from '../property-runs.ts';

const numRuns = propertyRuns(60);

/** Of a few nodes, and of one in a block of its own. */
const which = fc.constantFrom(0, 0, 1, 65);
const patience = fc.constantFrom(30_000, 4 * minuteMs, 40 * minuteMs);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('speak' as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('disconnect' as const), which }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      which,
      code: fc.constantFrom('succeeded' as const, 'exited' as const, 'given_back' as const),
    }),
  },
  fc.record({ kind: fc.constant('submit' as const), patience }),
  fc.record({ kind: fc.constant('serve' as const), patience }),
  fc.record({ kind: fc.constant('update' as const), patience }),
  fc.record({ kind: fc.constant('enrol' as const) }),
  fc.record({ kind: fc.constant('restart' as const) }),
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom<number>(10_000, 20_000, 20_000, minuteMs, 3 * minuteMs),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

test('a sweep of few nodes finds what one of all finds', () => {
  fc.assert(
    // More nodes than one block has.
    fc.property(fc.constantFrom(3, 66), fc.array(step, { maxLength: 40 }), (size, steps) => {
      const [few, all] = [federation(size), federation(size)];
      for (const core of [few, all]) {
        take(core, { kind: 'submit', patience: 30_000 }, -1);
        take(core, { kind: 'serve', patience: 40 * minuteMs }, -1);
      }
      for (const [number, each] of steps.entries()) {
        all.state.deadlines.forget();
        for (const core of [few, all]) take(core, each, number);
        expect(foundBy(few)).toEqual(foundBy(all));
      }
    }),
    { numRuns },
  );
});

function foundBy({ facts }: CoreHarness) {
  return facts.splice(0).filter(({ kind }) => kind !== 'nodesLookedAt');
}

function take(core: CoreHarness, each: Step, number: number): void {
  const { state } = core;
  const node = state.nodes['which' in each ? each.which % state.nodes.length : 0];
  const name = node?.nodeId ?? '';
  switch (each.kind) {
    case 'speak':
      core.speak(name, { held: heldBy(node) });
      return;
    case 'disconnect':
      core.give({ kind: 'nodeDisconnected', nodeId: nodeId(name) });
      return;
    case 'end': {
      const lease = [...state.leases.values()][each.which % Math.max(1, state.leases.size)];
      const holder = state.nodes[lease?.nodeNumber ?? -1];
      if (lease !== undefined && holder !== undefined) {
        core.end(holder.nodeId, lease.leaseId, each.code);
      }
      return;
    }
    case 'submit':
      core.submit(`job ${number}`, { taskCount: 8, lostAfterMs: each.patience });
      return;
    case 'serve':
      core.submit('web', { ...service(), lostAfterMs: each.patience });
      return;
    case 'update': {
      const changed = template({ name: 'web', ...service(), lostAfterMs: each.patience });
      const requestId = `update ${number}`;
      core.give({ kind: 'updateJob', jobId: jobId('web'), requestId, template: changed });
      return;
    }
    case 'enrol':
      core.node(`late ${number}`, 'site 0');
      return;
    case 'restart':
      core.state = stateOf(imageOf(state));
      return;
    case 'wait':
      core.wait(each.ms);
  }
}

test('a service that waits for less long now leaves a node that is silent already', () => {
  const core = federation(1);
  take(core, { kind: 'serve', patience: 40 * minuteMs }, 0);
  take(core, { kind: 'disconnect', which: 0 }, 0);
  for (const ms of [10_000, 30_000]) take(core, { kind: 'wait', ms }, 0);
  expect(core.state.nodes[0]?.leases).toHaveLength(3);
  take(core, { kind: 'update', patience: 30_000 }, 1);
  take(core, { kind: 'wait', ms: 10_000 }, 0);
  expect(core.state.nodes[0]?.leases).toHaveLength(0);
});
