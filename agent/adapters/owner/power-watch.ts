// When a board with too little power takes tasks again: its load is what weakens it, so that it would start
// and stop all the time. Pure.

/** A blink of the sensor is no reason to lose work. */
const looksInRow = 2;
/** After it was last too low. */
const restMs = 10 * 60_000;

export interface PowerWatch {
  readonly lowLooks: number;
  readonly restsUntilMs: number;
}

export const atFirst: PowerWatch = { lowLooks: 0, restsUntilMs: 0 };

/** @param isLow null: the board does not say. */
export function look(before: PowerWatch, isLow: boolean | null, nowMs: number): PowerWatch {
  const lowLooks = isLow === true ? before.lowLooks + 1 : 0;
  const restsUntilMs = lowLooks >= looksInRow ? nowMs + restMs : before.restsUntilMs;
  return { lowLooks, restsUntilMs };
}

/** `low`: tasks end; `resting`: none starts yet. */
export function powerOf(watch: PowerWatch, nowMs: number): 'enough' | 'low' | 'resting' {
  if (watch.lowLooks >= looksInRow) return 'low';
  return nowMs < watch.restsUntilMs ? 'resting' : 'enough';
}
