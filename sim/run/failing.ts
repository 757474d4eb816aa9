// Where a run meets its faults: what nodes and the scheduler say goes through here, and a scheduler that
// dies comes back with what its journal has. Without faults all of it passes as it is.

import type { Effect, Fact, NodeSpoke, State } from '../../scheduler/core/index.ts';
import { drawsFor } from '../kernel/random.ts';
import type { World } from '../world/draw-world.ts';
import { Faults } from './faults.ts';
import type { LightNodes } from './light-nodes.ts';
import { numberOf } from './messages.ts';
import { SchedulerDisk } from './scheduler-disk.ts';
import { Wire } from './wire.ts';

export interface FailingOptions {
  /** Before anything has happened. */
  readonly state: State;
  readonly nodes: LightNodes;
  /** Ask for `due` and for `late` with this number then. */
  readonly failAt: (atMs: number, call: number) => void;
  readonly lateAt: (atMs: number, call: number) => void;
}

interface Moment {
  readonly state: State;
  readonly now: number;
}

export class Failing {
  readonly #world: World;
  readonly #nodes: LightNodes;
  readonly #faults: Faults;
  readonly #wire: Wire<NodeSpoke | Effect>;
  /** Null: the scheduler does not die. */
  readonly #disk: SchedulerDisk | null;
  readonly #draw: () => number;
  readonly #cut = new Set<number>();
  #facts: Fact[] = [];
  #isDown = false;
  /** It dies when its next batch is on disk, before anything of it has left. */
  #diesInBatch = false;
  #isStarting = false;

  constructor(world: World, { state, nodes, failAt, lateAt }: FailingOptions) {
    this.#world = world;
    this.#nodes = nodes;
    this.#draw = drawsFor('crashes', world.seed);
    const hasRestarts = world.faults?.restarts !== undefined;
    this.#disk = hasRestarts ? new SchedulerDisk(state) : null;
    this.#wire = new Wire({ world, callAt: lateAt, isOpen: (message) => this.#isOpen(message) });
    this.#faults = new Faults({
      world,
      callAt: failAt,
      cut: (site, now) => this.#cutOff(site, now),
      mend: (site, now) => this.#mend(site, now),
      crash: () => this.#crash(),
      start: () => (this.#isStarting = true),
    });
  }

  /** Nobody listens. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /** Something fails, or works again. Returns the state of a scheduler that starts, if one does. */
  due(call: number, { state, now }: Moment): State | null {
    this.#faults.due(call, now);
    if (!this.#isStarting || this.#disk === null) return null;
    this.#isStarting = false;
    this.#isDown = false;
    this.#diesInBatch = false;
    return this.#disk.restored(state);
  }

  /** Of what nodes have said, that which comes to the scheduler now. */
  heard(messages: readonly NodeSpoke[], now: number): readonly NodeSpoke[] {
    if (this.#world.faults === null) return messages;
    return this.#wire.carry(messages, now).filter((each) => each.kind === 'nodeSpoke');
  }

  /** A fact of the batch that is being decided. */
  saw(fact: Fact): void {
    if (this.#disk !== null) this.#facts.push(fact);
  }

  /** The batch is decided: it goes to disk, and of its effects those leave that come through. */
  sent(effects: readonly Effect[], { state, now }: Moment): readonly Effect[] {
    this.#disk?.write(this.#facts.splice(0), state);
    if (this.#diesInBatch) {
      this.#diesInBatch = false;
      this.#isDown = true;
      return [];
    }
    if (this.#world.faults === null) return effects;
    return this.#wire.carry(effects, now).filter((each) => each.kind !== 'nodeSpoke');
  }

  /** A late message comes: to the scheduler, who is handed it, or to a node. */
  late(call: number, now: number): readonly NodeSpoke[] {
    const message = this.#wire.due(call);
    if (message?.kind === 'nodeSpoke') return [message];
    if (message !== undefined) this.#nodes.carryOut(message, now);
    return [];
  }

  #crash(): void {
    if (this.#draw() < 0.5) this.#diesInBatch = true;
    else this.#isDown = true;
  }

  #isOpen(message: NodeSpoke | Effect): boolean {
    if (!('nodeId' in message)) return true;
    return !this.#cut.has(this.#world.nodes[numberOf(message.nodeId)]?.site ?? -1);
  }

  #cutOff(site: number, now: number): void {
    this.#cut.add(site);
    for (const node of this.#nodesAt(site)) this.#nodes.cutOff(node, now);
  }

  #mend(site: number, now: number): void {
    this.#cut.delete(site);
    for (const node of this.#nodesAt(site)) this.#nodes.mend(node, now);
  }

  /** Few outages in a run, next to its events: a scan each. */
  *#nodesAt(site: number): Generator<number> {
    for (const [number, node] of this.#world.nodes.entries()) if (node.site === site) yield number;
  }
}
