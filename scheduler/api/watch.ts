// Tells watchers of a job when it has changed: at most four times a second each.

const leastSpanMs = 250;
/** Watchers at a time; each holds a stream. */
export const maxWatchers = 1_000;

interface Watcher {
  readonly tell: () => void;
  timer: NodeJS.Timeout | undefined;
  toldMs: number;
}

export class Watchers {
  readonly #byJob = new Map<string, Set<Watcher>>();
  #count = 0;

  get isFull(): boolean {
    return this.#count >= maxWatchers;
  }

  /** Calls `tell` after changes; returns the function that ends it. */
  add(jobId: string, tell: () => void): () => void {
    const watcher: Watcher = { tell, timer: undefined, toldMs: performance.now() };
    const watchers = this.#byJob.get(jobId) ?? new Set();
    this.#byJob.set(jobId, watchers.add(watcher));
    this.#count += 1;
    return () => {
      if (!watchers.delete(watcher)) return;
      this.#count -= 1;
      clearTimeout(watcher.timer);
      if (watchers.size === 0) this.#byJob.delete(jobId);
    };
  }

  changed(jobId: string): void {
    for (const watcher of this.#byJob.get(jobId) ?? []) {
      if (watcher.timer !== undefined) continue;
      const waitMs = Math.max(0, watcher.toldMs + leastSpanMs - performance.now());
      watcher.timer = setTimeout(() => {
        watcher.timer = undefined;
        watcher.toldMs = performance.now();
        watcher.tell();
      }, waitMs);
    }
  }
}
