// Writes a snapshot in a thread of its own: to a temporary file, synced, read back, then renamed.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { StateImage } from '../../core/index.ts';
import { syncFolder } from '../durable-file.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts';

// What writeSnapshot hands over; it is the only one that starts this worker.
const { image, sequence, file } = workerData as {
  image: StateImage;
  sequence: number;
  file: string;
};

const temporary = `${file}.new`;
try {
  const bytes = encodeSnapshot(image, sequence);
  const handle = openSync(temporary, 'w', 0o600);
  for (let written = 0; written < bytes.length;) written += writeSync(handle, bytes, written);
  fsyncSync(handle);
  closeSync(handle);
  if (decodeSnapshot(readFileSync(temporary)) === undefined) {
    throw new Error(`the snapshot ${temporary} does not read back as it was written`);
  }
  renameSync(temporary, file);
  syncFolder(dirname(file));
} catch (error) {
  // On a full disk the rest of it would be in everybody's way.
  rmSync(temporary, { force: true });
  throw error;
}
parentPort?.postMessage('done');
