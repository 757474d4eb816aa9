// What a node says of itself goes into the journal: no node may fill it.

import { expect, test } from 'vitest';
import { newsAtOnce, newsEveryMs } from '../../../scheduler/core/limits.ts';
import { nodeId } from '../../../scheduler/core/index.ts';
import type { NodeSpoke } from '../../../scheduler/core/index.ts';
import { CoreHarness, pi3 } from './harness.ts';

type Kind = 'nodeInventoryChanged' | 'nodeInstanceChanged';
const rows: readonly (readonly [Kind, (each: number) => Partial<NodeSpoke>])[] = [
  ['nodeInventoryChanged', (each) => ({ inventory: { ...pi3, model: `Pi ${each}` } })],
  ['nodeInstanceChanged', (each) => ({ instanceNumber: 2 + each, instanceId: `no. ${each}` })],
];

function nodeAtRest(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 1e6);
  core.node('pi', 'home');
  core.nowMs += newsAtOnce * newsEveryMs;
  return core;
}

function count(core: CoreHarness, kind: Kind): number {
  return core.facts.filter((fact) => fact.kind === kind).length;
}

test.each(rows)('%s: so many at once, then one a minute, and a rest forgives', (kind, said) => {
  const core = nodeAtRest();
  let each = 0;
  const speak = (times: number): number => {
    const before = count(core, kind);
    for (const last = each + times; each < last; each += 1) core.speak('pi', said(each));
    return count(core, kind) - before;
  };
  expect(speak(1_000)).toBe(newsAtOnce);
  core.nowMs += newsEveryMs - 1;
  expect(speak(100)).toBe(0);
  core.nowMs += 1;
  expect(speak(100)).toBe(1);
  core.nowMs += newsAtOnce * newsEveryMs;
  expect(speak(1_000)).toBe(newsAtOnce);
});

test('what was not taken is taken later, told again, and nothing else of the message is lost', () => {
  const core = nodeAtRest();
  for (let each = 0; each < newsAtOnce; each += 1) {
    core.speak('pi', { inventory: { ...pi3, model: `Pi ${each}` } });
  }
  const inventory = { ...pi3, model: 'the last one' };
  core.nowMs += 1_000;
  core.speak('pi', { inventory });
  const model = (): string | undefined => core.state.nodeById.get(nodeId('pi'))?.inventory.model;
  expect(core.state.nodeById.get(nodeId('pi'))?.lastHeardAt).toBe(core.nowMs);
  expect(model()).toBe(`Pi ${newsAtOnce - 1}`);
  core.nowMs += newsEveryMs;
  core.speak('pi', { inventory });
  expect(model()).toBe('the last one');
});
