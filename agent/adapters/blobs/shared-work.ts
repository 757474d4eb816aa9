// Work that several wait for and that is done once; it ends when nobody waits any more.

export class SharedWork<T> {
  readonly #controller = new AbortController();
  readonly #done: Promise<T>;
  #waiters = 0;

  constructor(begin: (signal: AbortSignal) => Promise<T>) {
    this.#done = begin(this.#controller.signal);
  }

  /** Nobody waits: it ends with nothing, and who comes now begins anew. */
  get isLeft(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Waits for it. Rejects with the signal's reason when the waiter is no longer interested. */
  join(signal: AbortSignal): Promise<T> {
    this.#waiters += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters -= 1;
        if (this.#waiters === 0) this.#controller.abort();
        reject(signal.reason);
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      this.#done
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', leave))
        .catch(() => undefined);
    });
  }
}
