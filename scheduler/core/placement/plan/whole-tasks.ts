// What the plan's program does not see: tasks are whole, and each runs on one slot at that slot's
// speed. No schedule is quicker than these bounds either.

/** Slots of one speed. */
export interface SlotKind {
  readonly speedGhz: number;
  readonly slots: number;
}

/** The least time in which the slots can have done so many equal tasks. */
export function wholeTaskSeconds(
  kinds: readonly SlotKind[],
  { tasks, workGhzSeconds }: { readonly tasks: number; readonly workGhzSeconds: number },
): number {
  if (tasks === 0 || workGhzSeconds === 0) return 0;
  const able = kinds.filter(({ slots, speedGhz }) => slots > 0 && speedGhz > 0);
  if (able.length === 0) return Number.POSITIVE_INFINITY;
  const doneBy = (seconds: number): number =>
    able.reduce(
      (sum, { slots, speedGhz }) =>
        sum + slots * Math.floor((seconds * speedGhz) / workGhzSeconds + 1e-9),
      0,
    );
  const rate = able.reduce((sum, { slots, speedGhz }) => sum + slots * speedGhz, 0);
  // At fluid speed at best; at worst each slot wastes less than one task of its own.
  let early = (tasks * workGhzSeconds) / rate;
  if (doneBy(early) >= tasks) return early;
  let late = ((tasks + able.reduce((sum, { slots }) => sum + slots, 0)) * workGhzSeconds) / rate;
  while (late - early > 1e-9 * late) {
    const middle = (early + late) / 2;
    if (doneBy(middle) >= tasks) late = middle;
    else early = middle;
  }
  return late;
}

/** The least time from start to end of one task, with nobody else at its site. */
export function aloneSeconds(
  sites: readonly {
    readonly downBps: number;
    readonly upBps: number;
    readonly fastestGhz: number;
  }[],
  task: { readonly workGhzSeconds: number; readonly downBits: number; readonly upBits: number },
): number {
  return sites.reduce((least, { downBps, upBps, fastestGhz }) => {
    const seconds =
      task.downBits / downBps + task.workGhzSeconds / fastestGhz + task.upBits / upBps;
    return Math.min(least, seconds);
  }, Number.POSITIVE_INFINITY);
}
