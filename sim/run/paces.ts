// Boards that run slower at times, in the heat or on a weak power supply: what runs there ends later.
// Neither the scheduler nor the node's agent knows.

import { Calls } from '../kernel/calls.ts';
import { drawsFor } from '../kernel/random.ts';
import type { World } from '../world/draw-world.ts';
import { drawGapMs } from '../world/line-faults.ts';

export interface PacesOptions {
  readonly world: World;
  /** Asks for `due` with this number then. */
  readonly callAt: (atMs: number, call: number) => void;
  /** A task will have run to its end then, as it looks now. */
  readonly endsAt: (atMs: number, lease: number) => void;
}

/** Of one board that is slow at times. */
interface Pace {
  /** Of its speed, the part that it has now. */
  part: number;
  /** When what runs there will have ended. */
  readonly ends: Map<number, number>;
}

export class Paces {
  readonly #options: PacesOptions;
  readonly #calls: Calls;
  readonly #draw: () => number;
  readonly #paces = new Map<number, Pace>();

  constructor(options: PacesOptions) {
    this.#options = options;
    this.#calls = new Calls(options.callAt);
    const { throttling, seed } = options.world;
    this.#draw = drawsFor('slow spells', seed);
    for (const node of throttling?.nodes ?? []) {
      this.#paces.set(node, { part: 1, ends: new Map() });
      this.#slowLater(node, 0);
    }
  }

  due(call: number, now: number): void {
    this.#calls.due(call, now);
  }

  /** A task begins that would take so long at full speed. */
  started(lease: number, of: { readonly node: number; ms: number; now: number }): void {
    const { node, ms, now } = of;
    const pace = this.#paces.get(node);
    const atMs = now + ms / (pace?.part ?? 1);
    pace?.ends.set(lease, atMs);
    this.#options.endsAt(atMs, lease);
  }

  /** Its time has come, unless its board has become slower since that was thought. */
  hasEnded(lease: number, node: number, now: number): boolean {
    const pace = this.#paces.get(node);
    if (pace === undefined) return true;
    if ((pace.ends.get(lease) ?? 0) > now) return false;
    pace.ends.delete(lease);
    return true;
  }

  /** It was ended before its time. */
  stopped(lease: number, node: number): void {
    this.#paces.get(node)?.ends.delete(lease);
  }

  #slowLater(node: number, now: number): void {
    const { throttling } = this.#options.world;
    if (throttling === null) return;
    const { every, lasts, speed } = throttling;
    this.#calls.at(now + drawGapMs(this.#draw, every), (from) => {
      this.#change(node, speed, from);
      this.#calls.at(from + drawGapMs(this.#draw, lasts), (until) => {
        this.#change(node, 1, until);
        this.#slowLater(node, until);
      });
    });
  }

  #change(node: number, part: number, now: number): void {
    const pace = this.#paces.get(node);
    if (pace === undefined) return;
    for (const [lease, endsAt] of pace.ends) {
      const atMs = now + ((endsAt - now) * pace.part) / part;
      pace.ends.set(lease, atMs);
      this.#options.endsAt(atMs, lease);
    }
    pace.part = part;
  }
}
