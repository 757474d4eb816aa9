// A journal that tells Prometheus how long its disk takes, and what is not on it yet.

import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { DurableFact, StateImage } from '../../core/index.ts';
import type { Journal, Recovery } from '../../ports.ts';

interface MeasurableJournal extends Journal {
  readonly bytes: { readonly unsynced: number; readonly synced: number };
}

/** From a tenth of a millisecond to ten seconds, a disk in trouble. */
const buckets = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

export class MeteredJournal implements Journal {
  readonly #journal: MeasurableJournal;
  readonly #appends: Histogram;
  /** When the append under way began, by performance.now(). */
  #since: number | undefined;

  constructor(journal: MeasurableJournal, registry: Registry) {
    this.#journal = journal;
    const registers = [registry];
    this.#appends = new Histogram({
      name: 'punnet_journal_append_seconds',
      help: 'Writing one batch and syncing it to the disk.',
      ...{ buckets, registers },
    });
    const lagSeconds = (): number =>
      this.#since === undefined ? 0 : (performance.now() - this.#since) / 1_000;
    new Gauge({
      name: 'punnet_journal_lag_seconds',
      help: 'Since when a batch has waited for its sync; 0: all that was decided is on disk.',
      registers,
      collect() {
        this.set(lagSeconds());
      },
    });
    new Gauge({
      name: 'punnet_journal_lag_bytes',
      help: 'Bytes of the batch that waits for its sync.',
      registers,
      collect() {
        this.set(journal.bytes.unsynced);
      },
    });
    new Counter({
      name: 'punnet_journal_written_bytes_total',
      help: 'Bytes synced to the disk since the start.',
      registers,
      collect() {
        this.reset();
        this.inc(journal.bytes.synced);
      },
    });
  }

  recover(): Promise<Recovery> {
    return this.#journal.recover();
  }

  async append(facts: readonly DurableFact[], expectedSequence: number): Promise<void> {
    const end = this.#appends.startTimer();
    this.#since = performance.now();
    // After a failure the lag grows until the process has ended: that is what it is.
    await this.#journal.append(facts, expectedSequence);
    this.#since = undefined;
    end();
  }

  wantsSnapshot(): boolean {
    return this.#journal.wantsSnapshot();
  }

  snapshot(image: StateImage, sequence: number): Promise<void> {
    return this.#journal.snapshot(image, sequence);
  }

  close(): Promise<void> {
    return this.#journal.close();
  }
}
