// Bytes on their way between nodes and the scheduler: what the network does, told in attempts, and
// what each uplink has carried.

import { FlowNetwork } from '../network/flow-network.ts';
import { grown } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import type { WorldService } from '../world/services.ts';
import { Streams } from './streams.ts';
import type { Streamed } from './streams.ts';

export type Direction = 'down' | 'up';

/** Ethernet of every board, and about what its USB bus leaves of that. */
const portBps = 100e6;

/** What a transfer moved until it ended, of its own or because it was stopped. */
export interface Moved {
  /** Below 0: chunks that a node brings for its site, by the number of the batch. */
  readonly lease: number;
  readonly direction: Direction;
  readonly bytes: number;
}

interface Transfer extends Moved {
  /** The site whose line up it crosses first, where its bytes were born; absent: none. */
  readonly home?: number | undefined;
}

export class Transfers {
  readonly #network = new FlowNetwork();
  readonly #streams = new Streams(this.#network);
  readonly #rates: number[];
  /** What each uplink could have moved until it got its rate, and when that was. */
  readonly #most: Float64Array;
  readonly #since: Float64Array;
  /** The most that each may ever give. */
  readonly #widest: readonly number[];
  readonly #shares: readonly number[];
  readonly #ports: readonly number[];
  readonly #siteOf: readonly number[];
  /** Under way, by the network's number; and the uplink of each. */
  readonly #flows: (Transfer | undefined)[] = [];
  readonly #links: number[] = [];
  /** By lease, one more than that number; 0: it moves nothing. */
  #flowOf = new Int32Array(1024);
  readonly #flowOfBatch = new Map<number, number>();
  #underWay = 0;
  readonly #moved: Float64Array;
  /** Of inputs that crossed two lines, the one where they were born and the node's. */
  relayedBytes = 0;

  constructor({ sites, nodes }: World) {
    // Bytes and milliseconds.
    this.#rates = sites.flatMap(({ downBps, upBps, share }) => [
      (share * downBps) / 8000,
      (share * upBps) / 8000,
    ]);
    for (const rate of this.#rates) this.#network.addLink(rate);
    this.#widest = sites.flatMap(({ downBps, upBps, peakBps, share }) => [
      (share * Math.max(downBps, peakBps)) / 8000,
      (share * upBps) / 8000,
    ]);
    this.#ports = nodes.map(() => this.#network.addLink(portBps / 8000));
    this.#siteOf = nodes.map(({ site }) => site);
    this.#moved = new Float64Array(this.#rates.length);
    this.#most = new Float64Array(this.#rates.length);
    this.#since = new Float64Array(this.#rates.length);
    this.#shares = sites.map(({ share }) => share);
  }

  /** None is under way. What replicas move has no end that anybody waits for. */
  get isQuiet(): boolean {
    return this.#underWay === 0;
  }

  /** When the network is to be looked at next; Infinity: nothing moves. */
  get nextAt(): number {
    return this.#network.nextCompletion();
  }

  start(node: number, transfer: Transfer, now: number): void {
    const { lease, direction, bytes, home } = transfer;
    const own = this.#pathOf(node, direction);
    const path = home === undefined ? own : [...own, linkOf(home, 'up')];
    this.#network.advance(now);
    const flow = this.#network.start(path, bytes);
    this.#flows[flow] = transfer;
    this.#links[flow] = path[0] ?? -1;
    if (lease < 0) this.#flowOfBatch.set(lease, flow);
    else this.#setFlow(lease, flow + 1);
    this.#underWay += 1;
  }

  /** A replica runs, and moves what it was declared to, where the line has it. */
  startStreams(
    node: number,
    { lease, rates }: { readonly lease: number; readonly rates: WorldService['rates'] },
    now: number,
  ): void {
    this.#network.advance(now);
    for (const direction of ['down', 'up'] as const) {
      const bps = direction === 'down' ? rates.downBps : rates.upBps;
      if (bps === 0) continue;
      const path = this.#pathOf(node, direction);
      this.#streams.start({ lease, direction, path, bytesPerMs: bps / 8000 });
    }
  }

  /** Returns what they have moved. */
  stopStreams(lease: number, now: number): Streamed {
    this.#network.advance(now);
    return this.#streams.stop(lease, (link, bytes) => this.#count(link, bytes));
  }

  /** Leases whose replicas move something. */
  get streaming(): readonly number[] {
    return this.#streams.leases;
  }

  /** From now on a site's line gives so much down. */
  setDown(site: number, downBps: number, now: number): void {
    const link = linkOf(site, 'down');
    const rate = ((this.#shares[site] ?? 0) * downBps) / 8000;
    if (rate === this.#rates[link]) return;
    this.#most[link] = this.mostBytes(link, now);
    this.#since[link] = now;
    this.#rates[link] = rate;
    this.#network.advance(now);
    this.#network.setCapacity(link, rate);
  }

  /** Stops the transfer of a lease; 0: none was under way. */
  stop(lease: number, now: number): number {
    const flow = lease < 0 ? this.#flowOfBatch.get(lease) : (this.#flowOf[lease] ?? 0) - 1;
    const transfer = this.#flows[flow ?? -1];
    if (flow === undefined || transfer === undefined) return 0;
    this.#network.advance(now);
    const bytes = transfer.bytes - this.#network.cancel(flow);
    this.#forget(flow, transfer, bytes);
    return bytes;
  }

  /** The run is over: what is under way stops. */
  stopAll(now: number): readonly Moved[] {
    const stopped: Moved[] = [];
    for (const transfer of [...this.#flows]) {
      if (transfer === undefined) continue;
      const { lease, direction } = transfer;
      stopped.push({ lease, direction, bytes: this.stop(lease, now) });
    }
    return stopped;
  }

  /** Goes to the next end: those that end then. */
  finish(): readonly Moved[] {
    const ended = this.#network.advance(this.#network.nextCompletion());
    const moved: Moved[] = [];
    for (const flow of this.#streams.takeEnded(ended)) {
      const transfer = this.#flows[flow];
      if (transfer === undefined) continue;
      this.#forget(flow, transfer, transfer.bytes);
      moved.push(transfer);
    }
    return moved;
  }

  /** By an uplink, of transfers that are over. */
  movedBytes(link: number): number {
    return this.#moved[link] ?? 0;
  }

  /** The most that an uplink could have moved until now. */
  mostBytes(link: number, now: number): number {
    const sinceMs = now - (this.#since[link] ?? 0);
    return (this.#most[link] ?? 0) + (this.#rates[link] ?? 0) * sinceMs;
  }

  get links(): number {
    return this.#rates.length;
  }

  /** The uplink first. */
  #pathOf(node: number, direction: Direction): readonly number[] {
    const link = linkOf(this.#siteOf[node] ?? -1, direction);
    // A port that is wider than the whole uplink holds nothing up.
    const isNarrow = (this.#widest[link] ?? 0) > portBps / 8000;
    return isNarrow ? [link, this.#ports[node] ?? -1] : [link];
  }

  #setFlow(lease: number, flow: number): void {
    if (lease >= this.#flowOf.length) this.#flowOf = grown(this.#flowOf, 2 * lease);
    this.#flowOf[lease] = flow;
  }

  #count(link: number, bytes: number): void {
    this.#moved[link] = (this.#moved[link] ?? 0) + bytes;
  }

  #forget(flow: number, { lease, home }: Transfer, bytes: number): void {
    this.#flows[flow] = undefined;
    if (lease < 0) this.#flowOfBatch.delete(lease);
    else this.#setFlow(lease, 0);
    this.#underWay -= 1;
    this.#count(this.#links[flow] ?? -1, bytes);
    if (home !== undefined) {
      this.#count(linkOf(home, 'up'), bytes);
      this.relayedBytes += bytes;
    }
  }
}

export function linkOf(site: number, direction: Direction): number {
  return 2 * site + (direction === 'down' ? 0 : 1);
}
