// What becomes of messages between nodes and the scheduler: most come, some are lost, come twice, or
// so late that others have overtaken them.

import { drawsFor } from '../kernel/random.ts';
import type { Draw } from '../kernel/random.ts';
import type { World } from '../world/draw-world.ts';

export interface WireOptions<Message> {
  readonly world: World;
  /** Asks for `due` with this number then. */
  readonly callAt: (atMs: number, call: number) => void;
  /** Whether it can leave, or come, at this moment. */
  readonly isOpen: (message: Message) => boolean;
}

export class Wire<Message> {
  readonly #options: WireOptions<Message>;
  readonly #draw: Draw;
  readonly #late = new Map<number, Message>();
  #lateCount = 0;

  constructor(options: WireOptions<Message>) {
    this.#options = options;
    this.#draw = drawsFor('messages', options.world.seed);
  }

  /** Of those sent, the ones that come now. */
  carry(sent: readonly Message[], now: number): readonly Message[] {
    const { isOpen, world } = this.#options;
    const open = sent.filter(isOpen);
    const { faults } = world;
    if (faults?.messages === undefined || now >= faults.until) return open;
    return open.flatMap((message) => this.#fateOf(message, now));
  }

  /** One that was late comes; none: its line is cut by now. */
  due(call: number): Message | undefined {
    const message = this.#late.get(call);
    this.#late.delete(call);
    return message !== undefined && this.#options.isOpen(message) ? message : undefined;
  }

  #fateOf(message: Message, now: number): readonly Message[] {
    const { lost, repeated, late, by } = this.#options.world.faults?.messages ?? noFaults;
    let place = this.#draw();
    if ((place -= lost) < 0) return [];
    if ((place -= repeated) < 0) {
      this.#delay(message, now + by * this.#draw());
      return [message];
    }
    if ((place -= late) >= 0) return [message];
    this.#delay(message, now + by * this.#draw());
    return [];
  }

  #delay(message: Message, atMs: number): void {
    this.#lateCount += 1;
    this.#late.set(this.#lateCount, message);
    this.#options.callAt(atMs, this.#lateCount);
  }
}

const noFaults = { lost: 0, repeated: 0, late: 0, by: 0 };
