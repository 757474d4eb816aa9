// The snapshots in a journal's folder: written by a thread of their own, so that the scheduler
// stands still only while its columns are copied.

import { readFileSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import type { StateImage } from '../../core/index.ts';
import { factsVersion } from '../../core/index.ts';
import { startThread } from '../thread.ts';
import { fileOf, listFiles } from './journal-files.ts';
import { JournalError, newerError } from './journal-error.ts';
import { decodeSnapshot } from './snapshot-codec.ts';

export interface Snapshot {
  readonly image: StateImage;
  readonly sequence: number;
}

/**
 * The newest snapshot that is whole; damaged ones are told as warnings.
 *
 * @throws JournalError when a newer scheduler wrote it.
 */
export function newestSnapshot(folder: string, warnings: string[]): Snapshot | undefined {
  for (const file of listFiles(folder, '.snapshot').toReversed()) {
    const snapshot = decodeSnapshot(readFileSync(file));
    if (snapshot === undefined) {
      warnings.push(
        `${file} is damaged: an older snapshot, and the batches since, are read instead.`,
      );
      continue;
    }
    const { version } = snapshot.image;
    if (version > factsVersion) throw newerError(file, version);
    return snapshot;
  }
  return undefined;
}

/** Resolves when the snapshot is on disk and has been read back. Takes the columns of the image. */
export function writeSnapshot(folder: string, snapshot: Snapshot): Promise<void> {
  const { image, sequence } = snapshot;
  const worker = startWorker({ image, sequence, file: fileOf(folder, sequence, '.snapshot') });
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
    worker.once('exit', (code) =>
      reject(new JournalError(`The snapshot's thread ended (${code}).`)),
    );
  });
}

function startWorker(data: Snapshot & { readonly file: string }): Worker {
  return startThread(import.meta.url, 'snapshot-worker', {
    workerData: data,
    // imageOf made them for this: they are copies, and whole buffers.
    transferList: Object.values(data.image.columns).map((column) => column.buffer as ArrayBuffer),
  });
}
