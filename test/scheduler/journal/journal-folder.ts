// A real folder with a journal in it, for tests that damage it.

import {
  accessSync,
  constants,
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DurableFact, StateImage } from '../../../scheduler/core/index.ts';
import type { JournalOptions } from '../../../scheduler/adapters/journal/file-journal.ts';
import { FileJournal } from '../../../scheduler/adapters/journal/file-journal.ts';

export interface Reading {
  readonly batches: readonly (readonly DurableFact[])[];
  readonly warnings: readonly string[];
  readonly image: StateImage | undefined;
  readonly imageSequence: number;
  readonly sequence: number;
}

export class JournalFolder {
  readonly path: string;

  constructor(parent = quickPlace()) {
    this.path = mkdtempSync(join(parent, 'punnet-journal-'));
  }

  /** Opens the journal, reads all of it, and lets `use` go on with it. */
  async read(
    use: (journal: FileJournal, reading: Reading) => Promise<void> = () => Promise.resolve(),
    options: Partial<JournalOptions> = {},
  ): Promise<Reading> {
    const journal = FileJournal.open(this.path, options);
    try {
      const recovery = await journal.recover();
      const batches: (readonly DurableFact[])[] = [];
      for await (const batch of recovery.batches) batches.push(batch);
      const { warnings, image, imageSequence } = recovery;
      const reading = {
        ...{ batches, warnings, image, imageSequence },
        sequence: recovery.lastSequence(),
      };
      await use(journal, reading);
      return reading;
    } finally {
      await journal.close();
    }
  }

  async append(
    batches: readonly (readonly DurableFact[])[],
    options: Partial<JournalOptions> = {},
  ): Promise<Reading> {
    return this.read(async (journal, { sequence }) => {
      for (const [place, batch] of batches.entries()) {
        await journal.append(batch, sequence + place);
      }
    }, options);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** All files by name, as they are. */
  contents(): ReadonlyMap<string, Buffer> {
    const names = readdirSync(this.path).sort();
    return new Map(names.map((name) => [name, readFileSync(this.file(name))]));
  }

  copy(): JournalFolder {
    const other = new JournalFolder();
    cpSync(this.path, other.path, { recursive: true });
    return other;
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}

/** In memory where there is such a place: thousands of damaged journals would wait for a disk. */
function quickPlace(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}
