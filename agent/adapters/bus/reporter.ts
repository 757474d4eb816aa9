// Puts what the core says into messages: adds who speaks, the node's status, and its inventory.

import type { KeptOutputs, ReleaseState } from '../../../proto/gen/punnet/v1/agent.ts';
import type { Inventory } from '../../../proto/gen/punnet/v1/node.ts';
import type { Releases } from '../releases/releases.ts';
import type { SayPart } from '../../core/index.ts';
import type { Owner } from '../owner/owner.ts';
import { News } from './news.ts';
import type { NodeBus } from './node-bus.ts';
import type { Speaker } from './wire.ts';

export interface ReporterOptions {
  readonly instance: { readonly instanceNumber: number; readonly instanceId: string };
  readonly owner: Pick<Owner, 'status' | 'inventory'>;
  readonly bus: Pick<NodeBus, 'say'>;
  readonly releases: Pick<Releases, 'states' | 'takeAsked'>;
  /** Outputs that the node keeps; absent: none. */
  readonly kept?: () => KeptOutputs | undefined;
}

export class Reporter {
  readonly #instance: ReporterOptions['instance'];
  readonly #owner: ReporterOptions['owner'];
  readonly #bus: ReporterOptions['bus'];
  readonly #releases: ReporterOptions['releases'];
  readonly #kept: NonNullable<ReporterOptions['kept']>;
  readonly #releaseNews = new News();
  readonly #inventoryNews = new News();
  #sequence = 0;

  constructor({ instance, owner, bus, releases, kept }: ReporterOptions) {
    this.#kept = kept ?? (() => undefined);
    this.#releases = releases;
    this.#instance = instance;
    this.#owner = owner;
    this.#bus = bus;
  }

  /** What is said while the connection is away is lost, and said again by the core. */
  say(parts: readonly SayPart[], more: Pick<Speaker, 'blobParts' | 'keptMissing'> = {}): void {
    this.#sequence += 1;
    const isReport = parts.some(({ kind }) => kind === 'report');
    this.#bus.say(parts, {
      ...this.#instance,
      sequence: this.#sequence,
      status: isReport ? this.#owner.status() : undefined,
      inventory: isReport ? this.#inventory() : undefined,
      releases: isReport ? this.#releaseStates() : null,
      kept: isReport ? this.#kept() : undefined,
      ...more,
    });
  }

  #inventory(): Inventory | undefined {
    const inventory = this.#owner.inventory();
    return this.#inventoryNews.isDue(inventory) ? inventory : undefined;
  }

  #releaseStates(): readonly ReleaseState[] | null {
    const states = this.#releases.states();
    const isAsked = this.#releases.takeAsked();
    return this.#releaseNews.isDue(states) || isAsked ? states : null;
  }
}
