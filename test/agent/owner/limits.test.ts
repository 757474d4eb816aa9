// The owner's limits: each is read, and a mistake is told by its field; what follows from them.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  allow,
  hasMoreThanKept,
  mayTransfer,
  type Readings,
} from '../../../agent/adapters/owner/allowance.ts';
import {
  defaultLimits,
  readKnownLimits,
  readLimits,
  type Limits,
} from '../../../agent/adapters/owner/limits.ts';
import { changeLimits } from '../../../agent/adapters/owner/change-limits.ts';
import { limitsText, withLimit } from '../../../agent/adapters/owner/texts.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-limits-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'limits.json');

describe('the file', () => {
  test('may be absent: the defaults hold', () => {
    expect(readLimits(join(folder, 'none.json'))).toEqual(defaultLimits);
  });

  test('sets what it names', () => {
    const set = {
      isPaused: true,
      hours: [['22:00', '07:00']],
      slots: 1,
      cpuShare: 0.5,
      memoryBytes: 1e9,
      temperatureC: 60,
      diskReserveBytes: 5,
      cacheBytes: 6,
      uplink: { downBps: 2e7, upBps: 4e6 },
      uplinkShare: 0.1,
      lanBps: 2e6,
      monthlyBytes: 5e9,
      refuses: ['alice'],
      allowsInternet: true,
      household: '0123456789abcdef0123456789abcdef',
      aptPort: 23_456,
    };
    expect(Object.keys(set)).toEqual(Object.keys(defaultLimits));
    writeFileSync(file, JSON.stringify(set));
    expect(readLimits(file)).toEqual(set);
    expect(limitsText(file)).toMatch(/uplinkShare +0\.1 +set/);
  });

  test.each([
    ['{', /not JSON/],
    ['[]', /wanted an object/],
    ['{"slot": 1}', /no limit "slot"; there are .*slots/],
    ['{"isPaused": 1}', /isPaused: wanted true or false, found 1/],
    ['{"slots": -1}', /slots: wanted a number, 0 or more, found -1/],
    ['{"slots": "2"}', /slots: wanted a number/],
    ['{"cpuShare": 2}', /cpuShare: wanted a number, 0.05 to 1, found 2/],
    ['{"hours": ["22:00"]}', /hours: wanted pairs of times/],
    ['{"hours": [["22:00", "24:00"]]}', /hours: wanted pairs of times/],
    ['{"memoryBytes": "1 GB"}', /memoryBytes: wanted a number/],
    ['{"temperatureC": 20}', /temperatureC: wanted a number, 30 or more/],
    ['{"uplink": {"downBps": 1}}', /uplink: wanted bit\/s/],
    ['{"uplink": 5}', /uplink: wanted bit\/s/],
    ['{"monthlyBytes": "10 GB"}', /monthlyBytes: wanted a number/],
    ['{"refuses": "alice"}', /refuses: wanted at most 32 names such as \["alice"\]/],
    ['{"refuses": [1]}', /refuses: wanted at most 32 names/],
    [
      '{"household": "attic"}',
      /household: wanted a code of `punnet-agent household`, found "attic"/,
    ],
    ['{"lanBps": 1999999}', /lanBps: wanted a number, 2000000 or more, found 1999999/],
    ['{"lanBps": "fast"}', /lanBps: wanted a number/],
    ['{"uplinkShare": 0}', /uplinkShare: wanted a number, 0.01 to 1/],
  ])('%s is refused by its field', (text, reason) => {
    writeFileSync(file, text);
    expect(() => readLimits(file)).toThrow(reason);
    expect(() => withLimit(file, { isPaused: true })).toThrow(reason);
  });

  test('is paused and resumed without losing the rest', () => {
    writeFileSync(file, '{"slots": 1}');
    writeFileSync(file, withLimit(file, { isPaused: true }));
    expect(readLimits(file)).toEqual({ ...defaultLimits, slots: 1, isPaused: true });
    writeFileSync(file, withLimit(file, { isPaused: false }));
    expect(readLimits(file)).toEqual({ ...defaultLimits, slots: 1 });
    expect(limitsText(file)).toMatch(/temperatureC +70 +default/);
  });
});

describe('to an agent that runs', () => {
  test.each([
    ['{}', [], {}],
    ['{"slots": 1, "lanBbs": 5}', ['lanBbs'], { slots: 1 }],
    ['{"wind": [1], "isPaused": true, "sun": null}', ['wind', 'sun'], { isPaused: true }],
    // An object has that by itself.
    ['{"toString": 1, "constructor": 2}', ['toString', 'constructor'], {}],
  ])('of %s the names %j are told, and the rest holds', (text, unknown, limits) => {
    writeFileSync(file, text);
    expect(readKnownLimits(file)).toEqual({ unknown, limits: { ...defaultLimits, ...limits } });
    if (unknown.length > 0) expect(() => readLimits(file)).toThrow(`no limit "${unknown[0]}"`);
  });

  test.each([
    ['{"wind": 1, "slots": -1}', /slots: wanted a number, 0 or more, found -1/],
    ['{"wind": 1', /not JSON/],
    ['[]', /wanted an object/],
  ])('%s is refused all the same', (text, reason) => {
    writeFileSync(file, text);
    expect(() => readKnownLimits(file)).toThrow(reason);
  });
});

describe('limits that are typed', () => {
  test.each([
    [
      { lan: '20 Mbit/s', uplinkShare: undefined },
      { lanBps: 20e6, uplinkShare: 0.25 },
    ],
    [
      { lan: '2000kbit/s', uplinkShare: '10%' },
      { lanBps: 2e6, uplinkShare: 0.1 },
    ],
    [
      { lan: 'none', uplinkShare: '0.5' },
      { lanBps: null, uplinkShare: 0.5 },
    ],
  ])('%o hold, and the rest stays', (words, limits) => {
    writeFileSync(file, '{"slots": 1, "lanBps": 5e6}');
    writeFileSync(file, changeLimits(file, words) ?? '');
    expect(readLimits(file)).toEqual({ ...defaultLimits, slots: 1, ...limits });
  });

  test('nothing typed changes nothing', () => {
    expect(changeLimits(file, { lan: undefined, uplinkShare: undefined })).toBeNull();
  });

  test.each([
    ['20', undefined, /--lan: wanted a rate such as "20 Mbit\/s".*found 20$/],
    ['20 MB/s', undefined, /--lan: wanted a rate/],
    ['', undefined, /--lan: wanted a rate/],
    ['1.9 Mbit/s', undefined, /lanBps: wanted a number, 2000000 or more, found 1900000/],
    [
      undefined,
      'half',
      /--uplink-share: wanted a part of your line such as 0.1 or 10%, found half/,
    ],
    [undefined, '0', /uplinkShare: wanted a number, 0.01 to 1, found 0/],
    [undefined, '101%', /uplinkShare: wanted a number, 0.01 to 1, found 1.01/],
  ])('--lan %s --uplink-share %s is refused', (lan, uplinkShare, reason) => {
    writeFileSync(file, '{}');
    expect(() => changeLimits(file, { lan, uplinkShare })).toThrow(reason);
  });

  test('a file that is wrong already is named, and stays as it is', () => {
    writeFileSync(file, '{"slot": 1}');
    const words = { lan: 'none', uplinkShare: undefined };
    expect(() => changeLimits(file, words)).toThrow(`${file}: there is no limit "slot"`);
  });
});

const readings: Readings = {
  slots: 4,
  memoryBytes: 800,
  diskAvailableBytes: 1e9,
  temperatureC: 50,
  wasHot: false,
  power: 'enough',
  monthBytes: 0,
  monthlyBytes: 10e9,
  minuteOfDay: 12 * 60,
  sandboxProblem: null,
  limitsProblem: null,
};
const night: Partial<Limits> = { hours: [['22:00', '07:00']] };

test.each<[string, Partial<Limits>, Partial<Readings>, string | null, boolean]>([
  ['nothing', {}, {}, null, false],
  ['a pause', { isPaused: true }, {}, 'paused', false],
  ['no slot', { slots: 0 }, {}, 'slots', false],
  ['the hours', night, {}, 'hours', true],
  ['the hours, at their start', night, { minuteOfDay: 22 * 60 }, null, false],
  ['the hours, after midnight', night, { minuteOfDay: 7 * 60 - 1 }, null, false],
  ['the hours, at their end', night, { minuteOfDay: 7 * 60 }, 'hours', true],
  ['the temperature at its limit', {}, { temperatureC: 70 }, null, false],
  ['the temperature', {}, { temperatureC: 70.1 }, 'temperature', false],
  ['far too high a temperature', {}, { temperatureC: 75.1 }, 'temperature', true],
  ['too little power', {}, { power: 'low' }, 'power', true],
  ['too little power, a while ago', {}, { power: 'resting' }, 'power', false],
  ['the month, just below its limit', {}, { monthBytes: 9.5e9 - 1 }, null, false],
  ['the month', {}, { monthBytes: 9.5e9 }, 'month', false],
  ['no bytes at all', {}, { monthlyBytes: 0 }, 'month', false],
  ['no sensor', {}, { temperatureC: null }, null, false],
  ['the disk at its reserve', {}, { diskAvailableBytes: 200e6 }, null, false],
  ['the disk', {}, { diskAvailableBytes: 200e6 - 1 }, 'disk_reserve', false],
  ['the sandbox', {}, { sandboxProblem: 'none' }, 'sandbox', false],
  ['a mistake in the file', {}, { limitsProblem: 'slot' }, 'limits', false],
  ['a mistake, whatever the hours', night, { limitsProblem: 'slot' }, 'limits', false],
  ['a pause, outside the hours', { ...night, isPaused: true }, {}, 'hours', true],
])('%s: what may start, and what must end', (_what, limits, more, code, isEndingTasks) => {
  const allowance = allow({ ...defaultLimits, ...limits }, { ...readings, ...more });
  expect(allowance.notAccepting?.code ?? null).toBe(code);
  expect(allowance).toMatchObject({ isAccepting: code === null, isEndingTasks });
  expect(allowance.slots).toBe(code === null ? 4 : 0);
});

test.each<[string, Partial<Limits>, Partial<Readings>, boolean]>([
  ['nothing', {}, {}, false],
  ['a pause', { isPaused: true }, {}, true],
  [
    'a pause, with a mistake in the file since',
    { isPaused: true },
    { limitsProblem: 'slot' },
    true,
  ],
  ['a pause, with too little power', { isPaused: true }, { power: 'low' }, false],
  ['the temperature', {}, { temperatureC: 70.1 }, true],
  ['far too high a temperature', {}, { temperatureC: 75.1 }, false],
  ['a little below it, on the way up', {}, { temperatureC: 66 }, false],
  ['a little below it, on the way down', {}, { temperatureC: 66, wasHot: true }, true],
  ['cool again', {}, { temperatureC: 65, wasHot: true }, false],
  ['the hours, in a pause', { ...night, isPaused: true }, {}, false],
])('%s: whether tasks stand still', (_what, limits, more, isFreezing) => {
  const allowance = allow({ ...defaultLimits, ...limits }, { ...readings, ...more });
  expect(allowance).toMatchObject({ isFreezing });
  if (isFreezing) expect(allowance.slots).toBe(0);
});

test('slots and memory are the least of what owner and node have', () => {
  const some = { ...defaultLimits, slots: 3, memoryBytes: 500 };
  expect(allow(some, readings)).toMatchObject({ slots: 3, memoryBytes: 500 });
  const many = { ...defaultLimits, slots: 9, memoryBytes: 9_000 };
  expect(allow(many, readings)).toMatchObject({ slots: 4, memoryBytes: 800 });
});

test('blobs move up to the last byte of the month', () => {
  expect(mayTransfer({ monthBytes: 99, monthlyBytes: 100 })).toBe(true);
  expect(mayTransfer({ monthBytes: 100, monthlyBytes: 100 })).toBe(false);
});

test('what is left of the month at its end is for results', () => {
  expect(hasMoreThanKept({ monthBytes: 94, monthlyBytes: 100 })).toBe(true);
  expect(hasMoreThanKept({ monthBytes: 95, monthlyBytes: 100 })).toBe(false);
  expect(hasMoreThanKept({ monthBytes: 0, monthlyBytes: 0 })).toBe(false);
});

test('the page for owners names each limit, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/volunteering.md'), 'utf8');
  const named = [...page.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name);
  expect(named).toEqual(Object.keys(defaultLimits));
});
