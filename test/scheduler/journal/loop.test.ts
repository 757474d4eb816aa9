// The loop over a journal that fails: it promises nothing, and lets nothing out.

import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../scheduler/core/index.ts';
import { instant, jobId } from '../../../scheduler/core/index.ts';
import { Loop } from '../../../scheduler/loop.ts';
import type { MemoryJournalOptions } from '../../../sim/kernel/memory-journal.ts';
import { MemoryDisk, MemoryJournal } from '../../../sim/kernel/memory-journal.ts';
import { VirtualClock } from '../../../sim/kernel/virtual-clock.ts';
import { template } from '../core/harness.ts';

class Rig {
  readonly disk = new MemoryDisk();
  readonly effects: Effect[] = [];
  readonly fatal: string[] = [];
  readonly warnings: string[] = [];
  #jobs = 0;

  start(options: MemoryJournalOptions, journal = new MemoryJournal(this.disk, options)) {
    return Loop.start({
      journal,
      clock: new VirtualClock(instant(1_800_000_000_000)),
      sink: { carryOut: (effects) => void this.effects.push(...effects) },
      onFatal: (error) => void this.fatal.push(error.message),
      onWarning: (warning) => void this.warnings.push(warning),
    });
  }

  submit(loop: Loop) {
    const id = `job ${(this.#jobs += 1)}`;
    return loop.submit({
      kind: 'submitJob',
      jobId: jobId(id),
      researcher: 'ada',
      requestId: id,
      template: template({ name: id }),
    });
  }
}

describe('the loop', () => {
  it('answers with the error when a batch is not on disk, lets no effect go, and stops', async () => {
    const rig = new Rig();
    const loop = await rig.start({ fateOf: (sequence) => (sequence === 1 ? 'failed' : 'kept') });
    expect(await rig.submit(loop)).toMatchObject({ kind: 'job', isNew: true });
    const effectsBefore = rig.effects.length;
    await expect(rig.submit(loop)).rejects.toThrow(/nothing of this request was kept/);
    expect(rig.fatal).toEqual([expect.stringMatching(/takes nothing more/)]);
    expect(rig.effects).toHaveLength(effectsBefore);
    await expect(rig.submit(loop)).rejects.toThrow(/stopping/);

    const next = await rig.start({});
    expect([next.view.job(jobId('job 1'))?.jobId, next.view.job(jobId('job 2'))]).toEqual([
      'job 1',
      undefined,
    ]);
  });

  it('goes on without a snapshot that could not be written, and warns', async () => {
    class FullDisk extends MemoryJournal {
      override snapshot(): Promise<void> {
        return Promise.reject(new Error('no space left'));
      }
    }
    const rig = new Rig();
    const options = { batchesBetweenSnapshots: 1 };
    const loop = await rig.start(options, new FullDisk(rig.disk, options));
    await rig.submit(loop);
    await rig.submit(loop);
    await loop.stop();
    expect(rig.fatal).toEqual([]);
    expect(rig.warnings[0]).toMatch(/could not be written.*no space left/);
    expect(rig.disk.batchCount).toBe(2);
  });
});
