// Reports of many idle nodes in one command do what each of them does alone, whatever has happened.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IdleReport, NodeSpoke } from '../../scheduler/core/index.ts';
import { imageOf, nodeId, stateOf } from '../../scheduler/core/index.ts';
import type { CoreHarness } from '../scheduler/core/harness.ts';
import { federation, minuteMs } from '../scheduler/core/service-harness.ts';
import { propertyRuns } from '../property-runs.ts';

const numRuns = propertyRuns(100);
const size = 2;
const which = fc.nat(size - 1);

/** Mostly the agent that is known, with a message that was not heard. */
const speaker = fc.record({
  newer: fc.constantFrom(0, 0, 0, 0, 1, -1),
  instanceId: fc.constantFrom('first', 'first', 'first', 'twin'),
  later: fc.constantFrom(1, 1, 1, 0, -1),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('report' as const),
      speakers: fc.tuple(...Array.from({ length: size }, () => fc.option(speaker))),
    }),
  },
  fc.record({ kind: fc.constant('disconnect' as const), which }),
  fc.record({ kind: fc.constant('revoke' as const), which }),
  fc.record({ kind: fc.constant('submit' as const) }),
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('start' as const, 'end' as const),
      which: fc.nat(20),
    }),
  },
  fc.record({ kind: fc.constant('restart' as const) }),
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(15_000, minuteMs, 3 * minuteMs, 8 * minuteMs, 40 * minuteMs),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

test('reports of idle nodes in one command do what each does alone', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const [many, alone] = [federation(size), federation(size)];
      for (const core of [many, alone]) {
        take(core, { kind: 'submit' }, -1);
        for (const first of [0, 1]) take(core, { kind: 'start', which: first }, -1);
      }
      for (const [number, each] of steps.entries()) {
        for (const core of [many, alone]) take(core, each, number);
        if (each.kind === 'report') {
          const reports = reportsOf(many, each);
          many.give({ kind: 'nodesIdle', reports });
          alone.giveAll(reports.map((report) => messageOf(alone, report)));
        }
        expect(seenOf(many)).toEqual(seenOf(alone));
      }
    }),
    { numRuns },
  );
});

/** The nodes as the core has them, what it wants, and what it decided beside that it heard them. */
function seenOf({ state, effects, facts }: CoreHarness) {
  const heard = ['nodeHeard', 'nodesHeard', 'nodesLookedAt'];
  const decided = facts.splice(0).filter(({ kind }) => !heard.includes(kind));
  return { nodes: state.nodes, effects: effects.splice(0), decided };
}

function reportsOf({ state }: CoreHarness, { speakers }: Extract<Step, { kind: 'report' }>) {
  return speakers.flatMap((speaker, nodeNumber): IdleReport[] => {
    const node = state.nodes[nodeNumber];
    if (node === undefined || speaker === null) return [];
    const { newer, instanceId, later } = speaker;
    const instanceNumber = node.instanceNumber + newer;
    return [{ nodeNumber, instanceNumber, instanceId, sequence: node.sequence + later }];
  });
}

function messageOf({ state }: CoreHarness, { nodeNumber, ...speaker }: IdleReport): NodeSpoke {
  return {
    ...{ kind: 'nodeSpoke', nodeId: nodeId(state.nodes[nodeNumber]?.nodeId ?? ''), ...speaker },
    ...{ status: null, inventory: null, held: [], started: [], exited: [], ended: [] },
    ...{ transfersWanted: [], transfersDone: [] },
  };
}

function take(core: CoreHarness, each: Step, number: number): void {
  const { state } = core;
  switch (each.kind) {
    case 'report':
      return;
    case 'disconnect':
      core.give({ kind: 'nodeDisconnected', nodeId: nodeId(`pi 0.${each.which}`) });
      return;
    case 'revoke':
      core.give({ kind: 'revokeNode', nodeId: nodeId(`pi 0.${each.which}`) });
      return;
    case 'submit':
      core.submit(`job ${number}`, { taskCount: 2 });
      return;
    case 'start':
    case 'end': {
      const lease = [...state.leases.values()][each.which % Math.max(1, state.leases.size)];
      const holder = state.nodes[lease?.nodeNumber ?? -1];
      if (lease === undefined || holder === undefined) return;
      const { leaseId } = lease;
      const end = { leaseId, code: 'succeeded', exitCode: 0, cpuMs: 1, wallMs: 1 } as const;
      core.speak(holder.nodeId, {
        ...{ instanceNumber: holder.instanceNumber, instanceId: holder.instanceId },
        started: [leaseId],
        ended: each.kind === 'end' ? [{ ...end, result: null, isResultPresent: true }] : [],
      });
      return;
    }
    case 'restart':
      core.state = stateOf(imageOf(state));
      return;
    case 'wait':
      core.wait(each.ms);
  }
}
