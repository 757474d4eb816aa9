// What will happen at its time, for whoever has an event queue of numbers alone.

type Action = (now: number) => void;

export class Calls {
  readonly #ask: (atMs: number, call: number) => void;
  readonly #waiting = new Map<number, Action>();
  #count = 0;

  /** Asks for `due` with a number at a time. */
  constructor(ask: (atMs: number, call: number) => void) {
    this.#ask = ask;
  }

  at(atMs: number, action: Action): void {
    this.#count += 1;
    this.#waiting.set(this.#count, action);
    this.#ask(atMs, this.#count);
  }

  due(call: number, now: number): void {
    const action = this.#waiting.get(call);
    this.#waiting.delete(call);
    action?.(now);
  }
}
