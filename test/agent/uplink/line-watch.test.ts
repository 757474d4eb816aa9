// Round trips to the federation, as a node sees them while blobs go over its line.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LineWatch } from '../../../agent/adapters/uplink/line-watch.ts';

/** What each ping takes; null: the federation is away. The last one stays. */
let spans: (number | null)[] = [];
let pings = 0;
let taken: number[] = [];
let watch: LineWatch;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'performance'] });
  [spans, pings, taken] = [[20], 0, []];
  watch = new LineWatch({
    ping,
    take: (spanMs) => taken.push(spanMs),
    nowMs: () => performance.now(),
  });
});
afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

function ping(): Promise<void> {
  pings += 1;
  const spanMs = spans.length > 1 ? spans.shift() : spans[0];
  if (typeof spanMs !== 'number') return Promise.reject(new Error('away'));
  return new Promise((resolve) => setTimeout(resolve, spanMs));
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test('says the least of four pings each second, while blobs go and three seconds longer', async () => {
  spans = [20, 90, 80, 70, 90];
  watch.carried();
  expect(pings, 'the first leaves at once').toBe(1);
  await pass(2_000);
  expect(taken).toEqual([20, 90]);
  watch.carried();
  await pass(60_000);
  expect(pings).toBeLessThan(24);
  expect(taken).toHaveLength(5);
});

test('is silent while nothing goes', async () => {
  await pass(60_000);
  expect(pings).toBe(0);
});

test.each([
  ['is away', [null]],
  ['is away for a moment', [20, null, 20, 20]],
  ['answers after three seconds', [3_010]],
])('says nothing when the federation %s', async (_, answers) => {
  spans = answers;
  watch.carried();
  await pass(answers.length > 1 ? 900 : 10_000);
  expect(pings).toBeGreaterThan(3);
  expect(taken).toEqual([]);
});

test('begins anew with the next blob', async () => {
  spans = [20];
  watch.carried();
  await pass(10_000);
  taken = [];
  watch.carried();
  await pass(900);
  expect(taken).toEqual([20]);
});
