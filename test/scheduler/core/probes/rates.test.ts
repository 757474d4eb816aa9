// What probes make of the rates of a line.

import { expect, test } from 'vitest';
import { imageOf, siteId, stateOf } from '../../../../scheduler/core/index.ts';
import { Lines, dayMs, hourMs } from './lines.ts';
import type { Found } from './lines.ts';

function mbit(downBps: number | null, upBps: number | null): Found {
  const of = (rate: number | null): number | null => (rate === null ? null : rate * 1e6);
  return { downBps: of(downBps), upBps: of(upBps) };
}

test.each([
  ['one probe', [mbit(8, 2)], '8 down, 2 up, measured'],
  ['one that found nothing', [mbit(null, null)], '2 down, 0.5 up, guessed'],
  ['one direction only', [mbit(8, null)], '2 down, 0.5 up, guessed'],
  ['one direction at a time', [mbit(8, null), mbit(null, 2)], '8 down, 2 up, measured'],
  ['a failure after it', [mbit(8, 2), mbit(null, null)], '8 down, 2 up, measured'],
  ['slower than the guess', [mbit(0.3, 0.1)], '0.3 down, 0.1 up, measured'],
  [
    'one of three that met other traffic',
    [mbit(8, 2), mbit(3, 1), mbit(8, 2)],
    '8 down, 2 up, measured',
  ],
  ['two that agree', [mbit(8, 2), mbit(8.4, 1.8)], '8.2 down, 1.9 up, measured'],
  ['two of which one came late', [mbit(19.5, 2), mbit(8, 2)], '8 down, 2 up, measured'],
  [
    'a third that tells which was right',
    [mbit(19.5, 2), mbit(8, 2), mbit(8.1, 2)],
    '8.1 down, 2 up, measured',
  ],
  [
    'a line that was changed',
    [mbit(8, 2), mbit(8, 2), mbit(40, 9), mbit(40, 9), mbit(40, 9)],
    '40 down, 9 up, measured',
  ],
])('%s', (_, found, wanted) => {
  const lines = new Lines();
  lines.come(['pi']);
  for (const each of found) lines.measure(each);
  expect(lines.rates).toBe(wanted);
});

test('its age, its spread, its bytes and its reason are shown, over a snapshot too', () => {
  const lines = new Lines();
  lines.come(['pi']);
  expect(lines.view.sites()[0]).toMatchObject({
    uplinkReason: expect.stringMatching('not probed'),
  });
  for (const down of [9, 10, 11]) lines.measure(mbit(down, 2));
  for (const state of [lines.state, stateOf(imageOf(lines.state))]) {
    lines.state = state;
    lines.nowMs += hourMs;
    const [site] = lines.view.sites();
    expect(site?.uplink).toMatchObject({ source: 'measured', downBps: 10e6, spread: 0.1 });
    expect(site?.probes).toMatchObject({ count: 3, bytes: 750_000 });
    expect(site?.uplinkReason).toMatch('the median of 3 probes');
  }
  expect(lines.view.sites()[0]?.uplink.ageMs).toBe(2 * hourMs);
});

test('what an operator declares stays, and is not probed, until it is taken back', () => {
  const lines = new Lines();
  lines.come(['pi']);
  const lease = lines.leased(hourMs);
  const home = { kind: 'setSite', siteId: siteId('home-pi'), share: null } as const;
  lines.give({ ...home, downBps: 20e6, upBps: 4e6 });
  if (lease !== undefined) lines.answer(lease, mbit(8, 2));
  expect(lines.rates).toBe('20 down, 4 up, declared');
  expect(lines.leased(3 * dayMs)).toBeUndefined();
  lines.give({ ...home, downBps: null, upBps: null, isMeasured: true });
  expect(lines.rates).toBe('8 down, 2 up, measured');
  expect(lines.leased(hourMs)).toBeDefined();
});

test('one declared rate does not make the other one of a measured line declared', () => {
  const lines = new Lines();
  lines.come(['pi']);
  lines.measure(mbit(8, 2));
  const home = { kind: 'setSite', siteId: siteId('home-pi'), share: null } as const;
  const { answer } = lines.give({ ...home, downBps: 20e6, upBps: null });
  expect(answer).toMatchObject({ kind: 'refused', field: 'up' });
  expect(lines.rates).toBe('8 down, 2 up, measured');
});

test.each([
  ['of another line', { siteNumber: 7 }],
  ['of another lease', { leasedAt: 3 }],
])('an answer %s changes nothing', (_, other) => {
  const lines = new Lines();
  lines.come(['pi']);
  const lease = lines.leased(hourMs);
  if (lease === undefined) throw new Error('no probe was leased');
  const before = JSON.stringify(lines.line);
  lines.answer({ ...lease, ...(other as object) }, mbit(8, 2));
  expect(JSON.stringify(lines.line)).toBe(before);
  lines.answer(lease, mbit(8, 2));
  lines.answer(lease, mbit(1, 1));
  expect(lines.rates).toBe('8 down, 2 up, measured');
});
