// What replicas of services move as long as they run: a flow each way, which takes its rate from the
// site's uplink as transfers do, and never has more than was declared.

import type { FlowNetwork } from '../network/flow-network.ts';
import type { Direction } from './transfers.ts';

/** A flow of the network has an end: a stream is one such flow after another. */
const pieceMs = 24 * 3_600_000;

export interface StreamStart {
  readonly lease: number;
  readonly direction: Direction;
  /** Links on its way; the first is the uplink. */
  readonly path: readonly number[];
  /** At most so much a millisecond. */
  readonly bytesPerMs: number;
}

interface Stream extends StreamStart {
  flow: number;
  /** By the flows before this one. */
  movedBytes: number;
}

/** What the streams of a lease moved. */
export interface Streamed {
  readonly downBytes: number;
  readonly upBytes: number;
}

export class Streams {
  readonly #network: FlowNetwork;
  readonly #ofFlow = new Map<number, Stream>();
  readonly #ofLease = new Map<number, readonly Stream[]>();
  /** Links that hold a stream to its rate, and hold none now, by that rate. */
  readonly #limits = new Map<number, number[]>();

  constructor(network: FlowNetwork) {
    this.#network = network;
  }

  /** From the network's present instant on. */
  start(wanted: StreamStart): void {
    const { lease, bytesPerMs } = wanted;
    const limit = this.#limits.get(bytesPerMs)?.pop() ?? this.#network.addLink(bytesPerMs);
    const stream = { ...wanted, path: [...wanted.path, limit], flow: -1, movedBytes: 0 };
    this.#ofLease.set(lease, [...(this.#ofLease.get(lease) ?? []), stream]);
    this.#goOn(stream);
  }

  /** Those of a lease; `moved` is told what each uplink has carried of them. */
  stop(lease: number, moved: (link: number, bytes: number) => void): Streamed {
    const sums = { down: 0, up: 0 };
    for (const { flow, direction, path, bytesPerMs, movedBytes } of this.#ofLease.get(lease) ??
      []) {
      const bytes = movedBytes + pieceMs * bytesPerMs - this.#network.cancel(flow);
      this.#ofFlow.delete(flow);
      const limits = this.#limits.get(bytesPerMs) ?? [];
      limits.push(path.at(-1) ?? -1);
      this.#limits.set(bytesPerMs, limits);
      sums[direction] += bytes;
      moved(path[0] ?? -1, bytes);
    }
    this.#ofLease.delete(lease);
    return { downBytes: sums.down, upBytes: sums.up };
  }

  /** Leases that have some. */
  get leases(): readonly number[] {
    return [...this.#ofLease.keys()];
  }

  /** Of flows that have ended, those that are none of its own. Its own go on. */
  takeEnded(flows: readonly number[]): readonly number[] {
    if (this.#ofFlow.size === 0) return flows;
    const ended: Stream[] = [];
    const others = flows.filter((flow) => {
      const stream = this.#ofFlow.get(flow);
      if (stream === undefined) return true;
      this.#ofFlow.delete(flow);
      ended.push(stream);
      return false;
    });
    for (const stream of ended) {
      stream.movedBytes += pieceMs * stream.bytesPerMs;
      this.#goOn(stream);
    }
    return others;
  }

  #goOn(stream: Stream): void {
    stream.flow = this.#network.start(stream.path, pieceMs * stream.bytesPerMs);
    this.#ofFlow.set(stream.flow, stream);
  }
}
