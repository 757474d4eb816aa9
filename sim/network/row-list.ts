// Rows in the order in which they came, each once until it is let go.

import { grown } from '../../scheduler/core/index.ts';

export class RowList {
  /** As many as `size` are valid. */
  rows = new Int32Array(64);
  size = 0;
  #isIn = new Uint8Array(64);

  add(row: number): void {
    if (row >= this.#isIn.length) this.#isIn = grown(this.#isIn, 2 * row);
    if (this.#isIn[row] === 1) return;
    this.#isIn[row] = 1;
    if (this.size === this.rows.length) this.rows = grown(this.rows, 2 * this.size);
    this.rows[this.size++] = row;
  }

  /** It stays in the list and may come again. */
  letGo(row: number): void {
    this.#isIn[row] = 0;
  }

  clear(): void {
    for (let index = 0; index < this.size; index += 1) this.#isIn[this.rows[index] ?? 0] = 0;
    this.size = 0;
  }
}
