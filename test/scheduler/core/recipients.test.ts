// Who gets what a task says: attempts of its own job alone, and only from the node that runs it.

import { expect, test } from 'vitest';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { leaseId, nodeId } from '../../../scheduler/core/index.ts';
import { CoreHarness } from './harness.ts';

const federation = { network: 'federation' } as const;

/** Task 0 of a job is at `one`, task 1 at `two`; another job has a task at `two`, too. */
function atWork(changes: Partial<JobTemplate> = federation) {
  const core = new CoreHarness();
  core.setSite('home', 10e6);
  core.node('one', 'home');
  core.node('two', 'home');
  core.submit('job', { taskCount: 8, ...changes });
  const grants = core.take('grant');
  const at = (index: number) => {
    const grant = grants.find(({ taskIndex }) => taskIndex === index);
    if (grant === undefined) throw new Error(`task ${index} has no lease`);
    return grant;
  };
  const says = (from: number, toIndex: number, more: object = {}) =>
    core.view.recipientsOf({
      nodeId: at(from).nodeId,
      leaseId: at(from).leaseId,
      toIndex,
      ...more,
    });
  return { core, at, says };
}

test('the attempt of the task that it names, with who says it', () => {
  const { at, says } = atWork();
  const { nodeId: node, leaseId: lease } = at(1);
  expect(says(0, 1)).toEqual([{ nodeId: node, leaseId: lease, fromIndex: 0 }]);
  expect(says(0, 0)).toMatchObject([{ fromIndex: 0 }]);
});

test.each([
  ["with a lease that is another node's", { nodeId: nodeId('stranger') }],
  ['with a lease that never was', { leaseId: leaseId(999) }],
  ['to a task that there is not', { toIndex: 8 }],
  ['to no task', { toIndex: -1 }],
])('nobody hears what a node says %s', (_what, more) => {
  expect(atWork().says(0, 1, more)).toEqual([]);
});

test('nobody hears a job that asked for no messages', () => {
  expect(atWork({}).says(0, 1)).toEqual([]);
});

test('a task that has ended neither says nor hears anything', () => {
  const { core, at, says } = atWork();
  const { nodeId: node, leaseId: lease } = at(1);
  const ended = { leaseId: lease, code: 'succeeded', exitCode: 0, cpuMs: 1, wallMs: 1 } as const;
  core.speak(node, { ended: [{ ...ended, result: null, isResultPresent: true }] });
  expect(says(0, 1)).toEqual([]);
  expect(says(1, 0)).toEqual([]);
});
