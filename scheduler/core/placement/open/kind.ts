// Kinds of nodes: those that are about as fast and have about the same memory and disk are one kind,
// so that whoever looks for a node skips all that cannot fit at once. A kind never decides that a node
// fits: at the border of a class some nodes do and some don't, and each is looked at itself.

import type { Architecture } from '../../model/architecture.ts';
import { architectures, bestBundle } from '../../model/architecture.ts';
import type { JobTemplate } from '../../model/job.ts';
import type { NodeRecord } from '../../state.ts';
import { NodeList } from './node-list.ts';

/** What a class is made of: from `least` on, so many classes for each doubling, the last one open. */
interface Scale {
  readonly least: number;
  readonly perDoubling: number;
  readonly classes: number;
}

const speeds: Scale = { least: 0.1, perDoubling: 8, classes: 64 };
// Narrow: of a class with a border inside, those that do not fit are left over, and each is asked. With 4
// classes a doubling, 100,000 nodes and tasks at the border, one placement in a hundred took 240 µs, with
// these 17.
const memories: Scale = { least: 64e6, perDoubling: 32, classes: 256 };
const disks: Scale = { least: 128e6, perDoubling: 0.5, classes: 4 };

/** The number of the node's kind: the fastest have the least, and of these those with little memory. */
export function kindOf(node: NodeRecord): number {
  const { architecture, speedGhz, memoryBytes } = node.inventory;
  const slowness = speeds.classes - 1 - classOf(speedGhz, speeds);
  const size = slowness * memories.classes + classOf(memoryBytes, memories);
  const room = size * disks.classes + classOf(diskOf(node), disks);
  const built = room * architectures.length + architectures.indexOf(architecture);
  return 2 * built + (hasInternet(node) ? 1 : 0);
}

function classOf(value: number, { least, perDoubling, classes }: Scale): number {
  const found = Math.floor(perDoubling * Math.log2(value / least));
  return Math.max(0, Math.min(classes - 1, found));
}

/** Few owners let tasks reach the internet: nobody looks for those nodes among the others. */
export function hasInternet({ status }: NodeRecord): boolean {
  return status?.allowsInternet === true;
}

/** Bytes that are free, as far as the node has told. */
export function diskOf({ status, inventory }: NodeRecord): number {
  return status?.diskAvailableBytes ?? inventory.diskBytes;
}

/** What a job asks of kinds, looked at once. */
export interface Fit {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly speedGhz: number;
  /** That run one of its bundles. */
  readonly architectures: ReadonlySet<Architecture>;
  readonly wantsInternet: boolean;
}

export function fitOf(template: JobTemplate): Fit {
  const { bundles, memoryBytes, diskBytes, service } = template;
  const fitting = architectures.filter((each) => bestBundle(each, bundles) !== undefined);
  const speedGhz = service?.rates.cpuGhz ?? 0;
  const wantsInternet = template.network === 'internet';
  return { memoryBytes, diskBytes, speedGhz, architectures: new Set(fitting), wantsInternet };
}

/** Nodes of one kind that have a free place. */
export class Kind {
  readonly number: number;
  /** With a free slot; and those that may only be given what runs next. */
  readonly idle = new NodeList();
  readonly behind = new NodeList();
  readonly #architecture: Architecture;
  readonly #hasInternet: boolean;
  // The most that any of its nodes has had: within a class of what they have.
  #speedGhz = 0;
  #memoryBytes = 0;
  #diskBytes = 0;
  // And the least.
  #leastSpeedGhz = Number.POSITIVE_INFINITY;
  #leastMemoryBytes = Number.POSITIVE_INFINITY;
  #leastDiskBytes = Number.POSITIVE_INFINITY;

  /** @param node its first one. */
  constructor(number: number, node: NodeRecord) {
    this.number = number;
    this.#architecture = node.inventory.architecture;
    this.#hasInternet = hasInternet(node);
  }

  get isOpen(): boolean {
    return this.idle.size + this.behind.size > 0;
  }

  /** No node of the kind is faster. */
  get speedGhz(): number {
    return this.#speedGhz;
  }

  /** Makes room in its figures for what the node has. */
  admit(node: NodeRecord): void {
    const { speedGhz, memoryBytes } = node.inventory;
    this.#speedGhz = Math.max(this.#speedGhz, speedGhz);
    this.#memoryBytes = Math.max(this.#memoryBytes, memoryBytes);
    this.#diskBytes = Math.max(this.#diskBytes, diskOf(node));
    this.#leastSpeedGhz = Math.min(this.#leastSpeedGhz, speedGhz);
    this.#leastMemoryBytes = Math.min(this.#leastMemoryBytes, memoryBytes);
    this.#leastDiskBytes = Math.min(this.#leastDiskBytes, diskOf(node));
  }

  /** The kind is at the border of what is asked for: some of its nodes may have too little. */
  isBorder({ memoryBytes, diskBytes }: Fit): boolean {
    return memoryBytes > this.#leastMemoryBytes || diskBytes > this.#leastDiskBytes;
  }

  /** True: every node of the kind fits. False: some may not. */
  suitsAll(fit: Fit): boolean {
    return !this.isBorder(fit) && fit.speedGhz <= this.#leastSpeedGhz && this.mayFit(fit);
  }

  /** False: no node of the kind fits. True: some may. */
  mayFit({
    memoryBytes,
    diskBytes,
    speedGhz,
    architectures: fitting,
    wantsInternet,
  }: Fit): boolean {
    if (memoryBytes > this.#memoryBytes || diskBytes > this.#diskBytes) return false;
    if (wantsInternet && !this.#hasInternet) return false;
    return speedGhz <= this.#speedGhz && fitting.has(this.#architecture);
  }
}
