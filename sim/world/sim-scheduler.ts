// A simulated scheduler: the real loop and core on a disk in memory. Its process may die at any
// moment; the disk, with the journal and the blobs, stays.

import type {
  Answer,
  Command,
  Effect,
  NodeSpoke,
  Policy,
  View,
} from '../../scheduler/core/index.ts';
import { Loop } from '../../scheduler/loop.ts';
import type { AppendFate } from '../kernel/memory-journal.ts';
import { MemoryDisk, MemoryJournal } from '../kernel/memory-journal.ts';
import { ProcessClock } from '../kernel/process-clock.ts';
import type { VirtualClock } from '../kernel/virtual-clock.ts';

export interface SimSchedulerOptions {
  readonly clock: VirtualClock;
  readonly disk: MemoryDisk;
  readonly batchesBetweenSnapshots: number;
  /** Without: the one that federations run. */
  readonly policy?: Policy;
  /** What becomes of the append that follows so many batches. */
  readonly fateOf: (sequence: number) => AppendFate;
  /** Carries effects to nodes. */
  readonly tell: (effects: readonly Effect[]) => void;
  /** The process has ended itself, or died in an append: somebody should start it again. */
  readonly onDeath: () => void;
}

interface Process {
  readonly loop: Loop;
  readonly clock: ProcessClock;
}

export class SimScheduler {
  readonly #options: SimSchedulerOptions;
  #process: Process | undefined;
  #starts = 0;
  readonly #blobs = new Set<string>();

  constructor(options: SimSchedulerOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  /** Throws when it is down. */
  get view(): View {
    if (this.#process === undefined) throw new Error('the scheduler is down');
    return this.#process.loop.view;
  }

  async start(): Promise<void> {
    this.#starts += 1;
    const start = this.#starts;
    const { disk, batchesBetweenSnapshots, policy, tell } = this.#options;
    const clock = new ProcessClock(this.#options.clock);
    const fateOf = (sequence: number): AppendFate => {
      // A dead process writes nothing more, whatever its last promises still do.
      if (start !== this.#starts) return 'lost';
      const fate = this.#options.fateOf(sequence);
      if (fate === 'lost' || fate === 'unanswered') this.#die();
      return fate;
    };
    const loop = await Loop.start({
      journal: new MemoryJournal(disk, { batchesBetweenSnapshots, fateOf }),
      clock,
      ...(policy === undefined ? {} : { policy }),
      sink: { carryOut: (effects) => start === this.#starts && tell(effects) },
      onFatal: () => start === this.#starts && this.#die(),
      onWarning: () => undefined,
    });
    if (start === this.#starts) this.#process = { loop, clock };
  }

  /** `kill -9`. */
  crash(): void {
    if (this.#process === undefined) return;
    this.#process.clock.die();
    this.#process = undefined;
    this.#starts += 1;
  }

  #die(): void {
    this.crash();
    this.#options.onDeath();
  }

  submit(command: Command): Promise<Answer> {
    if (this.#process === undefined) return Promise.reject(new Error('the scheduler is down'));
    return this.#process.loop.submit(command);
  }

  /** A message of a node arrives; nobody hears it while the scheduler is down. */
  hear(command: NodeSpoke): void {
    const ended = command.ended.map((end) => ({
      ...end,
      isResultPresent: end.result === null || this.#blobs.has(end.result.sha256),
    }));
    this.#process?.loop.post({ ...command, ended });
  }

  /** A blob arrives; false: nobody is there to take it. */
  takeBlob(sha256: string): boolean {
    if (this.#process === undefined) return false;
    this.#blobs.add(sha256);
    return true;
  }

  /** The disk loses a blob, as when it was restored from an older backup. */
  loseBlob(sha256: string): void {
    this.#blobs.delete(sha256);
  }
}
