// What a task prints: the first part goes to disk, the rest only to a ring of its last bytes, so
// that a chatty task wears no SD card. finish() appends the ring.

import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { attemptFiles } from './attempt-spec.ts';

/** Together 1 MiB for an attempt. */
export const logTailBytes = 16 << 10;
const headBytes = (1 << 20) - logTailBytes;

export class TaskLog {
  readonly #file: number;
  #written = 0;
  #leftOut = 0;
  #tail = Buffer.alloc(0);

  constructor(attemptFolder: string) {
    this.#file = openSync(join(attemptFolder, attemptFiles.log), 'w', 0o600);
  }

  /** Tells when the task has printed more than is kept: it may never stop. */
  append(bytes: Buffer): 'kept' | 'first left out' | 'left out' {
    const head = bytes.subarray(0, Math.max(0, headBytes - this.#written));
    if (head.length > 0) {
      try {
        writeSync(this.#file, head);
      } catch {
        // A full disk must not end the shim; the disk watch ends the task.
      }
      this.#written += head.length;
    }
    const rest = bytes.subarray(head.length);
    if (rest.length === 0) return 'kept';
    const joined = Buffer.concat([this.#tail, rest.subarray(-logTailBytes)]);
    this.#tail = Buffer.from(joined.subarray(-logTailBytes));
    const isFirst = this.#leftOut === 0;
    this.#leftOut += rest.length;
    return isFirst ? 'first left out' : 'left out';
  }

  finish(): void {
    const leftOut = this.#leftOut - this.#tail.length;
    try {
      if (leftOut > 0) writeSync(this.#file, `\n[${leftOut} bytes left out]\n`);
      if (this.#tail.length > 0) writeSync(this.#file, this.#tail);
    } catch {
      // As in append.
    }
    closeSync(this.#file);
  }
}

/** The last bytes of an attempt's log, as text; empty when there is none. */
export function readLogTail(attemptFolder: string, maxBytes = logTailBytes): string {
  try {
    const file = openSync(join(attemptFolder, attemptFiles.log), 'r');
    try {
      const size = fstatSync(file).size;
      const buffer = Buffer.alloc(Math.min(maxBytes, size));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8');
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
