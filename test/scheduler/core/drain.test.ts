// Nodes that an operator lets run empty.

import { beforeEach, expect, test } from 'vitest';
import { imageOf, jobId, leaseId, nodeId, siteId, stateOf } from '../../../scheduler/core/index.ts';
import { CoreHarness, pi3 } from './harness.ts';

let core: CoreHarness;

beforeEach(() => {
  core = new CoreHarness();
  core.setSite('home', 100e6);
  core.node('a', 'home', { ...pi3, slots: 1 });
  core.node('b', 'home', { ...pi3, slots: 1 });
});

function drain(of: string): void {
  core.give({ kind: 'drainNodes', of: { nodeId: nodeId(of) }, isDraining: true });
}

function nodesGranted(): readonly string[] {
  return core.take('grant').map((grant) => grant.nodeId);
}

test('a drained node is given nothing new, and another takes the work', () => {
  drain('a');
  core.submit('job', { taskCount: 4 });
  expect(nodesGranted()).toEqual(['b', 'b']);
});

test('what it runs goes on, and its end counts', () => {
  core.submit('job', { taskCount: 6 });
  const own = core.take('grant').filter((grant) => grant.nodeId === 'a');
  expect(own.length).toBeGreaterThan(0);
  drain('a');
  expect(core.take('cancel')).toEqual([]);
  const [first] = own;
  const ended = {
    ...({ code: 'succeeded', exitCode: 0, cpuMs: 1, wallMs: 1 } as const),
    ...{ leaseId: leaseId(first?.leaseId ?? 0), result: null, isResultPresent: true },
  };
  core.speak('a', { ended: [ended] });
  expect(core.view.job(jobId('job'))?.counts.succeeded).toBe(1);
  expect(nodesGranted()).toEqual([]);
});

test('it says so to whoever asks why a task waits', () => {
  core.give({ kind: 'drainNodes', of: { siteId: siteId('home') }, isDraining: true });
  core.submit('job', { taskCount: 1 });
  const refusals = core.view.explain(jobId('job'), null)?.refusals ?? [];
  expect(refusals.map(({ code, count }) => [code, count])).toEqual([['draining', 2]]);
  expect(core.view.node(nodeId('a'))?.isDraining).toBe(true);
});

test('undrained, it takes what waits at once', () => {
  core.give({ kind: 'drainNodes', of: { siteId: siteId('home') }, isDraining: true });
  core.submit('job', { taskCount: 1 });
  expect(nodesGranted()).toEqual([]);
  core.give({ kind: 'drainNodes', of: { nodeId: nodeId('b') }, isDraining: false });
  expect(nodesGranted()).toEqual(['b']);
});

test('it is in a snapshot, and an old snapshot knows nothing of it', () => {
  drain('a');
  const image = imageOf(core.state);
  expect(stateOf(image).nodes.map((node) => node.isDraining)).toEqual([true, false]);
  // As a scheduler before this one wrote it.
  const old = JSON.parse(JSON.stringify(image.document).replaceAll(/"isDraining":\w+,/g, ''));
  expect(stateOf({ ...image, document: old }).nodes.map((node) => node.isDraining)).toEqual([
    false,
    false,
  ]);
});

test('asked twice it decides once; a node or site that is not there is refused', () => {
  drain('a');
  const again = core.give({
    kind: 'drainNodes',
    of: { nodeId: nodeId('a') },
    isDraining: true,
  });
  expect(again.facts).toEqual([]);
  for (const of of [{ nodeId: nodeId('nobody') }, { siteId: siteId('nowhere') }]) {
    const { answer } = core.give({ kind: 'drainNodes', of, isDraining: true });
    expect(answer).toMatchObject({ kind: 'refused', code: 'not_found' });
  }
});
