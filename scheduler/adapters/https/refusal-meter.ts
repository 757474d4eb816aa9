// Counts refused enrolments of each address, so that guessing tokens, hopeless anyway, does not
// cost much either.

const spanMs = 60_000;
/** Refusals of one address in that time, after which it must wait. */
export const refusalsAMinute = 20;
/** Addresses counted at a time. Whoever has more of them gets more guesses, not more memory. */
export const addressesCounted = 10_000;

export class RefusalMeter {
  readonly #counts = new Map<string, number>();
  #sinceMs = 0;

  /** Whether the address must wait. */
  isOver(address: string, nowMs: number): boolean {
    if (nowMs - this.#sinceMs >= spanMs) {
      this.#counts.clear();
      this.#sinceMs = nowMs;
    }
    return (this.#counts.get(address) ?? 0) >= refusalsAMinute;
  }

  count(address: string): void {
    if (!this.#counts.has(address) && this.#counts.size >= addressesCounted) this.#counts.clear();
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
  }
}
