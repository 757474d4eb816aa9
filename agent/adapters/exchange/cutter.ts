// Cuts what comes over the line into chunks.

/** Makes chunks of the parts that come; holds less than a chunk and a part. */
export class Cutter {
  readonly #sizes: readonly number[];
  #parts: Buffer[] = [];
  #heldBytes = 0;
  #at = 0;

  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
  }

  cut(part: Buffer): readonly Buffer[] {
    this.#parts.push(part);
    this.#heldBytes += part.length;
    const chunks: Buffer[] = [];
    for (;;) {
      const size = this.#sizes[this.#at];
      if (size === undefined || this.#heldBytes < size) return chunks;
      const held = this.#parts.length === 1 ? (this.#parts[0] ?? part) : Buffer.concat(this.#parts);
      chunks.push(held.subarray(0, size));
      this.#parts = [held.subarray(size)];
      this.#heldBytes -= size;
      this.#at += 1;
    }
  }
}
