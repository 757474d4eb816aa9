// A journal for whoever only looks: from its beginning, or its oldest whole snapshot, as far as it goes. Nothing is
// locked, put right or removed, so that a scheduler may be writing to it meanwhile.

import { readFileSync, statSync } from 'node:fs';
import type { DurableFact, StateImage } from '../../core/index.ts';
import { factsVersion } from '../../core/index.ts';
import { JournalError, missingError, newerError } from './journal-error.ts';
import { listFiles, sequenceOf } from './journal-files.ts';
import { readSegment } from './segment-reader.ts';
import { decodeSnapshot } from './snapshot-codec.ts';

export { JournalError } from './journal-error.ts';

export interface LookedAt {
  /** Undefined: the journal goes back to its beginning. */
  readonly image: StateImage | undefined;
  readonly batches: Iterable<readonly DurableFact[]>;
}

/** @throws {JournalError} when there is none, or it can't be believed; the batches throw it, too. */
export function lookAtJournal(folder: string): LookedAt {
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  const segments = isFolder ? listFiles(folder, '.segment') : [];
  if (segments.length === 0) {
    throw new JournalError(
      `${folder} holds no journal: wanted files that end in .segment. Name the data folder of a scheduler, or the folder journal in it.`,
    );
  }
  const isWhole = sequenceOf(segments[0] ?? '') === 0;
  const oldest = isWhole ? undefined : oldestSnapshot(folder);
  return { image: oldest?.image, batches: batchesOf(segments, oldest?.sequence ?? 0) };
}

function oldestSnapshot(folder: string) {
  for (const file of listFiles(folder, '.snapshot')) {
    const snapshot = decodeSnapshot(readFileSync(file));
    if (snapshot === undefined) continue;
    if (snapshot.image.version > factsVersion) throw newerError(file, snapshot.image.version);
    return snapshot;
  }
  return undefined;
}

function* batchesOf(all: readonly string[], start: number): Generator<readonly DurableFact[]> {
  const first = all.findLastIndex((file) => sequenceOf(file) <= start);
  const segments = all.slice(Math.max(0, first));
  let next = Math.min(start, sequenceOf(segments[0] ?? ''));
  if (first < 0) throw missingError(all[0] ?? '', [start, sequenceOf(all[0] ?? '')], []);
  for (const file of segments) {
    if (sequenceOf(file) !== next) throw missingError(file, [next, sequenceOf(file)], []);
    for (const part of readSegment({ file, first: next, isLast: file === segments.at(-1) })) {
      // A bit that was flipped is read as it was; a write that has no end yet is not read.
      if (part.kind !== 'batch') continue;
      next = part.sequence + 1;
      if (part.sequence >= start) yield part.facts;
    }
  }
}
