// This node's part of its household's bytes in a month, as the scheduler gave it, kept on disk: it holds while the
// scheduler is silent, and after a start.

import { readFileSync } from 'node:fs';
import { writeDurably } from '../state/durable.ts';

/** Of the household's, before the scheduler has said a word: up to twenty new nodes keep to it together. */
export const partAtFirst = 0.05;

export class Allotment {
  readonly #file: string;
  #bytes: number | null;

  constructor(file: string) {
    this.#file = file;
    this.#bytes = read(file);
  }

  take(bytes: number): void {
    if (bytes === this.#bytes || bytes < 0) return;
    writeDurably(this.#file, JSON.stringify(bytes));
    this.#bytes = bytes;
  }

  /** Never more than the owner allows, whatever the scheduler gave. */
  of(capBytes: number): number {
    return Math.floor(Math.min(capBytes, this.#bytes ?? partAtFirst * capBytes));
  }
}

function read(file: string): number | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'number' && value >= 0 ? value : null;
  } catch {
    return null;
  }
}
