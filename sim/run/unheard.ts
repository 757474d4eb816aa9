// Ends of attempts that nodes keep until the scheduler has acknowledged them, and what they have ended
// ever: a grant of that which comes late starts nothing. Only where messages may be lost.

import type { End } from './messages.ts';

const nobody: ReadonlyMap<number, End> = new Map();

export class Unheard {
  readonly #ends = new Map<number, Map<number, End>>();
  readonly #ended = new Set<number>();

  add(node: number, lease: number, end: End): void {
    const own = this.#ends.get(node) ?? new Map<number, End>();
    own.set(lease, end);
    this.#ends.set(node, own);
    this.#ended.add(lease);
  }

  acknowledged(node: number, lease: number): void {
    this.#ends.get(node)?.delete(lease);
  }

  of(node: number): ReadonlyMap<number, End> {
    return this.#ends.get(node) ?? nobody;
  }

  hasEnded(lease: number): boolean {
    return this.#ended.has(lease);
  }
}
