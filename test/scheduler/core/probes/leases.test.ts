// When which line is probed, and by whom.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { imageOf, siteId, stateOf } from '../../../../scheduler/core/index.ts';
import { dueAt } from '../../../../scheduler/core/probes/probing.ts';
import { probeHoldMs, probePatienceMs } from '../../../../scheduler/core/limits.ts';
import { accepting } from '../harness.ts';
import { Lines, dayMs, hourMs, minuteMs } from './lines.ts';
import type { ProbeEffect } from './lines.ts';

test('the nodes of a site take turns', () => {
  const lines = new Lines();
  lines.come(['pi1']);
  lines.come(['pi2', 'pi3'], 'home-pi1');
  const asked: string[] = [];
  for (let round = 0; round < 4; round += 1) {
    const lease = lines.leased(dayMs);
    if (lease === undefined) throw new Error('no probe was leased');
    asked.push(lease.nodeId);
    lines.answer(lease, { downBps: 8e6, upBps: 2e6 });
  }
  expect(asked).toEqual(['pi1', 'pi2', 'pi3', 'pi1']);
});

test.each([
  ['is not heard since the start', {}],
  ['takes no tasks now', { status: { ...accepting, isAccepting: false } }],
])('a node that %s is not asked', (_, said) => {
  const lines = new Lines();
  lines.token('token');
  lines.enrol('pi', 'token');
  lines.speak('pi', { held: [], ...said });
  lines.wait(minuteMs);
  expect(lines.take('probe')).toEqual([]);
  lines.report(['pi']);
  lines.wait(minuteMs);
  expect(lines.take('probe')).toHaveLength(1);
});

test('an answer that never comes ends the lease, and the next comes later each time', () => {
  const lines = new Lines();
  lines.come(['pi']);
  const at: number[] = [];
  for (let tries = 0; tries < 7; tries += 1) {
    const lease = lines.leased(10 * dayMs);
    if (lease === undefined) throw new Error('no probe was leased');
    at.push(lease.leasedAt);
    expect(lines.state.probe).not.toBeNull();
    lines.wait(probePatienceMs);
    expect(lines.state.probe).toBeNull();
  }
  const spans = at.slice(1).map((each, index) => each - (at[index] ?? 0));
  for (const [index, span] of spans.entries()) {
    expect(span).toBeGreaterThanOrEqual(15 * minuteMs * 2 ** index);
  }
});

test.each([
  ['agree', [8e6, 8.2e6], ['soon', 'later']],
  ['do not agree', [19.5e6, 8e6, 8e6], ['soon', 'soon', 'later']],
  ['never do', [4e6, 8e6, 12e6, 40e6], ['soon', 'soon', 'later', 'later']],
])('a new line is measured again soon, and once more if the two %s', (_what, found, wanted) => {
  const lines = new Lines();
  lines.come(['pi']);
  const spans = found.map((downBps) => {
    lines.measure({ downBps, upBps: 2e6 });
    const measuredAtMs = lines.nowMs;
    return dueAt(lines.line) - measuredAtMs < 15 * minuteMs ? 'soon' : 'later';
  });
  expect(spans).toEqual(wanted);
});

test('one line at a time, the one first that waits the longest', () => {
  const lines = new Lines();
  lines.come(['pi1', 'pi2', 'pi3']);
  const asked: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    const lease = lines.leased(dayMs);
    if (lease === undefined) throw new Error('no probe was leased');
    lines.wait(minuteMs / 2);
    expect(lines.take('probe')).toEqual([]);
    asked.push(lease.nodeId);
    lines.answer(lease, { downBps: 8e6, upBps: 2e6 });
  }
  expect(asked.slice(0, 3)).toEqual(['pi1', 'pi2', 'pi3']);
  expect(asked.slice(3).toSorted()).toEqual(['pi1', 'pi2', 'pi3']);
});

/** A line over which task after task fetches its input. */
function busyLine(): Lines {
  const lines = new Lines();
  lines.researcher('ada');
  lines.come(['pi']);
  const input = { taskInputBytes: new Array<number>(4).fill(1e5) };
  lines.submit('job', { taskCount: 4, ...input });
  const wanted = lines.take('grant').map(({ leaseId }) => leaseId);
  const want = { direction: 'down', sizeBytes: 1e5 } as const;
  lines.speak('pi', { transfersWanted: wanted.map((leaseId) => ({ leaseId, ...want })) });
  return lines;
}

test('a line that is busy with our bytes waits for them, and then they wait for it', () => {
  const lines = busyLine();
  const first = lines.take('transfer');
  expect(first).toHaveLength(2);
  const done = (each: (typeof first)[number] | undefined): void => {
    if (each === undefined) throw new Error('no transfer was granted');
    const { leaseId, direction } = each;
    lines.speak('pi', { transfersDone: [{ leaseId, direction }] });
  };
  // It is due for long: the bytes that come next are held.
  expect(lines.leased(minuteMs)).toBeUndefined();
  done(first[0]);
  done(first[1]);
  expect(lines.take('transfer')).toEqual([]);
  const lease = lines.leased(minuteMs);
  if (lease === undefined) throw new Error('no probe was leased');
  expect(lines.take('transfer')).toEqual([]);
  lines.answer(lease, { downBps: 8e6, upBps: 2e6 });
  expect(lines.take('transfer')).toHaveLength(2);
  expect(probeHoldMs).toBeLessThan(hourMs);
});

test('a site that can be probed no more gets its bytes again', () => {
  const lines = busyLine();
  const [first] = lines.take('transfer');
  lines.wait(minuteMs);
  expect(lines.state.heldSite).toBe(0);
  lines.give({
    ...{ kind: 'setSite', siteId: siteId('home-pi'), downBps: 9e6, upBps: 9e6, share: null },
  });
  lines.wait(minuteMs);
  expect(lines.state.heldSite).toBeNull();
  if (first === undefined) throw new Error('no transfer was granted');
  const { leaseId, direction } = first;
  lines.speak('pi', { transfersDone: [{ leaseId, direction }] });
  expect(lines.take('transfer').length).toBeGreaterThan(0);
});

test('never more than three in any day, nor two at once, whatever comes of them and whenever it is restarted', () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 1_000, max: 6 * hourMs }),
    ends: fc.constantFrom('both', 'one', 'none', 'silence', 'restart'),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 30 }), (steps) => {
      const lines = new Lines();
      lines.come(['pi1', 'pi2']);
      lines.come(['pi3'], 'home-pi1');
      const at = new Map<number, number[]>();
      for (const { waitMs, ends } of steps) {
        lines.nowMs += waitMs;
        const lease = lines.leased(12 * hourMs);
        if (lease === undefined) continue;
        at.set(lease.siteNumber, [...(at.get(lease.siteNumber) ?? []), lease.leasedAt]);
        lines.wait(20_000);
        expect(lines.take('probe')).toEqual([]);
        end(lines, lease, ends);
      }
      for (const times of at.values()) {
        for (const [index, time] of times.entries()) {
          const third = times[index - 3];
          if (third !== undefined) expect(time - third).toBeGreaterThanOrEqual(dayMs);
        }
      }
    }),
    { numRuns: 40 },
  );
});

function end(lines: Lines, lease: ProbeEffect, how: string): void {
  if (how === 'both') lines.answer(lease, { downBps: 8e6, upBps: 2e6 });
  if (how === 'one') lines.answer(lease, { downBps: 8e6 });
  if (how === 'none') lines.answer(lease);
  if (how === 'restart') lines.state = stateOf(imageOf(lines.state));
}

test('sites that came at once drift apart over the day', () => {
  const lines = new Lines();
  lines.come(Array.from({ length: 12 }, (_, index) => `pi${index}`));
  const hours = new Set<number>();
  for (let round = 0; round < 12 * 12; round += 1) {
    const lease = lines.leased(dayMs);
    if (lease === undefined) throw new Error('no probe was leased');
    if (round >= 11 * 12) hours.add(Math.floor((lease.leasedAt % dayMs) / hourMs));
    lines.answer(lease, { downBps: 8e6, upBps: 2e6 });
  }
  expect(hours.size).toBeGreaterThan(5);
});
