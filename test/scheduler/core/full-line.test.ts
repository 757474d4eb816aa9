// When a line has enough to do: what is on its way down, and when a result would have to wait for the
// line up behind those that are there before it.

import { describe, expect, it, test } from 'vitest';
import { freeTransferBytes as agentsFree } from '../../../agent/core/index.ts';
import { noTimeoutMs as agentsNoTimeout } from '../../../agent/core/limits.ts';
import { jobId, leaseId, noTimeoutMs } from '../../../scheduler/core/index.ts';
import { freeTransferBytes } from '../../../scheduler/core/limits.ts';
import { fullWayOf, isDownFull } from '../../../scheduler/core/placement/balance.ts';
import { ResultsAhead } from '../../../scheduler/core/placement/plan/results-ahead.ts';
import { CoreHarness } from './harness.ts';

test('both sides mean the same by transfers that need no grant, and by no timeout', () => {
  expect(freeTransferBytes).toBe(agentsFree);
  expect(noTimeoutMs).toBe(agentsNoTimeout);
});

describe('a line is full', () => {
  const idle = { workGhzSeconds: 0, downBits: 0, upBits: 0, incoming: 0, outgoing: 0 };
  const site = { ...idle, cpuGhz: 1, downBps: 1e6, upBps: 1e5 };
  const free = { workGhzSeconds: 1, downBits: 0, upBits: 0 };
  const busyDown = { ...site, downBits: 9e6, incoming: 1 };
  const busyUp = { ...site, upBits: 2e6, outgoing: 1 };
  type Row = readonly [string, 'down' | 'up' | null, typeof site, typeof free, number];
  const rows: readonly Row[] = [
    ['never when it is idle', null, site, { ...free, downBits: 1e9, upBits: 1e9 }, 0],
    ['down with over 10 s in hand', 'down', busyDown, { ...free, downBits: 1.1e6 }, 0],
    ['not with less', null, busyDown, { ...free, downBits: 1e6 }, 0],
    ['not for more CPU time than link time', null, busyDown, { ...free, downBits: 9e5 }, 0],
    ['up when a result would wait for over 10 s', 'up', busyUp, { ...free, upBits: 2e5 }, 12.1],
    ['not when the line is free by then', null, busyUp, { ...free, upBits: 2e5 }, 12],
    ['not for a task that sends nothing', null, busyUp, free, 99],
    ['not down for what only goes up', null, busyDown, { ...free, upBits: 1e9 }, 0],
  ];
  it.each(rows)('%s', (_, way, load, cost, waits) => {
    expect(fullWayOf({ load, cost }, { atOnce: 1, resultWaits: () => waits })).toBe(way);
  });

  it('down with more than the window that is given', () => {
    const cost = { ...free, downBits: 1.1e6 };
    expect(isDownFull({ load: busyDown, cost }, { atOnce: 1, windowSeconds: 10 })).toBe(true);
    expect(isDownFull({ load: busyDown, cost }, { atOnce: 1, windowSeconds: 12 })).toBe(false);
  });

  it('not before so many are under way', () => {
    const cost = { ...free, downBits: 9e9, upBits: 9e9 };
    const load = { ...busyDown, ...{ upBits: 9e9, outgoing: 1 } };
    expect(fullWayOf({ load, cost }, { atOnce: 2, resultWaits: () => 99 })).toBeNull();
  });
});

describe('a result waits', () => {
  const bits = (readySeconds: number, upBits: number) => ({ readySeconds, upBits });
  const rows = [
    ['for nothing', [], 5, 0],
    ['for what is there before it', [bits(0, 30)], 1, 2],
    ['not for what has gone by then', [bits(0, 30)], 4, 0],
    ['not for what comes later', [bits(0, 30), bits(2, 1_000)], 1, 2],
    ['behind a queue with a gap', [bits(0, 10), bits(5, 20), bits(6, 20)], 6, 3],
  ] as const;
  it.each(rows)('%s', (_, results, readySeconds, waits) => {
    expect(new ResultsAhead(results).waitBehind({ upBps: 10, readySeconds })).toBe(waits);
  });
  it.each(rows)('%s, also when that is told one by one', (_, results, readySeconds, waits) => {
    const ahead = new ResultsAhead([]);
    for (const result of results.toReversed()) {
      ahead.add(result);
      ahead.waitBehind({ upBps: 10, readySeconds });
    }
    expect(ahead.waitBehind({ upBps: 10, readySeconds })).toBe(waits);
  });
});

describe('small inputs, of which nodes do not tell that they have come', () => {
  it('do not keep what is hard on the line away', () => {
    const core = new CoreHarness();
    core.setSite('school', 0.3e6);
    for (let node = 0; node < 60; node += 1) core.node(`pi ${node}`, 'school');
    const small = new Array<number>(480).fill(5_800);
    const profile = { workGhzSeconds: 180, outputBytes: 0 };
    core.submit('small', { taskCount: 480, taskInputBytes: small, profile });
    const placed = core.take('grant').length;
    expect(placed).toBe(480);
    core.submit('data', { taskCount: 1, taskInputBytes: [500_000], profile });
    core.end('pi 0', leaseId(1), 'succeeded');
    expect(core.take('grant').map(({ jobId }) => jobId)).toEqual(['data']);
  });
});

describe('results of tasks that run', () => {
  const profile = { workGhzSeconds: 100, outputBytes: 1_000_000 };

  it('hold back one that would come before they have gone, not one that comes after', () => {
    const core = new CoreHarness();
    core.setSite('home', 10e6, 0.1e6);
    core.node('fast', 'home');
    core.submit('job', { taskCount: 100, profile });
    // A result takes 80 s up, a task about as long: few are let at a time.
    const first = core.take('grant').length;
    expect(first).toBeGreaterThan(1);
    expect(first).toBeLessThan(8);
    expect(core.view.explain(jobId('job'), null)?.refusals[0]?.code).toBe('uplink_up');
  });
});
