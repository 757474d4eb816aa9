// What owners allow changes while a run goes on: their hours begin and end, and they pause their nodes
// at times, each on her own.

import { Calls } from '../kernel/calls.ts';
import { drawsFor } from '../kernel/random.ts';
import type { Draw } from '../kernel/random.ts';
import type { World } from '../world/draw-world.ts';
import { drawGapMs } from '../world/line-faults.ts';
import { closesAt, opensAt } from '../world/owners.ts';
import type { Hours, Owners } from '../world/owners.ts';
import { everything } from './allowance.ts';
import type { Allowance } from './allowance.ts';

const closed = { code: 'hours', reason: "it is outside its owner's hours" };
const paused = { code: 'paused', reason: 'its owner has paused it' };

export interface OwnerChangesOptions {
  readonly world: World;
  /** Asks for `due` with this number then. */
  readonly callAt: (atMs: number, call: number) => void;
  /** A node's owner allows something else. */
  readonly allow: (node: number, allowance: Allowance, now: number) => void;
}

export class OwnerChanges {
  readonly #options: OwnerChangesOptions;
  readonly #calls: Calls;
  readonly #draw: Draw;
  readonly #paused: Uint8Array;
  readonly #nodesAt: readonly number[][];

  constructor(options: OwnerChangesOptions) {
    const { world, callAt } = options;
    this.#options = options;
    this.#calls = new Calls(callAt);
    this.#draw = drawsFor('pauses', world.seed);
    this.#paused = new Uint8Array(world.sites.length);
    this.#nodesAt = world.owners === null ? [] : nodesBySite(world);
    if (world.owners !== null) this.#begin(world.owners);
  }

  due(call: number, now: number): void {
    this.#calls.due(call, now);
  }

  #begin(owners: Owners): void {
    for (const [site, hours] of owners.hours.entries()) {
      if (hours !== null) this.#hoursChange({ site, hours, now: 0 });
      if (owners.pauses !== null) this.#pauseLater(site, owners.pauses, 0);
    }
  }

  /** At the beginning or the end of hours, or when the run begins. */
  #hoursChange(of: { readonly site: number; readonly hours: Hours; readonly now: number }): void {
    const { site, hours, now } = of;
    this.#tell(site, now);
    const moment = { startsAtMs: this.#options.world.owners?.startsAtMs ?? 0, nowMs: now };
    const nextMs = closesAt(hours, moment) ?? opensAt(hours, moment);
    this.#calls.at(nextMs, (then) => this.#hoursChange({ site, hours, now: then }));
  }

  #pauseLater(site: number, pauses: NonNullable<Owners['pauses']>, now: number): void {
    this.#calls.at(now + drawGapMs(this.#draw, pauses.every), (from) => {
      this.#pause(site, true, from);
      this.#calls.at(from + drawGapMs(this.#draw, pauses.lasts), (until) => {
        this.#pause(site, false, until);
        this.#pauseLater(site, pauses, until);
      });
    });
  }

  #pause(site: number, isPaused: boolean, now: number): void {
    this.#paused[site] = isPaused ? 1 : 0;
    this.#tell(site, now);
  }

  #tell(site: number, now: number): void {
    const allowance = this.#allowanceOf(site, now);
    for (const node of this.#nodesAt[site] ?? []) this.#options.allow(node, allowance, now);
  }

  #allowanceOf(site: number, nowMs: number): Allowance {
    const { owners } = this.#options.world;
    const hours = owners?.hours[site] ?? null;
    const isPaused = this.#paused[site] === 1;
    const notAccepting = isPaused ? paused : null;
    if (owners === null || hours === null) return { ...everything, notAccepting };
    const closesAtMs = closesAt(hours, { startsAtMs: owners.startsAtMs, nowMs });
    if (closesAtMs !== null) return { notAccepting, isEndingTasks: false, closesAtMs };
    return { notAccepting: closed, isEndingTasks: true, closesAtMs: nowMs };
  }
}

function nodesBySite({ sites, nodes }: World): readonly number[][] {
  const numbers = sites.map((): number[] => []);
  for (const [number, { site }] of nodes.entries()) numbers[site]?.push(number);
  return numbers;
}
