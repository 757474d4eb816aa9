// A node that says more than any agent has to say is heard in part, and cut off when it goes on.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  FloodMeter,
  burstMessages,
  droppedMost,
  messagesPerSecond,
} from '../../../scheduler/adapters/nats/flood-meter.ts';
import type { Flow } from '../../../scheduler/adapters/nats/flood-meter.ts';
import { nodeId } from '../../../scheduler/core/index.ts';
import { propertyRuns } from '../../property-runs.ts';

const pi = nodeId('pi');

/** How often each was said of so many messages at once. */
function said(meter: FloodMeter, count: number, nowMs: number): Partial<Record<Flow, number>> {
  const counts: Partial<Record<Flow, number>> = {};
  for (let each = 0; each < count; each += 1) {
    const flow = meter.take(pi, nowMs);
    counts[flow] = (counts[flow] ?? 0) + 1;
  }
  return counts;
}

test('a burst is heard, one message more is not, and a second brings some again', () => {
  const meter = new FloodMeter();
  expect(said(meter, burstMessages + 1, 0)).toEqual({ heard: burstMessages, dropped: 1 });
  expect(said(meter, messagesPerSecond + 1, 1_000)).toEqual({
    heard: messagesPerSecond,
    dropped: 1,
  });
  expect(meter.take(nodeId('other'), 1_000)).toBe('heard');
});

test('whoever goes on is cut off, which is said once; a rest forgives', () => {
  const meter = new FloodMeter();
  said(meter, burstMessages + droppedMost - 1, 0);
  const restMs = (1_000 * burstMessages) / messagesPerSecond;
  expect(said(meter, burstMessages + droppedMost - 1, restMs)).not.toHaveProperty('cut');
  expect(said(meter, 1_000, restMs)).toEqual({ cut: 1, dropped: 999 });
});

test('what an agent says no faster than it may is heard', () => {
  const gapsMs = fc.array(fc.integer({ min: 1_000 / messagesPerSecond, max: 60_000 }));
  fc.assert(
    fc.property(gapsMs, (gaps) => {
      const meter = new FloodMeter();
      // Nothing is left of the burst: only what comes with time can be heard.
      said(meter, burstMessages, 0);
      let nowMs = 0;
      for (const gap of gaps) {
        nowMs += gap;
        expect(meter.take(pi, nowMs)).toBe('heard');
      }
    }),
    { numRuns: propertyRuns(100) },
  );
});
