// Reads one segment and says what must be put right in it. Nothing is changed before all segments
// have been read: a journal that is refused stays as it was found.

import { closeSync, fsyncSync, openSync, readFileSync, readSync } from 'node:fs';
import { truncateSync, writeSync } from 'node:fs';
import type { DurableFact } from '../../core/index.ts';
import { decodeFrame } from './codec.ts';
import { damageError, newerError } from './journal-error.ts';

/** What a crash or a failing disk left behind, and a scheduler may put right by itself. */
export type Repair =
  | { readonly kind: 'cut'; readonly file: string; readonly offset: number; readonly what: string }
  | { readonly kind: 'flip'; readonly file: string; readonly byte: number; readonly bit: number };

type Part =
  | { readonly kind: 'batch'; readonly facts: readonly DurableFact[]; readonly sequence: number }
  | Repair;

/**
 * The batches of a segment, in order, between what must be put right in it.
 *
 * @throws JournalError naming file and byte when it can't be.
 */
export function* readSegment(options: {
  readonly file: string;
  /** Sequence of its first batch. */
  readonly first: number;
  /** Only the last segment can have a write that never came to its end. */
  readonly isLast: boolean;
}): Generator<Part> {
  const { file, first, isLast } = options;
  const bytes = readFileSync(file);
  let sequence = first;
  for (let offset = 0; ;) {
    const decoded = decodeFrame(bytes, offset);
    switch (decoded.kind) {
      case 'end':
        return;
      case 'batch': {
        if (decoded.sequence !== sequence) {
          const what = `holds batch ${decoded.sequence} at byte ${offset} where batch ${sequence} belongs`;
          throw damageError(`${file} ${what}`);
        }
        yield decoded;
        sequence += 1;
        offset = decoded.nextOffset;
        break;
      }
      case 'flipped': {
        const { byte, bit } = decoded;
        bytes[byte] = (bytes[byte] ?? 0) ^ (1 << bit);
        yield { kind: 'flip', file, byte, bit };
        break;
      }
      case 'unfinished':
        if (!isLast) throw damageError(`${file} is damaged at byte ${offset}: ${decoded.what}`);
        yield { kind: 'cut', file, offset, what: decoded.what };
        return;
      case 'damaged':
        throw damageError(`${file} is damaged at byte ${offset}: ${decoded.what}`);
      case 'newer':
        throw newerError(file, decoded.factsVersion);
    }
  }
}

/** Puts one thing right, on disk when this returns; returns a warning that says what it was. */
export function repair(each: Repair): string {
  const { file } = each;
  if (each.kind === 'cut') {
    truncateSync(file, each.offset);
    return `The last write to ${file} was never finished, so nobody was promised what was in it: it was cut off at byte ${each.offset} (${each.what}).`;
  }
  flipBit(each);
  return `The bit ${each.bit} of byte ${each.byte} of ${file} had flipped, and was flipped back: nothing is lost. Check the disk and the memory of this machine.`;
}

/** In place: a sector is written whole or not at all, as it is when a batch is appended to it. */
function flipBit(options: { readonly file: string; readonly byte: number; readonly bit: number }) {
  const { file, byte, bit } = options;
  const handle = openSync(file, 'r+');
  const one = Buffer.alloc(1);
  readSync(handle, one, 0, 1, byte);
  writeSync(handle, Buffer.of((one[0] ?? 0) ^ (1 << bit)), 0, 1, byte);
  fsyncSync(handle);
  closeSync(handle);
}
