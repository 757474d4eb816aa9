// What comes back, the scheduler or a node, is at work again at once: nothing waits for a report
// that is due in minutes.

import { expect, test } from 'vitest';
import { imageOf, jobId, nodeId, stateOf } from '../../../scheduler/core/index.ts';
import { CoreHarness } from './harness.ts';

function withNode(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 10e6);
  core.node('pi', 'home');
  core.wait(1_000);
  core.effects = [];
  return core;
}

test('after a start each node is asked for a report, once', () => {
  const core = withNode();
  core.state = stateOf(imageOf(core.state));
  core.wait(1_000);
  expect(core.take('askReport')).toEqual([{ kind: 'askReport', nodeId: 'pi' }]);
  core.wait(1_000);
  expect(core.take('askReport')).toEqual([]);
});

test('a node whose connection closed is suspect, and asked: it may have another by now', () => {
  const core = withNode();
  core.give({ kind: 'nodeDisconnected', nodeId: nodeId('pi') });
  expect(core.view.nodes()[0]?.health).toBe('suspect');
  expect(core.take('askReport')).toHaveLength(1);
  core.speak('pi', { held: [] });
  expect(core.view.nodes()[0]?.health).toBe('healthy');
});

test('a restarted agent is sent again what its forerunner was sent a moment ago', () => {
  const core = withNode();
  core.submit('two', { taskCount: 2 });
  const [first, second] = core.take('grant');
  core.wait(1_000);
  const held = first === undefined ? [] : [first.leaseId];
  core.speak('pi', { instanceNumber: 2, instanceId: 'second', held });
  expect(core.take('grant')).toEqual([second]);
  // That one may be on its way now.
  core.speak('pi', { instanceNumber: 2, instanceId: 'second', held });
  expect(core.take('grant')).toEqual([]);
});

test('the report of a restarted agent that comes after another word of it does the same', () => {
  const core = withNode();
  core.submit('one', { taskCount: 1 });
  const grants = core.take('grant');
  core.wait(1_000);
  core.speak('pi', { instanceNumber: 2, instanceId: 'second' });
  core.wait(1_000);
  core.speak('pi', { instanceNumber: 2, instanceId: 'second', held: [] });
  expect(core.take('grant')).toEqual(grants);
});

test('after a start a node is given tasks when it was heard, not before', () => {
  const core = withNode();
  core.state = stateOf(imageOf(core.state));
  core.submit('one', { taskCount: 1 });
  core.wait(1_000);
  expect(core.take('grant')).toEqual([]);
  expect(core.view.explain(jobId('one'), null)?.refusals).toMatchObject([{ code: 'node_unheard' }]);
  core.speak('pi', { held: [] });
  expect(core.take('grant')).toHaveLength(1);
});

test('a node that does not come back after a start is suspect after a minute', () => {
  const core = withNode();
  core.state = stateOf(imageOf(core.state));
  core.wait(1_000);
  core.wait(59_000);
  expect(core.view.nodes()[0]?.health).toBe('healthy');
  core.wait(1_000);
  expect(core.view.nodes()[0]?.health).toBe('suspect');
});
