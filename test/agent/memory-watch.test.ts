// What transfers leave in memory is collected before it is much, and what is in use is not asked for again.

import { expect, test } from 'vitest';
import { MemoryWatch } from '../../agent/adapters/memory-watch.ts';

/** Looks at these MB one after another; tells at which it collected. Each time so many stay. */
function collectedAt(looks: readonly number[], staysMb: number): readonly number[] {
  let nowMb = 0;
  const at: number[] = [];
  const watch = new MemoryWatch({
    residentBytes: () => nowMb * 1e6,
    collect: () => {
      at.push(nowMb);
      nowMb = staysMb;
    },
  });
  for (const mb of looks) {
    nowMb = mb;
    watch.look();
  }
  return at;
}

test.each<[string, readonly number[], number, readonly number[]]>([
  ['a start, a report and a task are left alone', [47, 48, 49.9, 47.5, 49.9], 47, []],
  ['a transfer is collected at each 3 MB', [47, 50, 49, 50, 52, 48], 47, [50, 50, 52]],
  ['what stays is in use: it grows from there', [47, 60, 61, 62.9, 63], 60, [60, 63]],
  ['what went by itself counts from where it is', [60, 47, 49.9, 50], 47, [50]],
])('%s', (_what, looks, staysMb, collected) => {
  expect(collectedAt(looks, staysMb)).toEqual(collected);
});

test('the process is looked at, and without --expose-gc nothing happens', () => {
  const watch = new MemoryWatch();
  watch.look();
  expect(() => watch.look()).not.toThrow();
});
