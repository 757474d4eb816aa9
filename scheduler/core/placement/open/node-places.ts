// What a round looks at of each node that may have a place, side by side in memory: it asks a hundred
// nodes for each task that it gives, and their records lie all over the heap. `apply` keeps it; it is
// never saved, since all of it follows from the nodes.

import { grown } from '../../grown.ts';

/** What is changed by a lease that comes or goes. */
export interface Counts {
  /** Slots that no service holds. */
  readonly slots: number;
  /** Leases that hold or will need one of these. */
  readonly leases: number;
}

export interface Figures extends Counts {
  readonly siteNumber: number;
  /** Of all its slots. */
  readonly ghz: number;
  /** Whether it may be given anything. */
  readonly isHere: boolean;
  /** Whether it may be given whatever it is suited for: nobody's word and no rest says whose or when. */
  readonly isWilling: boolean;
}

/** Leases that are not applied yet. */
export interface MoreLeases {
  readonly leases: number;
  /** Of them, those of services. */
  readonly serving: number;
}

const noMore: MoreLeases = { leases: 0, serving: 0 };
const firstRoom = 64;

export class NodePlaces {
  // By number of the node; see `Figures`.
  #siteOf = new Int32Array(firstRoom);
  #ghzOf = new Float64Array(firstRoom);
  #isHere = new Uint8Array(firstRoom);
  #isWilling = new Uint8Array(firstRoom);
  #slots = new Int32Array(firstRoom);
  #leases = new Int32Array(firstRoom);

  /** Something of the node has changed. */
  changed(nodeNumber: number, figures: Figures): void {
    this.#makeRoom(nodeNumber);
    this.#siteOf[nodeNumber] = figures.siteNumber;
    this.#ghzOf[nodeNumber] = figures.ghz;
    this.#isHere[nodeNumber] = figures.isHere ? 1 : 0;
    this.#isWilling[nodeNumber] = figures.isWilling ? 1 : 0;
    this.counted(nodeNumber, figures);
  }

  /** The node's leases have changed, and nothing else. */
  counted(nodeNumber: number, { slots, leases }: Counts): void {
    this.#slots[nodeNumber] = slots;
    this.#leases[nodeNumber] = leases;
  }

  siteOf(nodeNumber: number): number {
    return this.#siteOf[nodeNumber] ?? -1;
  }

  ghzOf(nodeNumber: number): number {
    return this.#ghzOf[nodeNumber] ?? 0;
  }

  /** False: whoever would give it something asks the node itself; see `refuseSuited`. */
  isWilling(nodeNumber: number): boolean {
    return this.#isWilling[nodeNumber] === 1;
  }

  /**
   * How many more leases the node may have, with so many for each slot. A replica of a service holds
   * its slot for good: nothing is staged behind it.
   */
  placesOf(nodeNumber: number, perSlot: number, { leases, serving } = noMore): number {
    const slots = (this.#slots[nodeNumber] ?? 0) - serving;
    return perSlot * slots - (this.#leases[nodeNumber] ?? 0) - (leases - serving);
  }

  /** Whether the node may be given another lease at all, with so many for each slot. */
  isOpen(nodeNumber: number, perSlot: number): boolean {
    return this.#isHere[nodeNumber] === 1 && this.placesOf(nodeNumber, perSlot) > 0;
  }

  #makeRoom(number: number): void {
    const room = this.#siteOf.length;
    if (number < room) return;
    const wanted = Math.max(2 * room, number + 1);
    this.#siteOf = grown(this.#siteOf, wanted);
    this.#ghzOf = grown(this.#ghzOf, wanted);
    this.#isHere = grown(this.#isHere, wanted);
    this.#isWilling = grown(this.#isWilling, wanted);
    this.#slots = grown(this.#slots, wanted);
    this.#leases = grown(this.#leases, wanted);
  }
}
