// Journals that were cut, zeroed, flipped or scribbled over: what was acknowledged is there, or the
// scheduler does not start and says why. Every case is a real folder that a real FileJournal opens.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../../../scheduler/adapters/journal/codec.ts';
import type { DurableFact } from '../../../scheduler/core/index.ts';
import { instant, sha256 } from '../../../scheduler/core/index.ts';
import { propertyRuns } from '../../property-runs.ts';
import { JournalFolder } from './journal-folder.ts';
import { tellStory } from './story.ts';

type Batch = readonly DurableFact[];

const segment = '0000000000000000.segment';
const headerBytes = 24;
const story = tellStory();
const extra: Batch = [{ kind: 'jobCancelled', at: instant(1), jobNumber: 7 }];

/** Its hashes are random, so that it takes many sectors. */
const manyResults: Batch = [
  {
    kind: 'tasksEnded',
    at: instant(1),
    rows: [],
    results: Array.from({ length: 100 }, (_, place) =>
      sha256(createHash('sha256').update(String(place)).digest('hex')),
    ),
  },
];

let folder: JournalFolder;
/** The journal of the story, and where each of its frames ends. */
let whole: Buffer;
const ends: number[] = [0];

beforeAll(async () => {
  folder = new JournalFolder();
  for (const batch of story) {
    await folder.append([batch]);
    ends.push(folder.contents().get(segment)?.length ?? 0);
  }
  whole = folder.contents().get(segment) ?? Buffer.alloc(0);
});
afterAll(() => folder.remove());
beforeEach(() => writeFileSync(folder.file(segment), whole));

/** Puts these bytes in the place of the segment's. */
function damage(bytes: Buffer): Buffer {
  writeFileSync(folder.file(segment), bytes);
  return bytes;
}

function flip(...bits: readonly number[]): Buffer {
  const bytes = Buffer.from(whole);
  for (const at of bits) bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
  return bytes;
}

function zero(from: number, to = whole.length): Buffer {
  return Buffer.from(whole).fill(0, from, to);
}

// Compared as text and as buffers: thousands of cases must not take minutes.
function expectBatches(found: readonly Batch[], wanted: readonly Batch[]): void {
  expect(JSON.stringify(found)).toBe(JSON.stringify(wanted));
}

function expectBytes(wanted: Buffer): void {
  expect(folder.contents().get(segment)?.equals(wanted)).toBe(true);
}

/** It starts with the first `count` batches, says what it cut off, and goes on from there. */
async function expectPrefix(count: number, warning: RegExp): Promise<void> {
  const { batches, warnings } = await folder.append([extra]);
  expectBatches(batches, story.slice(0, count));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(warning);
  expect(warnings[0]).toContain(folder.file(segment));
  const again = await folder.read();
  expectBatches(again.batches, [...story.slice(0, count), extra]);
  expect(again.warnings).toEqual([]);
}

async function expectRefusal(bytes: Buffer, what: RegExp): Promise<void> {
  await expect(folder.read()).rejects.toThrow(what);
  await expect(folder.read()).rejects.toThrow(folder.file(segment));
  expectBytes(bytes);
}

describe('a journal that was cut', () => {
  it('starts with all whole batches, at every byte of a header, and some of each batch', async () => {
    const wrong: number[] = [];
    const step = Math.ceil(whole.length / propertyRuns(400));
    for (let cut = 0; cut < whole.length; cut += 1) {
      const start = ends.findLast((end) => end <= cut) ?? 0;
      if (cut - start > headerBytes && cut % step !== 0) continue;
      damage(whole.subarray(0, cut));
      const { batches, warnings } = await folder.read();
      const count = ends.findLastIndex((end) => end <= cut);
      const isPrefix = JSON.stringify(batches) === JSON.stringify(story.slice(0, count));
      const isWarned = warnings.length === (ends[count] === cut ? 0 : 1);
      if (!isPrefix || !isWarned) wrong.push(cut);
    }
    expect(wrong).toEqual([]);
  });

  it('goes on after its last whole batch, from every byte of the next', async () => {
    const last = story.length - 1;
    for (let cut = (ends[last] ?? 0) + 1; cut < whole.length; cut += 1) {
      damage(whole.subarray(0, cut));
      await expectPrefix(last, /never finished/);
    }
  });

  it('starts with all batches but the last when its end is zero bytes, from every byte', async () => {
    const last = story.length - 1;
    for (let from = ends[last] ?? 0; from < whole.length; from += 1) {
      damage(zero(from));
      await expectPrefix(last, /never finished/);
    }
  });

  it('cuts a last batch of which a page in the middle was never written', async () => {
    await folder.append([manyResults]);
    const bytes = folder.contents().get(segment) ?? Buffer.alloc(0);
    expect(bytes.length - whole.length).toBeGreaterThan(4 * 512);
    for (let page = Math.ceil(whole.length / 512); page < bytes.length / 512 - 1; page += 1) {
      const torn = Buffer.from(bytes).fill(0, page * 512, (page + 1) * 512);
      writeFileSync(folder.file(segment), torn);
      await expectPrefix(story.length, /never finished/);
    }
    // The page in which it begins: what was before it had been there already.
    const page = Math.ceil(whole.length / 512) * 512;
    writeFileSync(folder.file(segment), Buffer.from(bytes).fill(0, whole.length, page));
    await expectPrefix(story.length, /never finished/);
  });
});

it('lets a last batch whose header stands across two sectors lack either of them', () => {
  for (let before = 1; before < 24; before += 1) {
    const offset = 512 - before;
    const frame = Buffer.concat([Buffer.alloc(offset, 1), encodeFrame(manyResults, 0)]);
    expect(frame.length).toBeGreaterThan(4 * 512);
    for (const [start, end] of [
      [offset, 512],
      [512, 1024],
    ]) {
      const torn = Buffer.from(frame).fill(0, start, end);
      expect(decodeFrame(torn, offset).kind, `${before} bytes before`).toBe('unfinished');
    }
  }
});

describe('a journal with a flipped bit', () => {
  const expectMended = async (byte: number, bit: number): Promise<void> => {
    damage(flip(8 * byte + bit));
    const { batches, warnings } = await folder.read();
    expectBatches(batches, story);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`bit ${bit} of byte ${byte} of ${folder.file(segment)}`);
    expectBytes(whole);
  };

  it('loses nothing, whichever byte of its last batch it is in', async () => {
    for (let byte = ends.at(-2) ?? 0; byte < whole.length; byte += 1) {
      await expectMended(byte, byte % 8);
    }
  });

  it('loses nothing, wherever it is', async () => {
    const anywhere = fc.integer({ min: 0, max: 8 * whole.length - 1 });
    await fc.assert(
      fc.asyncProperty(anywhere, (at) => expectMended(at >> 3, at & 7)),
      { numRuns: propertyRuns(100) },
    );
  });

  it('loses nothing when a header and its batch have one each', async () => {
    const start = ends.at(-2) ?? 0;
    for (const [one, other] of [
      [start + 5, start + 30],
      [start + 22, whole.length - 1],
    ] as const) {
      damage(flip(8 * one + 2, 8 * other + 4));
      const { batches, warnings } = await folder.read();
      expectBatches(batches, story);
      expect(warnings).toHaveLength(2);
      expectBytes(whole);
    }
  });
});

describe('a journal with more damage', () => {
  it('is refused for any two flipped bits of a batch or header, and nothing is changed', async () => {
    const frame = fc.integer({ min: 0, max: story.length - 1 });
    const part = fc.constantFrom('header', 'batch');
    const places = fc.tuple(fc.nat(), fc.nat());
    await fc.assert(
      fc.asyncProperty(frame, part, places, async (index, where, [first, second]) => {
        const [start, end] = [ends[index] ?? 0, ends[index + 1] ?? 0];
        const from = 8 * (where === 'header' ? start : start + headerBytes);
        const span = 8 * (where === 'header' ? headerBytes : end - start - headerBytes);
        const [one, other] = [from + (first % span), from + (second % span)];
        fc.pre(one !== other);
        const bytes = damage(flip(one, other));
        await expectRefusal(bytes, new RegExp(`damaged at byte ${start}\\b`));
      }),
      { numRuns: propertyRuns(60) },
    );
  });

  it('is refused, or whole, when bytes were written over: never shorter', async () => {
    const scribble = fc.uint8Array({ minLength: 1, maxLength: 600, min: 1 });
    const place = fc.nat({ max: whole.length - 1 });
    await fc.assert(
      fc.asyncProperty(scribble, place, async (junk, at) => {
        const bytes = Buffer.from(whole);
        bytes.set(junk.subarray(0, whole.length - at), at);
        damage(bytes);
        const batches = await folder.read().then(
          (reading) => reading.batches,
          (error: Error) => error.message,
        );
        if (typeof batches === 'string') {
          expect(batches).toMatch(/damaged at byte \d+/);
          expectBytes(bytes);
        } else expectBatches(batches, story);
      }),
      { numRuns: propertyRuns(100) },
    );
  });

  it('is refused when zero bytes are before its last batch', async () => {
    const last = ends.at(-2) ?? 0;
    for (let page = 0; (page + 1) * 512 <= last; page += 1) {
      const bytes = damage(zero(page * 512, (page + 1) * 512));
      await expectRefusal(bytes, /damaged at byte \d+/);
    }
    for (const [index, start] of ends.slice(0, -2).entries()) {
      const bytes = damage(zero(start, ends[index + 1]));
      await expectRefusal(bytes, new RegExp(`damaged at byte ${start}\\b`));
    }
  });

  it('is refused when a batch is missing, or there twice', async () => {
    const [, one = 0, two = 0, three = 0] = ends;
    for (const parts of [
      [whole.subarray(0, one), whole.subarray(two)],
      [whole.subarray(0, two), whole.subarray(one)],
      [whole.subarray(0, one), whole.subarray(two, three), whole.subarray(one, two)],
    ]) {
      const bytes = damage(Buffer.concat(parts));
      await expectRefusal(bytes, /holds batch \d+ at byte \d+ where batch \d+ belongs/);
    }
  });
});
