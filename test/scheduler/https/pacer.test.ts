// A site's bytes go at its rate, all its streams together; sites and directions do not touch.

import { expect, test } from 'vitest';
import type { Direction, SiteRate } from '../../../scheduler/adapters/https/pacer.ts';
import { Pacer } from '../../../scheduler/adapters/https/pacer.ts';

/** 8 Mbit/s: a million bytes a second. */
const home: SiteRate = { siteId: 'home', downBps: 8e6, upBps: 8e6 };
const part = 50_000;

/** A clock that jumps to whoever waits for it. */
function virtualClock() {
  const waiting: { readonly atMs: number; readonly callback: () => void }[] = [];
  const clock = {
    ms: 0,
    nowMs: () => clock.ms,
    callAfter: (spanMs: number, callback: () => void) => {
      waiting.push({ atMs: clock.ms + spanMs, callback });
    },
    /** Lets time pass until nobody waits. */
    run: async () => {
      await new Promise(setImmediate);
      for (;;) {
        waiting.sort((a, b) => a.atMs - b.atMs);
        const next = waiting.shift();
        if (next === undefined) return;
        clock.ms = Math.max(clock.ms, next.atMs);
        next.callback();
        await new Promise(setImmediate);
      }
    },
  };
  return clock;
}

/** When the last byte of each stream had gone, in milliseconds. */
async function send(
  streams: readonly (readonly [rate: SiteRate | undefined, direction: Direction, bytes: number])[],
): Promise<readonly number[]> {
  const clock = virtualClock();
  const pacer = new Pacer(clock);
  const ends = streams.map(() => -1);
  streams.forEach(([rate, direction, bytes], index) => {
    const stream = pacer.stream(() => rate, direction);
    stream.on('end', () => (ends[index] = Math.round(clock.ms)));
    stream.resume();
    for (let sent = 0; sent < bytes; sent += part) stream.write(Buffer.alloc(part));
    stream.end();
  });
  await clock.run();
  return ends;
}

test.each([
  ['one stream goes at the rate, but for a burst of 100 ms', [[home, 'down', 1e6]], [900]],
  [
    'two streams of a site share it',
    [
      [home, 'down', 5e5],
      [home, 'down', 5e5],
    ],
    [850, 900],
  ],
  [
    'the other direction is another line',
    [
      [home, 'down', 1e6],
      [home, 'up', 1e6],
    ],
    [900, 900],
  ],
  [
    'the other site, too',
    [
      [home, 'down', 1e6],
      [{ ...home, siteId: 'school', downBps: 16e6 }, 'down', 1e6],
    ],
    [900, 400],
  ],
  ['a site that nobody knows is not held back', [[undefined, 'down', 1e6]], [0]],
] as const)('%s', async (_, streams, ends) => {
  expect(await send(streams)).toEqual(ends);
});

test('a new rate holds from the next bytes on, and the bytes are counted', async () => {
  const clock = virtualClock();
  const pacer = new Pacer(clock);
  let rate = home;
  const stream = pacer.stream(() => rate, 'up').resume();
  for (let sent = 0; sent < 5e5; sent += part) stream.write(Buffer.alloc(part));
  await clock.run();
  expect(Math.round(clock.ms)).toBe(400);
  rate = { ...home, upBps: 80e6 };
  for (let sent = 0; sent < 5e5; sent += part) stream.write(Buffer.alloc(part));
  await clock.run();
  expect(Math.round(clock.ms)).toBe(450);
  expect(pacer.bytes('home', 'up')).toBe(1e6);
  expect(pacer.bytes('home', 'down')).toBe(0);
});
