// What packets that came say of a line, and how many are sent to know it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { paceOf } from '../../../proto/trains.ts';
import type { Came } from '../../../scheduler/adapters/probes/trains.ts';
import { estimateOf, nextLength, packetsMost } from '../../../scheduler/adapters/probes/trains.ts';

/** Packets one a millisecond, as a program sees them that wakes at these times, ms. */
const seenAt = (count: number, wakes: readonly number[]): readonly number[] =>
  Array.from({ length: count }, (_, at) => wakes.find((wake) => wake >= at) ?? at);

test.each([
  ['one a millisecond', seenAt(10, []), 1_000, 9],
  [
    'one a millisecond, ten in the buffers first',
    [...Array<number>(10).fill(0), ...seenAt(20, [])],
    1_000,
    19,
  ],
  ['one seen late', [0, 1, 2, 3, 4, 5, 6.9, 7, 8, 9], 1_000, 9],
  ['all seen in lumps of five', seenAt(35, [4, 9, 14, 19, 24, 29, 34]), 1_000, 6],
  ['too few', [0, 1, 2, 3], null, null],
  ['all read at once, and slowly', [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06], 10, 0],
  ['all at once', [5, 5, 5, 5, 5, 5, 5], 1 / 6, 0],
])('%s', (_, arrivals, micros, seen) => {
  const pace = paceOf(arrivals);
  expect(pace === null ? null : pace.spanMicros / pace.spanCount).toEqual(micros);
  expect(pace?.seen ?? null).toBe(seen);
});

/** Lets so many packets through at once, and then one in each span. */
interface Line {
  readonly gapMs: number;
  readonly burst: number;
  /** What waits before it at most, packets. */
  readonly buffer: number;
}

function send(line: Line, sent: number, sleepsMs: () => number): Came {
  const count = Math.min(sent, line.burst + line.buffer);
  const comes = Array.from(
    { length: count },
    (_, at) => line.gapMs * Math.max(0, at - line.burst + 1),
  );
  let awakeAt = 0;
  const arrivals = comes.map((at) => {
    if (at > awakeAt) awakeAt = at + sleepsMs();
    return awakeAt;
  });
  const pace = paceOf(arrivals) ?? { spanMicros: 0, spanCount: 0, seen: 0 };
  const ownMicros = 1_000 * (arrivals.at(-1) ?? 1);
  return { sent, isWhole: count === sent, ownMicros, ...pace };
}

function probe(line: Line, sleepsMs: () => number): readonly Came[] {
  const came: Came[] = [];
  for (let next = nextLength(came); next !== null; next = nextLength(came)) {
    came.push(send(line, next, sleepsMs));
  }
  return came;
}

const gapOf = (mbit: number): number => (1_242 * 8) / (mbit * 1_000);
const buffers = { burst: 2, buffer: 1_000 };

test.each([
  ['1 Mbit/s', { ...buffers, gapMs: gapOf(1) }, [10, 10, 10]],
  ['2 Mbit/s', { ...buffers, gapMs: gapOf(2) }, [10, 20, 20, 20]],
  ['4 Mbit/s', { ...buffers, gapMs: gapOf(4) }, [10, 34, 34, 34]],
  ['40 Mbit/s', { gapMs: gapOf(40), burst: 16, buffer: 1_000 }, [10, 34, 34, 34]],
  ['a line with little buffer', { gapMs: gapOf(4), burst: 2, buffer: 12 }, [10, 34, 20]],
])('%s is sent trains that fit it', (_, line, wanted) => {
  const came = probe(line, () => 0);
  expect(came.map(({ sent }) => sent)).toEqual(wanted);
  expect(estimateOf(came) ?? 0).toBeCloseTo((1_200 * 8_000) / line.gapMs, -5);
});

test('a line that brings nothing is left alone after four trains', () => {
  const came = probe({ ...buffers, buffer: 0, gapMs: 1 }, () => 0);
  expect(came.map(({ sent }) => sent)).toEqual([10, 10, 10, 10]);
  expect(estimateOf(came)).toBeNull();
});

test.each([
  ['of two, the lower', [8, 10], 8],
  ['one that other traffic slowed', [6, 10, 10], 10],
  ['one that was read in one go', [10, 10, 400], 10],
])('%s', (_, mbit, wanted) => {
  const came = mbit.map((each) => send({ ...buffers, gapMs: gapOf(each) }, 35, () => 0));
  expect(estimateOf(came)).toBeCloseTo((wanted * 1e6 * 1_200) / 1_242, -4);
});

test('trains that were read in lumps alone say what the line carried at least', () => {
  // All of each is read when the reader wakes, after twice the time that it took.
  const line = { ...buffers, gapMs: gapOf(40) };
  const came = [10, 34, 34].map((sent) => send(line, sent, () => 2 * sent * line.gapMs));
  const bps = estimateOf(came) ?? 0;
  expect(bps).toBeGreaterThan(0.3 * 40e6);
  expect(bps).toBeLessThan(40e6);
});

test('never more than the budget; and a reader who sleeps for some packets is not far off', () => {
  const lines = fc.record({
    gapMs: fc.double({ min: gapOf(100), max: gapOf(0.5), noNaN: true }),
    ...{ burst: fc.integer({ min: 1, max: 16 }), buffer: fc.integer({ min: 0, max: 100 }) },
  });
  fc.assert(
    fc.property(
      lines,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }),
      (line, sleeps) => {
        let at = 0;
        // Up to two packets long.
        const came = probe(line, () => 2 * line.gapMs * (sleeps[(at += 1) % sleeps.length] ?? 0));
        expect(came.reduce((sum, { sent }) => sum + sent, 0)).toBeLessThanOrEqual(packetsMost);
        const bps = estimateOf(came);
        const true_ = (1_200 * 8_000) / line.gapMs;
        if (came.some(({ sent, isWhole }) => sent === 34 && isWhole)) {
          expect(Math.abs((bps ?? 0) / true_ - 1)).toBeLessThan(0.25);
        }
      },
    ),
  );
});
