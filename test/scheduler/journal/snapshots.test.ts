// Snapshots, and the segments they make needless: whatever is damaged, missing or half done, the
// state is the one that was acknowledged, or the scheduler does not start and says why.

import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../scheduler/adapters/journal/codec.ts';
import { encodeSnapshot } from '../../../scheduler/adapters/journal/snapshot-codec.ts';
import { factsVersion, imageOf } from '../../../scheduler/core/index.ts';
import { propertyRuns } from '../../property-runs.ts';
import { JournalFolder } from './journal-folder.ts';
import { digestOf, stateAfter, stateIn, tellStory } from './story.ts';

const story = tellStory();
/** Of a snapshot with all of it. */
const wholeName = `${String(story.length).padStart(16, '0')}.snapshot`;
/** A segment holds two or three batches; snapshots are taken when these many are on disk. */
const options = { segmentBytes: 350, segmentsBetweenSnapshots: 2 };
const snapshots = [6, 12, 17];

let original: JournalFolder;
let folder: JournalFolder;
beforeAll(async () => {
  original = new JournalFolder();
  await writeStory(original);
});
afterAll(() => original.remove());
beforeEach(() => {
  folder = original.copy();
});
afterEach(() => folder.remove());

async function writeStory(into: JournalFolder): Promise<void> {
  await into.read(async (journal) => {
    for (const [sequence, batch] of story.entries()) {
      await journal.append(batch, sequence);
      const count = sequence + 1;
      if (snapshots.includes(count)) {
        await journal.snapshot(imageOf(stateAfter(story.slice(0, count))), count);
      }
    }
  }, options);
}

async function expectWhole(from: number, warnings: readonly RegExp[] = []): Promise<void> {
  const reading = await folder.read();
  expect(reading.imageSequence).toBe(from);
  expect(digestOf(stateIn(reading))).toBe(digestOf(stateAfter(story)));
  expect(reading.sequence).toBe(story.length);
  expect(reading.warnings).toHaveLength(warnings.length);
  for (const [place, wanted] of warnings.entries()) expect(reading.warnings[place]).toMatch(wanted);
}

async function expectRefusal(what: RegExp): Promise<void> {
  const before = folder.contents();
  await expect(folder.read()).rejects.toThrow(what);
  expect(folder.contents()).toEqual(before);
}

const newest = '0000000000000017.snapshot';
const older = '0000000000000012.snapshot';
const segments = (): readonly string[] =>
  [...folder.contents().keys()].filter((name) => name.endsWith('.segment'));

describe('a folder with snapshots', () => {
  it('keeps two of them, and the segments since the older', async () => {
    const names = [...folder.contents().keys()];
    expect(names.filter((name) => name.endsWith('.snapshot'))).toEqual([older, newest]);
    const [first = '', second = ''] = segments();
    expect(Number.parseInt(first, 10)).toBeLessThanOrEqual(12);
    expect(Number.parseInt(second, 10)).toBeGreaterThan(12);
    await expectWhole(17);
  });

  it('wants the next one after as many closed segments, restarts or not', async () => {
    const wants: boolean[] = [];
    folder.remove();
    folder = new JournalFolder();
    for (const batch of story.slice(0, 5)) {
      await folder.read(
        async (journal, { sequence }) => {
          wants.push(journal.wantsSnapshot());
          await journal.append(batch, sequence);
        },
        { ...options, segmentBytes: 1 },
      );
    }
    expect(wants).toEqual([false, false, false, true, true]);
  });
});

describe('a damaged snapshot', () => {
  it('gives way to the older one and the batches since, when it was cut or flipped', async () => {
    const bytes = folder.contents().get(newest) ?? Buffer.alloc(0);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 8 }), async (at, bit) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit & 7));
        writeFileSync(folder.file(newest), bit === 8 ? bytes.subarray(0, at) : damaged);
        await expectWhole(12, [/17\.snapshot is damaged/]);
      }),
      { numRuns: propertyRuns(60) },
    );
  });

  it('is replaced by the next one', async () => {
    truncateSync(folder.file(newest), 100);
    const more = [story.flat(), story.flat(), story.flat()];
    await folder.append(more, options);
    const count = story.length + more.length;
    const all = [...story, ...more];
    // Facts twice are no story; the journal does not mind, and the state needs none of them here.
    await folder.read(async (journal) => {
      await journal.snapshot(imageOf(stateAfter(story)), count);
    }, options);
    const names = [...folder.contents().keys()].filter((name) => name.endsWith('.snapshot'));
    expect(names).toEqual([older, `00000000000000${count}.snapshot`]);
    writeFileSync(folder.file(names[1] ?? ''), '');
    const { batches } = await folder.read();
    expect(JSON.stringify(batches)).toBe(JSON.stringify(all.slice(12)));
  });

  it('is refused, with both reasons, when no other is whole', async () => {
    truncateSync(folder.file(newest), 100);
    truncateSync(folder.file(older), 100);
    await expectRefusal(/12\.snapshot is damaged.*lacks batches 0 to/);
  });

  it('gives way to all batches when it was the first', async () => {
    const fresh = new JournalFolder();
    await fresh.read(async (journal) => {
      for (const [sequence, batch] of story.entries()) await journal.append(batch, sequence);
      await journal.snapshot(imageOf(stateAfter(story)), story.length);
    }, options);
    truncateSync(fresh.file(wholeName), 50);
    folder.remove();
    folder = fresh;
    await expectWhole(0, [/\d\.snapshot is damaged/]);
  });
});

describe('the work of a snapshot', () => {
  it('may stop anywhere: the folder is read to the same state', async () => {
    // As it was before the last snapshot: the state in between is what a crash leaves.
    const before = new JournalFolder();
    await before.read(async (journal) => {
      for (const [sequence, batch] of story.entries()) {
        await journal.append(batch, sequence);
        if (sequence === 11) await journal.snapshot(imageOf(stateAfter(story.slice(0, 12))), 12);
      }
    }, options);
    folder.remove();
    folder = before;
    const image = imageOf(stateAfter(story));
    const bytes = encodeSnapshot(image, story.length);
    for (const length of [0, 1, 4_096, bytes.length]) {
      writeFileSync(folder.file(`${wholeName}.new`), bytes.subarray(0, length));
      await expectWhole(12);
      expect([...folder.contents().keys()].filter((name) => name.endsWith('.new'))).toEqual([]);
    }
    writeFileSync(folder.file(wholeName), bytes);
    await expectWhole(story.length);
    // What it makes needless goes oldest first.
    for (const name of segments().filter((each) => Number.parseInt(each, 10) < 10)) {
      rmSync(folder.file(name));
      await expectWhole(story.length);
    }
  });
});

describe('segments', () => {
  it('begin after the snapshot when the batches it covers were cut off', async () => {
    const isAfter = (name: string): boolean => Number.parseInt(name, 10) >= 17;
    for (const name of segments().filter(isAfter)) rmSync(folder.file(name));
    const last = segments().at(-1) ?? '';
    truncateSync(folder.file(last), 3);
    const batch = story[0] ?? [];
    const { warnings, sequence } = await folder.append([batch], options);
    expect(sequence).toBe(17);
    expect(warnings).toHaveLength(1);
    expect(await folder.read()).toMatchObject({ batches: [batch], sequence: 18, warnings: [] });
  });

  it('are refused when one in the middle is missing or cut', async () => {
    const middle = segments().at(-2) ?? '';
    const bytes = folder.contents().get(middle) ?? Buffer.alloc(0);
    rmSync(folder.file(middle));
    await expectRefusal(/lacks batches \d+ to \d+, which belong before/);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      writeFileSync(folder.file(middle), bytes.subarray(0, cut));
      await expect(folder.read()).rejects.toThrow(/damaged at byte|lacks batches/);
    }
    writeFileSync(folder.file(middle), bytes.subarray(0, 50));
    await expectRefusal(new RegExp(`${middle} is damaged at byte 0`));
  });

  it('are mended in the middle, too', async () => {
    const middle = segments().at(-2) ?? '';
    const bytes = folder.contents().get(middle) ?? Buffer.alloc(0);
    const flipped = Buffer.from(bytes);
    flipped[40] = (flipped[40] ?? 0) ^ 32;
    writeFileSync(folder.file(middle), flipped);
    await expectWhole(17, [new RegExp(`bit 5 of byte 40 of .*${middle}`)]);
    expect(folder.contents().get(middle)).toEqual(bytes);
  });

  it('are not mended when something else is refused', async () => {
    const [one = '', other = ''] = segments().slice(-2);
    const bytes = folder.contents().get(one) ?? Buffer.alloc(0);
    bytes[40] = (bytes[40] ?? 0) ^ 32;
    writeFileSync(folder.file(one), bytes);
    const last = folder.contents().get(other) ?? Buffer.alloc(0);
    writeFileSync(folder.file(other), last.fill(7, 30, 60));
    await expectRefusal(new RegExp(`${other} is damaged at byte 0`));
  });
});

describe('what a newer scheduler wrote', () => {
  it('is refused in a segment, with what to do', async () => {
    const name = segments().at(-1) ?? '';
    const frame = newerFrame();
    writeFileSync(folder.file(name), Buffer.concat([folder.contents().get(name) ?? frame, frame]));
    await expectRefusal(new RegExp(`${name} was written by a newer scheduler.*Start that version`));
  });

  it('is refused in a snapshot, with what to do', async () => {
    const image = { ...imageOf(stateAfter(story)), version: factsVersion + 1 };
    writeFileSync(folder.file(wholeName), encodeSnapshot(image, story.length));
    await expectRefusal(/\d\.snapshot was written by a newer scheduler.*Start that version/);
  });
});

/** A frame as this scheduler writes it, but of the next version of the facts. */
function newerFrame(): Buffer {
  const text = JSON.stringify({ v: factsVersion + 1, facts: [] });
  const payload = Buffer.concat([deflateRawSync(text), Buffer.from('\n')]);
  const header = encodeFrame([], story.length).subarray(0, 24);
  header.writeUInt32LE(payload.length, 4);
  header.writeUInt32LE(crc32(payload), 16);
  header.writeUInt32LE(crc32(header.subarray(0, 20)), 20);
  return Buffer.concat([header, payload]);
}
