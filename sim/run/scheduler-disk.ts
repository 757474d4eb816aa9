// The journal of a run whose scheduler dies and comes back: batches and snapshots as the file journal
// has them, in memory. What comes back must be what was there.

import { isDeepStrictEqual } from 'node:util';
import { decodeFrame, encodeFrame } from '../../scheduler/adapters/journal/codec.ts';
import { decodeSnapshot, encodeSnapshot } from '../../scheduler/adapters/journal/snapshot-codec.ts';
import type { Fact } from '../../scheduler/core/index.ts';
import { State, apply, imageOf, stateOf, toJournal } from '../../scheduler/core/index.ts';
import { MemoryDisk } from '../kernel/memory-journal.ts';
import { CheckFailed } from './checks.ts';

const batchesBetweenSnapshots = 1_000;

export class SchedulerDisk {
  readonly #disk: MemoryDisk;
  #sinceSnapshot = 0;

  /** Begins with a federation as it is before the run. */
  constructor(state: State, disk = new MemoryDisk()) {
    this.#disk = disk;
    this.#snapshot(state);
  }

  /** What a batch has decided, before anything of it leaves; `state` has it already. */
  write(facts: readonly Fact[], state: State): void {
    const durable = toJournal(facts);
    if (durable.length === 0) return;
    this.#disk.write(encodeFrame(durable, this.#disk.batchCount));
    this.#sinceSnapshot += 1;
    if (this.#sinceSnapshot >= batchesBetweenSnapshots) this.#snapshot(state);
  }

  /**
   * The state of a scheduler that starts; what was soft in the one before is gone.
   *
   * @throws {CheckFailed} when it does not know what the one before knew.
   */
  restored(before: State): State {
    const snapshot = decodeSnapshot(this.#disk.snapshot ?? Buffer.alloc(0));
    const state = snapshot === undefined ? new State() : stateOf(snapshot.image);
    for (const frame of this.#disk.frames) {
      const decoded = decodeFrame(frame, 0);
      if (decoded.kind !== 'batch') throw new CheckFailed('restart: a batch cannot be read');
      for (const fact of decoded.facts) apply(state, fact);
    }
    const lost = differences(imageOf(before), imageOf(state));
    if (lost.length === 0) return state;
    throw new CheckFailed(`restart: the scheduler came back with other ${lost.join(', ')}`);
  }

  #snapshot(state: State): void {
    this.#disk.replace(
      encodeSnapshot(imageOf(state), this.#disk.batchCount),
      this.#disk.batchCount,
    );
    this.#sinceSnapshot = 0;
  }
}

type Image = ReturnType<typeof imageOf>;

function differences(before: Image, after: Image): readonly string[] {
  const parts = (image: Image): Readonly<Record<string, unknown>> => ({
    ...(typeof image.document === 'object' ? image.document : {}),
    columns: image.columns,
  });
  const [old, fresh] = [parts(before), parts(after)];
  // Soft facts have their instants, too, and are not on disk.
  const names = Object.keys(old).filter((name) => name !== 'latest');
  return names.filter((name) => !isDeepStrictEqual(old[name], fresh[name]));
}
