// This node's part of its household's bytes in a month, as the scheduler gave it, kept on disk: it holds while the
// scheduler is silent, and after a start.

import type { KeptFile } from '../state/kept-file.ts';

/** Of the household's, before the scheduler has said a word: up to twenty new nodes keep to it together. */
export const partAtFirst = 0.05;

export class Allotment {
  readonly #kept: KeptFile;
  #bytes: number | null;

  constructor(kept: KeptFile) {
    this.#kept = kept;
    this.#bytes = bytesIn(kept.read());
  }

  take(bytes: number): void {
    if (bytes === this.#bytes || bytes < 0) return;
    this.#bytes = bytes;
    this.#kept.write(JSON.stringify(bytes));
  }

  /** Never more than the owner allows, whatever the scheduler gave. */
  of(capBytes: number): number {
    return Math.floor(Math.min(capBytes, this.#bytes ?? partAtFirst * capBytes));
  }
}

function bytesIn(text: string | null): number | null {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'number' && value >= 0 ? value : null;
  } catch {
    return null;
  }
}
