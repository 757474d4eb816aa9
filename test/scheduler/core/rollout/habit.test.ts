// When a node is taken to be off by habit: a table of its silences.

import { expect, test } from 'vitest';
import { imageOf, nodeId, stateOf } from '../../../../scheduler/core/index.ts';
import type { NodeRecord, State } from '../../../../scheduler/core/state.ts';
import { CoreHarness, accepting, pi3 } from '../harness.ts';

const minuteMs = 60_000;
const hour = 60;
const [school, other] = ['school', 'other'];

/** Those are on report after so many minutes, each minute or at once. */
function pass(core: CoreHarness, minutes: number, on: readonly string[]): void {
  core.nowMs += minutes * minuteMs;
  for (const name of on) core.speak(name, { held: [], status: accepting });
  core.give({ kind: 'tick' });
}

function nodeIn(state: State, name: string): NodeRecord {
  const node = state.nodeById.get(nodeId(name));
  if (node === undefined) throw new Error(`there is no node ${name}`);
  return node;
}

/** Minutes of silence, and from its end to the next one. */
test.each<readonly [string, readonly (readonly [number, number])[], isHabit: boolean]>([
  ['after no silence', [], false],
  ['after one', [[90, 1]], false],
  ['after one that lasts days', [[80 * hour, 1]], false],
  [
    'after a short one the day after',
    [
      [90, 20 * hour],
      [50, 1],
    ],
    false,
  ],
  [
    'after a long one the day after',
    [
      [90, 20 * hour],
      [90, 1],
    ],
    true,
  ],
  [
    'when a power cut comes and goes',
    [
      [90, 1],
      [90, 1],
      [90, 8 * hour],
      [90, 1],
    ],
    false,
  ],
  [
    'when that lasts two days',
    [
      [90, 8 * hour],
      [90, 8 * hour],
      [90, 8 * hour],
      [90, 1],
    ],
    true,
  ],
])('a node has a habit %s: %j', (_, silences, isHabit) => {
  const core = new CoreHarness();
  core.setSite('here', 1e7);
  for (const name of [school, other]) core.node(name, 'here', pi3);
  for (const [silent, untilNext] of silences) {
    for (let minute = 0; minute < silent; minute += 1) pass(core, 1, [other]);
    pass(core, 1, [school, other]);
    pass(core, untilNext, [school, other]);
  }
  const { awayBeforeAt, silentSince } = nodeIn(core.state, school);
  expect([awayBeforeAt > 0, silentSince]).toEqual([isHabit, 0]);
  expect(nodeIn(core.state, other)).toMatchObject({ awayAt: 0, awayBeforeAt: 0 });
  const again = nodeIn(stateOf(imageOf(core.state)), school);
  expect(again.awayBeforeAt).toBe(awayBeforeAt);
});
