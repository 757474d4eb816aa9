// Says on stderr what goes on, and ends what does not: no benchmark waits without a bound.

import { setTimeout as sleep } from 'node:timers/promises';

/** So long without anything new is a failure: at the loads that are measured each second brings much. */
export const stuckAfterMs = 60_000;
const tellEveryMs = 5_000;

/** One line that tells the user what is being done. */
export function tellPhase(text: string): void {
  process.stderr.write(`  … ${text}\n`);
}

/**
 * Hands over, each second, how far something is, until the callback says that it is over.
 *
 * @throws when nothing new has come for 60 s, with how far it was.
 */
export async function follow<T extends { readonly count: number }>(options: {
  readonly what: string;
  readonly look: () => Promise<T>;
  /** Called with each look but the first, and the one before it. */
  readonly isOver: (next: T, last: T) => boolean;
}): Promise<void> {
  const { what, look, isOver } = options;
  let last = await look();
  let movedMs = performance.now();
  let toldMs = movedMs;
  for (;;) {
    await sleep(1_000);
    const next = await look();
    const nowMs = performance.now();
    if (next.count > last.count) movedMs = nowMs;
    if (isOver(next, last)) return;
    if (nowMs - movedMs > stuckAfterMs) {
      throw new Error(
        `${what}: stuck at ${next.count}, nothing new came for ${stuckAfterMs / 1000} s. What the processes said is above.`,
      );
    }
    if (nowMs - toldMs > tellEveryMs) {
      tellPhase(`${what}: ${next.count.toLocaleString('en-US')}`);
      toldMs = nowMs;
    }
    last = next;
  }
}
