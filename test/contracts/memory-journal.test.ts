// What only the simulator's journal can do: its process dies at either side of a write.

import { describe, expect, it } from 'vitest';
import { instant } from '../../scheduler/core/index.ts';
import { MemoryDisk, MemoryJournal } from '../../sim/kernel/memory-journal.ts';
import type { AppendFate } from '../../sim/kernel/memory-journal.ts';

const batch = [{ kind: 'jobCancelled', at: instant(1), jobNumber: 0 }] as const;

describe('the journal of the simulator', () => {
  for (const { fate, kept } of [
    { fate: 'lost', kept: 1 },
    { fate: 'unanswered', kept: 2 },
  ] as const) {
    it(`never answers an append that was ${fate}, and keeps ${kept} of 2 batches`, async () => {
      const disk = new MemoryDisk();
      const fateOf = (sequence: number): AppendFate => (sequence === 1 ? fate : 'kept');
      const journal = new MemoryJournal(disk, { fateOf });
      await read(journal);
      await journal.append(batch, 0);
      let isAnswered = false;
      void journal.append(batch, 1).then(() => (isAnswered = true));
      await new Promise((resolve) => setImmediate(resolve));
      expect(isAnswered).toBe(false);
      await expect(journal.append(batch, 2)).rejects.toThrow(/has died/);
      expect(await read(new MemoryJournal(disk))).toBe(kept);
    });
  }

  it('wants a snapshot after as many batches as it was told', async () => {
    const disk = new MemoryDisk();
    const journal = new MemoryJournal(disk, { batchesBetweenSnapshots: 2 });
    await read(journal);
    await journal.append(batch, 0);
    expect(journal.wantsSnapshot()).toBe(false);
    await journal.append(batch, 1);
    expect(journal.wantsSnapshot()).toBe(true);
    const next = new MemoryJournal(disk, { batchesBetweenSnapshots: 2 });
    await read(next);
    expect(next.wantsSnapshot()).toBe(true);
  });
});

async function read(journal: MemoryJournal): Promise<number> {
  const { batches } = await journal.recover();
  let count = 0;
  for await (const facts of batches) count += Math.min(1, facts.length);
  return count;
}
