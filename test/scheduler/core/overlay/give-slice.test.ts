// A node's place on the overlay: given once, kept for life, where there are fewest.

import { expect, test } from 'vitest';
import {
  imageOf,
  nodeAddress,
  nodeId,
  parsePrefix,
  stateOf,
} from '../../../../scheduler/core/index.ts';
import type { Answer } from '../../../../scheduler/core/index.ts';
import { StateView, defaultPolicy } from '../../../../scheduler/core/index.ts';
import { CoreHarness } from '../harness.ts';

function federation(names: readonly string[]): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 100e6);
  for (const name of names) core.node(name, 'home');
  return core;
}

function give(core: CoreHarness, name: string, slices: readonly number[]): Answer {
  return core.give({ kind: 'giveSlice', nodeId: nodeId(name), slices }).answer;
}

test('a node has its slice for life, whatever servers come and go', () => {
  const core = federation(['a', 'b']);
  const place = { kind: 'place', nodeNumber: 1, slice: 3 };
  expect(give(core, 'b', [3, 4])).toEqual(place);
  expect(give(core, 'b', [4])).toEqual(place);
  const again = core.give({ kind: 'giveSlice', nodeId: nodeId('b'), slices: [9] });
  expect(again.facts).toEqual([]);
  const restored = stateOf(imageOf(core.state));
  const view = new StateView(restored, { now: () => restored.latest, policy: defaultPolicy });
  expect(view.node(nodeId('b'))).toMatchObject({ number: 1, slice: 3 });
  expect(view.node(nodeId('a'))?.slice).toBeNull();
});

test('slices fill evenly, and the places of revoked nodes do not count', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const core = federation(names);
  const slice = (name: string): unknown => Reflect.get(give(core, name, [1, 2]), 'slice');
  expect(names.slice(0, 4).map(slice)).toEqual([1, 2, 1, 2]);
  core.give({ kind: 'revokeNode', nodeId: nodeId('d') });
  expect(slice('e')).toBe(2);
});

test('a later node never has the address of an earlier one, be that revoked or not', () => {
  const core = federation(['a', 'b', 'c']);
  const parsed = parsePrefix('fd00::/48');
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  const addresses = ['a', 'b', 'c'].map((name) => {
    const answer = give(core, name, [1]);
    core.give({ kind: 'revokeNode', nodeId: nodeId(name) });
    return answer.kind === 'place' ? nodeAddress(parsed.prefix, answer) : answer.kind;
  });
  expect(addresses).toEqual(['fd00:0:0:1::10', 'fd00:0:0:1::11', 'fd00:0:0:1::12']);
});

test('a node that is not there, or is revoked, gets none', () => {
  const core = federation(['a']);
  expect(give(core, 'x', [1])).toMatchObject({ code: 'not_found' });
  core.give({ kind: 'revokeNode', nodeId: nodeId('a') });
  expect(give(core, 'a', [1])).toMatchObject({
    code: 'failed_precondition',
    reason: expect.stringContaining(
      'Node a is revoked: ask the operator for a new token',
    ) as string,
  });
});
