// A small file of what memory has anyway, for the next start. A disk that takes no more ends nothing: what it did
// not take waits for room.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { writeDurably } from './durable.ts';

/** A full disk is not asked more often. */
const againMs = 60_000;

export class KeptFile {
  readonly #path: string;
  #waiting: string | null = null;
  #problem: string | null = null;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
  }

  /** null: there is none, or it can't be read. */
  read(): string | null {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch {
      return null;
    }
  }

  /** The text is on disk now, or waits for `tryAgain`. */
  write(text: string): void {
    this.#waiting = text;
    this.#try(text);
  }

  /**
   * What waits is tried once more, once a minute at most.
   *
   * @param nowMs monotonic.
   */
  tryAgain(nowMs: number): void {
    if (this.#waiting === null || nowMs - this.#triedMs < againMs) return;
    this.#triedMs = nowMs;
    this.#try(this.#waiting);
  }

  /** What the disk said of what waits, such as "traffic.json (ENOSPC)"; null: all is there. */
  get problem(): string | null {
    return this.#problem;
  }

  #try(text: string): void {
    try {
      writeDurably(this.#path, text);
      [this.#waiting, this.#problem] = [null, null];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.#problem = `${basename(this.#path)} (${code ?? String(error)})`;
    }
  }
}
