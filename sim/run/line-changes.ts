// Lines that are slower in the evening: the network knows at once, and the scheduler when it is told,
// as an administrator or a measurement tells it of a site's rates.

import type { Command } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import { siteIdOf } from './enrol.ts';
import type { Transfers } from './transfers.ts';

/** Until what a line gives has been measured and told (assumed). */
export const toldAfterMs = 600_000;

export interface LineChangesOptions {
  readonly world: World;
  readonly transfers: Transfers;
  /** Asks to be called then. */
  readonly callAt: (atMs: number) => void;
}

export class LineChanges {
  readonly #options: LineChangesOptions;
  /** When what the scheduler does not know yet is told. */
  #toldAt = Infinity;
  #changesAt = Infinity;

  constructor(options: LineChangesOptions) {
    this.#options = options;
    if (options.world.evenings === null) return;
    this.#changesAt = 0;
    options.callAt(0);
  }

  /** Calls that it waits for: they come whether anything else happens or not. */
  get pending(): number {
    return [this.#changesAt, this.#toldAt].filter((atMs) => atMs < Infinity).length;
  }

  /** What the scheduler is told then. */
  due(now: number): readonly Command[] {
    if (now >= this.#changesAt) this.#change(now);
    if (now < this.#toldAt) return [];
    this.#toldAt = Infinity;
    return [...this.#told(now)];
  }

  #change(now: number): void {
    const { world, transfers, callAt } = this.#options;
    const { evenings, sites } = world;
    if (evenings === null) return;
    const isPeak = evenings.isPeak(now);
    for (const [site, { downBps, peakBps }] of sites.entries()) {
      transfers.setDown(site, isPeak ? peakBps : downBps, now);
    }
    this.#changesAt = evenings.nextChange(now);
    this.#toldAt = now + toldAfterMs;
    callAt(this.#changesAt);
    callAt(this.#toldAt);
  }

  *#told(now: number): Generator<Command> {
    const { sites, evenings } = this.#options.world;
    const isPeak = evenings?.isPeak(now) ?? false;
    for (const [site, { downBps, peakBps, upBps }] of sites.entries()) {
      if (downBps === peakBps) continue;
      const rates = { downBps: isPeak ? peakBps : downBps, upBps };
      yield { kind: 'setSite', siteId: siteIdOf(site), ...rates, share: null };
    }
  }
}
