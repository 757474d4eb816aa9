// What fails beside nodes, from the seed: lines of whole sites, alone or many at once, and the
// scheduler itself. After a time that the scenario names nothing fails any more.

import { Calls } from '../kernel/calls.ts';
import { drawsFor } from '../kernel/random.ts';
import type { Draw } from '../kernel/random.ts';
import type { FaultsOf } from '../scenario/schema.ts';
import type { World } from '../world/draw-world.ts';
import { drawGapMs, drawOutagesADay } from '../world/line-faults.ts';

const dayMs = 24 * 3_600_000;

export interface FaultsOptions {
  readonly world: World;
  /** Asks for `due` with this number then. */
  readonly callAt: (atMs: number, call: number) => void;
  /** A site has no line any more, or has it again. */
  readonly cut: (site: number, now: number) => void;
  readonly mend: (site: number, now: number) => void;
  /** The scheduler dies, and comes back. */
  readonly crash: () => void;
  readonly start: (now: number) => void;
}

export class Faults {
  readonly #options: FaultsOptions;
  readonly #draw: Draw;
  readonly #calls: Calls;
  /** By site, how many outages and partitions hold at once. */
  readonly #cuts: Uint16Array;

  constructor(options: FaultsOptions) {
    const { world } = options;
    this.#options = options;
    this.#draw = drawsFor('faults', world.seed);
    this.#calls = new Calls(options.callAt);
    this.#cuts = new Uint16Array(world.sites.length);
    if (world.faults !== null) this.#begin(world.faults);
  }

  due(call: number, now: number): void {
    this.#calls.due(call, now);
  }

  #begin({ outages, partitions, restarts }: FaultsOf): void {
    const { sites } = this.#options.world;
    if (outages !== undefined) {
      for (const site of sites.keys()) {
        const everyMs = dayMs / drawOutagesADay(this.#draw);
        this.#repeat(everyMs, 0, (now) => this.#cutFor([site], outages.lasts, now));
      }
    }
    if (partitions !== undefined) {
      const { every, lasts, part } = partitions;
      this.#repeat(every, 0, (now) => {
        const cut = [...sites.keys()].filter(() => this.#draw() < part);
        this.#cutFor(cut, lasts, now);
      });
    }
    if (restarts === undefined) return;
    this.#repeat(restarts.every, 0, (now) => {
      this.#options.crash();
      this.#calls.at(now + drawGapMs(this.#draw, restarts.lasts), this.#options.start);
    });
  }

  /** At random times, as long as things fail. */
  #repeat(everyMs: number, now: number, act: (now: number) => void): void {
    const atMs = now + drawGapMs(this.#draw, everyMs);
    if (!(atMs < (this.#options.world.faults?.until ?? 0))) return;
    this.#calls.at(atMs, (then) => {
      act(then);
      this.#repeat(everyMs, then, act);
    });
  }

  #cutFor(sites: readonly number[], meanMs: number, now: number): void {
    for (const site of sites) this.#count(site, 1, now);
    this.#calls.at(now + drawGapMs(this.#draw, meanMs), (then) => {
      for (const site of sites) this.#count(site, -1, then);
    });
  }

  #count(site: number, more: number, now: number): void {
    const before = this.#cuts[site] ?? 0;
    this.#cuts[site] = before + more;
    if (before === 0) this.#options.cut(site, now);
    else if (before + more === 0) this.#options.mend(site, now);
  }
}
