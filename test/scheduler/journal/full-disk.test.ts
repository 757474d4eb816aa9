// A disk that is full: nothing is promised that is not on it, and with space again all is there.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { imageOf } from '../../../scheduler/core/index.ts';
import { SmallDisk, diskOf } from '../small-disk.ts';
import { JournalFolder } from './journal-folder.ts';
import { stateAfter, tellStory } from './story.ts';

const story = tellStory();
const batch = story[4] ?? [];
let mounted: SmallDisk | string;
beforeAll(async () => {
  mounted = await SmallDisk.mount(1);
});
afterAll(async () => {
  if (typeof mounted !== 'string') await mounted.unmount();
});

it('takes nothing more, and has all that was acknowledged once there is space', async (context) => {
  const disk = diskOf(context, mounted);
  const folder = new JournalFolder(disk.path);
  let acknowledged = 0;
  await folder.read(async (journal) => {
    for (; acknowledged < 5; acknowledged += 1) await journal.append(batch, acknowledged);
    disk.fill();
    // What is left of the last page.
    const appends = async (): Promise<void> => {
      for (; acknowledged < 100; acknowledged += 1) await journal.append(batch, acknowledged);
    };
    await expect(appends()).rejects.toThrow(/could not be written \(ENOSPC.*all that was ack/);
    disk.free();
    await expect(journal.append(batch, acknowledged)).rejects.toThrow(/takes nothing more/);
  });
  const { batches, warnings } = await folder.append([batch]);
  expect(batches).toEqual(new Array(acknowledged).fill(batch));
  expect(warnings.length).toBeLessThanOrEqual(1);
  expect((await folder.read()).batches).toHaveLength(acknowledged + 1);
  folder.remove();
});

it('leaves nothing of a snapshot that found no space, and goes on', async (context) => {
  const disk = diskOf(context, mounted);
  const folder = new JournalFolder(disk.path);
  await folder.read(async (journal) => {
    await journal.append(batch, 0);
    disk.fill();
    const image = () => imageOf(stateAfter(story));
    await expect(journal.snapshot(image(), 1)).rejects.toThrow(/ENOSPC/);
    expect([...folder.contents().keys()]).toEqual(['0000000000000000.segment']);
    await journal.append([], 1);
    disk.free();
    await journal.snapshot(image(), 2);
  });
  expect([...folder.contents().keys()]).toContain('0000000000000002.snapshot');
  folder.remove();
});
