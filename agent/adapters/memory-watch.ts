// Has V8 collect while a small board still has the memory. By itself it lets megabytes lie that a transfer left, and
// an agent that is idle again does nothing that would have it look.

/** A report or a task takes less, so that an idle agent collects nothing. */
const mostGrowthBytes = 3_000_000;

export interface Memory {
  /** That the process has of the machine's. */
  readonly residentBytes: () => number;
  /** The agent does nothing else meanwhile. */
  readonly collect: () => void;
}

/** Without --expose-gc, as where an agent is started by hand, nothing is collected. */
const ownMemory: Memory = {
  residentBytes: () => process.memoryUsage.rss(),
  collect: () => globalThis.gc?.(),
};

export class MemoryWatch {
  readonly #memory: Memory;
  #leastBytes = Number.POSITIVE_INFINITY;

  constructor(memory = ownMemory) {
    this.#memory = memory;
  }

  /** Collects when the process has grown since the last time, or since it had least. */
  look(): void {
    const { residentBytes, collect } = this.#memory;
    const nowBytes = residentBytes();
    this.#leastBytes = Math.min(this.#leastBytes, nowBytes);
    if (nowBytes < this.#leastBytes + mostGrowthBytes) return;
    collect();
    // What is still there is in use.
    this.#leastBytes = residentBytes();
  }
}
