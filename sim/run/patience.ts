// For how long a run is waited for in which nothing comes of anything: then it has gone wrong.

import { backupsEveryMs } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';

/** What has not happened by then, with nothing under way, never will. */
const idleAtMostMs = 3_600_000;
/** Without a result for so long. */
const resultWithinMs = 60 * 24 * 3_600_000;
/** When nothing fails any more, and nodes stay on. */
const calmWithinMs = 24 * 3_600_000;

export class Patience {
  readonly #world: World;
  #idleBeats = 0;
  #resultAt = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** A task has its result. */
  sawResult(now: number): void {
    this.#resultAt = now;
  }

  /** At each beat, whether nothing is under way; returns whether that is so for too long. */
  isOverAtBeat(isIdle: boolean): boolean {
    this.#idleBeats = isIdle ? this.#idleBeats + 1 : 0;
    return this.#idleBeats * backupsEveryMs > idleAtMostMs;
  }

  /** Whether it is too long since the last result. */
  isOver(now: number): boolean {
    const { churn, owners, lives, faults } = this.#world;
    const quietMs = now - Math.max(this.#resultAt, faults?.until ?? 0);
    const isCalm = churn === null && owners === null && lives === null;
    return quietMs > (isCalm ? calmWithinMs : resultWithinMs);
  }
}
