// The files of a journal's folder: `<batches before it>.segment` and `<batches in it>.snapshot`.

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export type Ending = '.segment' | '.snapshot';

/** Files with this ending, in the order of their numbers. */
export function listFiles(folder: string, ending: Ending | '.new'): readonly string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => join(folder, name));
}

export function fileOf(folder: string, sequence: number, ending: Ending): string {
  return join(folder, `${String(sequence).padStart(16, '0')}${ending}`);
}

export function sequenceOf(file: string): number {
  return Number.parseInt(file.slice(file.lastIndexOf('/') + 1), 10);
}

/**
 * Removes what two snapshots have made needless. The older one stays, and all batches since: should
 * the newer one turn out to be damaged, nothing is lost. In an order that may stop anywhere.
 */
export function removeCovered(folder: string, kept: { older: number; newer: number }): void {
  for (const file of listFiles(folder, '.snapshot')) {
    const sequence = sequenceOf(file);
    if (sequence !== kept.older && sequence !== kept.newer) rmSync(file);
  }
  const segments = listFiles(folder, '.segment');
  // A segment is covered when the next one starts at or before the snapshot.
  const firstKept = segments.findLastIndex((file) => sequenceOf(file) <= kept.older);
  for (const file of segments.slice(0, Math.max(0, firstKept))) rmSync(file);
}
