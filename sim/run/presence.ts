// Which nodes are there and what they may do: switched on and off, let work by their owners or not,
// new ones, and those that are gone for good.

import type { Command, Fact } from '../../scheduler/core/index.ts';
import { nodeId } from '../../scheduler/core/index.ts';
import { Churn } from '../world/churn.ts';
import type { World } from '../world/draw-world.ts';
import { Availability } from './availability.ts';
import { Comings } from './comings.ts';
import type { LightNodes } from './light-nodes.ts';
import { nameOf } from './messages.ts';
import { OwnerChanges } from './owner-changes.ts';

export interface PresenceOptions {
  readonly world: World;
  readonly nodes: LightNodes;
  /** Ask for `power` of a node, for `ownersDue` and for `comingsDue` then. */
  readonly powerAt: (atMs: number, node: number) => void;
  readonly ownersAt: (atMs: number, call: number) => void;
  readonly comingsAt: (atMs: number, call: number) => void;
  /** What the scheduler is told. */
  readonly say: (commands: readonly Command[]) => void;
}

const alwaysUp = { isUp: true, untilMs: Infinity };

export class Presence {
  readonly #options: PresenceOptions;
  readonly #churn: Churn | null;
  readonly #availability: Availability;
  readonly #owners: OwnerChanges;
  readonly #comings: Comings;

  /** The nodes that are on when the run begins are switched on. */
  constructor(options: PresenceOptions) {
    const { world, nodes, say } = options;
    this.#options = options;
    this.#churn = world.churn === null ? null : new Churn(world.churn, world.seed);
    this.#availability = new Availability(world);
    this.#owners = new OwnerChanges({
      world,
      callAt: options.ownersAt,
      allow: (node, allowance, now) => {
        nodes.allow(node, allowance, now);
        this.#count(node, now);
      },
    });
    this.#comings = new Comings({
      world,
      callAt: options.comingsAt,
      join: say,
      leave: (node, now) => this.#leave(node, now),
    });
    this.#begin(world);
  }

  get availability(): Availability {
    return this.#availability;
  }

  /** A node is switched on, or off. */
  power(node: number, now: number): void {
    if (this.#churn === null || this.#comings.isGone(node, now)) return;
    const isUp = !this.#options.nodes.isUp(node);
    this.#switch(node, isUp, now);
    if (!isUp) this.#disconnected(node);
    this.#powerLater(node, isUp, now);
  }

  ownersDue(call: number, now: number): void {
    this.#owners.due(call, now);
  }

  comingsDue(call: number, now: number): void {
    this.#comings.due(call, now);
  }

  /** The scheduler has decided: the agent of a node that it let in starts. */
  saw(fact: Fact, now: number): void {
    const joined = this.#comings.joined(fact);
    if (joined === null) return;
    this.#switch(joined, true, now);
    this.#powerLater(joined, true, now);
  }

  #begin({ nodes, lives }: World): void {
    for (const node of nodes.keys()) {
      if ((lives?.[node]?.fromMs ?? 0) > 0) continue;
      const { isUp, untilMs } = this.#churn?.atStart() ?? alwaysUp;
      if (isUp) this.#switch(node, isUp, 0);
      if (untilMs < Infinity) this.#options.powerAt(untilMs, node);
    }
  }

  #powerLater(node: number, isUp: boolean, now: number): void {
    if (this.#churn !== null) this.#options.powerAt(now + this.#churn.spanMs(isUp), node);
  }

  #switch(node: number, isUp: boolean, now: number): void {
    if (isUp) this.#options.nodes.switchOn(node, now);
    else this.#options.nodes.switchOff(node, now);
    this.#count(node, now);
  }

  /** What was on its card nobody reads any more: that it is never switched on again is all. */
  #leave(node: number, now: number): void {
    if (!this.#options.nodes.isUp(node)) return;
    this.#switch(node, false, now);
    this.#disconnected(node);
  }

  #count(node: number, now: number): void {
    this.#availability.changed(node, this.#options.nodes.isAvailable(node), now);
  }

  /** The bus sees its connection close. */
  #disconnected(node: number): void {
    this.#options.say([{ kind: 'nodeDisconnected', nodeId: nodeId(nameOf(node)) }]);
  }
}
