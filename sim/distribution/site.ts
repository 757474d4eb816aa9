// One site to which a release is brought: its uplink and a LAN port of each node, both directions apart. Bytes
// share them by max-min fairness. Who brings which chunk is no business of this file, what is possible is.

import { fixedChunkCount, fixedChunkSpan } from '../../proto/chunks.ts';
import { EventQueue } from '../kernel/event-queue.ts';
import { FlowNetwork } from '../network/flow-network.ts';
import { CheckFailed } from '../run/checks.ts';
import type { SiteShape } from './bounds.ts';

/** Chunks that one node has of another with one request, one after another. */
export interface Transfer {
  /** A node's number; null: the origin, over the uplink. */
  readonly from: number | null;
  readonly to: number;
  readonly first: number;
  /** The chunk after the last. */
  readonly end: number;
}

/** A chunk has come to a node; it may have been there before. */
export type OnChunk = (node: number, chunk: number, from: number | null) => void;

interface Ports {
  readonly into: number;
  readonly outOf: number;
}

export class Site {
  readonly shape: SiteShape;
  readonly chunkCount: number;
  readonly #network = new FlowNetwork();
  readonly #uplink: number;
  readonly #ports: readonly Ports[];
  readonly #acts = new EventQueue();
  readonly #waiting = new Map<number, () => void>();
  readonly #moving = new Map<number, Transfer>();
  readonly #held: readonly Uint8Array[];
  readonly #heldCount: Uint32Array;
  readonly #wholeAt: Float64Array;
  #numbered = 0;
  #wholeCount = 0;
  #uplinkBytes = 0;
  #controlBytes = 0;
  #wastedBytes = 0;
  #receivedBytes = 0;

  constructor(shape: SiteShape) {
    this.shape = shape;
    const { nodes, downBps, lanBps, slowNodes, slowLanBps } = shape;
    this.chunkCount = fixedChunkCount(shape.sizeBytes);
    this.#uplink = this.#network.addLink(downBps / 8);
    this.#ports = Array.from({ length: nodes }, (_, node) => {
      // Slow ones are the last, so that none of them is a cache or the root of a tree.
      const bytesPerSecond = (node >= nodes - slowNodes ? slowLanBps : lanBps) / 8;
      const into = this.#network.addLink(bytesPerSecond);
      return { into, outOf: this.#network.addLink(bytesPerSecond) };
    });
    this.#held = this.#ports.map(() => new Uint8Array(this.chunkCount));
    this.#heldCount = new Uint32Array(nodes);
    this.#wholeAt = new Float64Array(nodes).fill(Infinity);
  }

  has(node: number, chunk: number): boolean {
    return this.#held[node]?.[chunk] === 1;
  }

  isWhole(node: number): boolean {
    return this.#heldCount[node] === this.chunkCount;
  }

  /** Bytes that crossed the uplink so far. */
  get uplinkBytes(): number {
    return this.#uplinkBytes;
  }

  /** Bytes of messages over the uplink, which are told and cross no simulated line. */
  get controlBytes(): number {
    return this.#controlBytes;
  }

  countControl(bytes: number): void {
    this.#controlBytes += bytes;
  }

  /** Whether all nodes are whole. */
  get isDone(): boolean {
    return this.#wholeCount === this.shape.nodes;
  }

  /** Seconds after which each node had all. */
  get wholeAt(): readonly number[] {
    return [...this.#wholeAt];
  }

  /** Bytes of chunks that their nodes had already. */
  get wastedBytes(): number {
    return this.#wastedBytes;
  }

  get nowMs(): number {
    return 1000 * this.#network.now;
  }

  /** Begins after the time that a request takes. */
  move(transfer: Transfer): void {
    this.after(this.shape.requestMs, () => this.#start(transfer));
  }

  after(spanMs: number, due: () => void): void {
    const act = this.#numbered;
    this.#numbered += 1;
    this.#waiting.set(act, due);
    this.#acts.push(this.#network.now + spanMs / 1000, act);
  }

  /** Until nothing moves any more. @throws {CheckFailed} when bytes were lost, or a node lacks some. */
  run(onChunk: OnChunk): void {
    for (;;) {
      const next = Math.min(this.#network.nextCompletion(), this.#acts.nextAt);
      if (next === Infinity) break;
      // All are taken out first: a new flow gets the number of one that has ended.
      const ended = this.#network.advance(next).map((flow) => this.#takeOut(flow));
      for (const transfer of ended) this.#arrived(transfer, onChunk);
      while (this.#acts.nextAt <= next) this.#act();
    }
    this.#check();
  }

  #act(): void {
    const act = this.#acts.pop();
    const due = this.#waiting.get(act);
    this.#waiting.delete(act);
    due?.();
  }

  #start(transfer: Transfer): void {
    const { from, to, first } = transfer;
    if (from !== null && !this.has(from, first)) {
      throw new CheckFailed(`node ${from} gave chunk ${first}, which it does not have`);
    }
    const out = from === null ? this.#uplink : this.#portsOf(from).outOf;
    const { lengthBytes } = fixedChunkSpan(this.shape.sizeBytes, first);
    this.#moving.set(this.#network.start([out, this.#portsOf(to).into], lengthBytes), transfer);
  }

  #takeOut(flow: number): Transfer {
    const transfer = this.#moving.get(flow);
    if (transfer === undefined) throw new CheckFailed(`flow ${flow} is nobody's`);
    this.#moving.delete(flow);
    return transfer;
  }

  #arrived(transfer: Transfer, onChunk: OnChunk): void {
    const { from, to, first, end } = transfer;
    const { lengthBytes } = fixedChunkSpan(this.shape.sizeBytes, first);
    this.#receivedBytes += lengthBytes;
    if (from === null) this.#uplinkBytes += lengthBytes;
    if (this.has(to, first)) this.#wastedBytes += lengthBytes;
    else this.#hold(to, first);
    if (first + 1 < end) this.#start({ ...transfer, first: first + 1 });
    onChunk(to, first, from);
  }

  #hold(node: number, chunk: number): void {
    const held = this.#held[node];
    if (held !== undefined) held[chunk] = 1;
    this.#heldCount[node] = (this.#heldCount[node] ?? 0) + 1;
    if (!this.isWhole(node)) return;
    this.#wholeAt[node] = this.#network.now;
    this.#wholeCount += 1;
  }

  #portsOf(node: number): Ports {
    const ports = this.#ports[node];
    if (ports === undefined) throw new CheckFailed(`there is no node ${node}`);
    return ports;
  }

  #check(): void {
    const { nodes, sizeBytes } = this.shape;
    const lacking = this.#ports.findIndex((_, node) => !this.isWhole(node));
    if (lacking >= 0) {
      const found = this.#heldCount[lacking] ?? 0;
      throw new CheckFailed(`node ${lacking} has ${found} of ${this.chunkCount} chunks at the end`);
    }
    const wanted = nodes * sizeBytes + this.#wastedBytes;
    if (this.#receivedBytes !== wanted) {
      throw new CheckFailed(`nodes have ${wanted} bytes, and received ${this.#receivedBytes}`);
    }
  }
}
