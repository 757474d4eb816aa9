// How long a task has run, and when its time is over. It stands still while the task is frozen.

/** The longest that a timer takes: whoever gives a task so much means that it runs until it is stopped. */
const noTimeoutMs = 2 ** 31 - 1;

export class TaskTime {
  #ranBeforeMs = 0;
  /** null: it stands still. */
  #sinceMs: number | null = performance.now();
  #timeoutMs = noTimeoutMs;
  #onOver: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  get ranMs(): number {
    const running = this.#sinceMs === null ? 0 : performance.now() - this.#sinceMs;
    return Math.round(this.#ranBeforeMs + running);
  }

  /** Calls when it has run so long, unless it is stopped before. */
  limit(timeoutMs: number, onOver: () => void): void {
    this.#timeoutMs = timeoutMs;
    this.#onOver = onOver;
    this.#wait();
  }

  freeze(isFrozen: boolean): void {
    if (isFrozen === (this.#sinceMs === null)) return;
    this.#ranBeforeMs = this.ranMs;
    this.#sinceMs = isFrozen ? null : performance.now();
    this.#wait();
  }

  /** Nobody is called any more. */
  stop(): void {
    this.#onOver = () => undefined;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.#sinceMs === null || this.#timeoutMs >= noTimeoutMs) return;
    this.#timer = setTimeout(() => this.#onOver(), Math.max(0, this.#timeoutMs - this.ranMs));
  }
}
