// The journals that pass the contract.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileJournal } from '../../scheduler/adapters/journal/file-journal.ts';
import type { JournalOptions } from '../../scheduler/adapters/journal/file-journal.ts';
import { MemoryDisk, MemoryJournal } from '../../sim/kernel/memory-journal.ts';
import { journalContract } from './journal.contract.ts';
import type { JournalRig } from './journal.contract.ts';

journalContract('in a file', () => fileRig({}));
// Every batch has a segment of its own: what spans segments is tried too.
journalContract('in many files', () => fileRig({ segmentBytes: 1 }));
journalContract('in memory', memoryRig);

function fileRig(options: Partial<JournalOptions>): JournalRig {
  const folder = mkdtempSync(join(tmpdir(), 'punnet-journal-'));
  const journals: FileJournal[] = [];
  return {
    open: () => {
      const journal = FileJournal.open(folder, options);
      journals.push(journal);
      return journal;
    },
    breakMedium: () => {
      limitFileSize('10');
      return () => limitFileSize('unlimited');
    },
    dispose: async () => {
      for (const journal of journals) await journal.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Of this process: the kernel refuses to write beyond it. */
function limitFileSize(bytes: string): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
}

function memoryRig(): JournalRig {
  const disk = new MemoryDisk();
  let isBroken = false;
  return {
    open: () => new MemoryJournal(disk, { fateOf: () => (isBroken ? 'failed' : 'kept') }),
    breakMedium: () => {
      isBroken = true;
      return () => (isBroken = false);
    },
    dispose: () => Promise.resolve(),
  };
}
