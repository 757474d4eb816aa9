// One site to which a release is brought: its uplink and a LAN port of each node, both directions apart. Who brings which
// chunk is no business of this file, what is possible is.

import { fixedChunkCount, fixedChunkSpan } from '../../proto/chunks.ts';
import { CheckFailed } from '../run/checks.ts';
import type { NodeKind, SiteShape } from './bounds.ts';
import { isToBeWhole, portBps } from './bounds.ts';
import type { Traffic } from './traffic.ts';

/** Chunks that one node has of another with one request, one after another. */
export interface Transfer {
  /** A node's number; null: the origin, over the uplink. */
  readonly from: number | null;
  readonly to: number;
  readonly first: number;
  /** The chunk after the last. */
  readonly end: number;
}

/** One that is under way. */
export interface Moving extends Transfer {
  /** The chunk that comes now. */
  at: number;
  /** Of `Traffic`; -1: none of its bytes has been sent yet. */
  flow: number;
  isOver: boolean;
}

/** A chunk has come to a node; it may have been there before, or have wrong bytes. */
export type OnChunk = (node: number, chunk: number, from: number | null) => void;

interface Ports {
  readonly into: number;
  readonly outOf: number;
}

export class Site {
  readonly shape: SiteShape;
  readonly chunkCount: number;
  readonly #traffic: Traffic;
  /** From the origin into the site. */
  readonly #uplink: readonly number[];
  readonly #ports: readonly Ports[];
  readonly #moving = new Set<Moving>();
  readonly #held: readonly Uint8Array[];
  readonly #heldCount: Uint32Array;
  readonly #wholeAt: Float64Array;
  readonly #isOff: Uint8Array;
  #onChunk: OnChunk = () => undefined;
  #lacking: number;
  #uplinkBytes = 0;
  #controlBytes = 0;
  #wastedBytes = 0;
  #unkeptBytes = 0;
  #receivedBytes = 0;

  /** `origin`: the line that all sites share; null: it is as fast as any site's. */
  constructor(traffic: Traffic, shape: SiteShape, origin: number | null = null) {
    this.shape = shape;
    this.#traffic = traffic;
    const { kinds, downBps } = shape;
    this.chunkCount = fixedChunkCount(shape.sizeBytes);
    const line = traffic.addLine(downBps);
    this.#uplink = origin === null ? [line] : [origin, line];
    this.#ports = kinds.map((kind) => {
      const bitsPerSecond = portBps(shape, kind);
      return { into: traffic.addLine(bitsPerSecond), outOf: traffic.addLine(bitsPerSecond) };
    });
    this.#held = kinds.map(() => new Uint8Array(this.chunkCount));
    this.#heldCount = new Uint32Array(kinds.length);
    this.#wholeAt = new Float64Array(kinds.length).fill(Infinity);
    this.#isOff = new Uint8Array(kinds.length);
    this.#lacking = kinds.filter(isToBeWhole).length;
  }

  has(node: number, chunk: number): boolean {
    return this.#held[node]?.[chunk] === 1;
  }

  isWhole(node: number): boolean {
    return this.#heldCount[node] === this.chunkCount;
  }

  isOff(node: number): boolean {
    return this.#isOff[node] === 1;
  }

  /** Bytes that crossed the uplink so far, those of chunks that were cut off too. */
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

  /** Whether all nodes are whole that are to be so. */
  get isDone(): boolean {
    return this.#lacking === 0;
  }

  /** Which part of all that its nodes are to have they have. */
  get heldPart(): number {
    const held = this.#heldCount.reduce((sum, each) => sum + each, 0);
    return held / (this.chunkCount * this.#heldCount.length);
  }

  /** Seconds after which each node had all that was to have it. */
  get wholeAt(): readonly number[] {
    return [...this.#wholeAt].filter((_, node) => isToBeWhole(this.#kindOf(node)));
  }

  /** Bytes of chunks that their nodes had already, that were wrong, or cut off. */
  get wastedBytes(): number {
    return this.#wastedBytes;
  }

  get nowMs(): number {
    return this.#traffic.nowMs;
  }

  after(spanMs: number, due: () => void): void {
    this.#traffic.after(spanMs, due);
  }

  /** Whom to tell of each chunk that has come. */
  listen(onChunk: OnChunk): void {
    this.#onChunk = onChunk;
  }

  /** Begins after the time that a request takes. */
  move(transfer: Transfer): Moving {
    const moving: Moving = { ...transfer, at: transfer.first, flow: -1, isOver: false };
    this.#moving.add(moving);
    this.after(this.shape.requestMs, () => {
      if (!moving.isOver) this.#start(moving);
    });
    return moving;
  }

  /** What of it has not come does not come. */
  cut(moving: Moving): void {
    if (moving.isOver) return;
    this.#end(moving);
    if (moving.flow < 0) return;
    const bytes = this.#lengthOf(moving.at) - this.#traffic.cut(moving.flow);
    this.#wastedBytes += bytes;
    if (moving.from === null) this.#uplinkBytes += bytes;
  }

  /** The node is without power, for good. Returns what was cut off. */
  switchOff(node: number): readonly Moving[] {
    this.#isOff[node] = 1;
    const its = [...this.#moving].filter(({ from, to }) => from === node || to === node);
    for (const moving of its) this.cut(moving);
    return its;
  }

  /** @throws {CheckFailed} when bytes were lost, or a node lacks some. */
  check(): void {
    const { kinds, sizeBytes } = this.shape;
    const lacking = kinds.findIndex((kind, node) => isToBeWhole(kind) && !this.isWhole(node));
    if (lacking >= 0) {
      const found = this.#heldCount[lacking] ?? 0;
      throw new CheckFailed(`node ${lacking} has ${found} of ${this.chunkCount} chunks at the end`);
    }
    let wanted = this.#unkeptBytes;
    for (const held of this.#held) {
      if (held.every((each) => each === 1)) wanted += sizeBytes;
      else for (const [chunk, each] of held.entries()) wanted += each * this.#lengthOf(chunk);
    }
    if (this.#receivedBytes !== wanted) {
      throw new CheckFailed(`nodes have ${wanted} bytes, and received ${this.#receivedBytes}`);
    }
  }

  #start(moving: Moving): void {
    const { from, to, at } = moving;
    if (from !== null && !this.has(from, at)) {
      throw new CheckFailed(`node ${from} gave chunk ${at}, which it does not have`);
    }
    const out = from === null ? this.#uplink : [this.#portsOf(from).outOf];
    const path = [...out, this.#portsOf(to).into];
    moving.flow = this.#traffic.start(path, this.#lengthOf(at), () => this.#arrived(moving));
  }

  #arrived(moving: Moving): void {
    const { from, to, at } = moving;
    const bytes = this.#lengthOf(at);
    this.#receivedBytes += bytes;
    if (from === null) this.#uplinkBytes += bytes;
    const isWrong = from !== null && this.#kindOf(from) === 'flips';
    if (isWrong || this.has(to, at)) {
      this.#wastedBytes += bytes;
      this.#unkeptBytes += bytes;
    } else {
      this.#hold(to, at);
    }
    if (at + 1 < moving.end) {
      moving.at += 1;
      this.#start(moving);
    } else {
      this.#end(moving);
    }
    this.#onChunk(to, at, from);
  }

  #end(moving: Moving): void {
    moving.isOver = true;
    this.#moving.delete(moving);
  }

  #hold(node: number, chunk: number): void {
    const held = this.#held[node];
    if (held !== undefined) held[chunk] = 1;
    this.#heldCount[node] = (this.#heldCount[node] ?? 0) + 1;
    if (!this.isWhole(node)) return;
    this.#wholeAt[node] = this.nowMs / 1000;
    if (isToBeWhole(this.#kindOf(node))) this.#lacking -= 1;
  }

  #lengthOf(chunk: number): number {
    return fixedChunkSpan(this.shape.sizeBytes, chunk).lengthBytes;
  }

  #kindOf(node: number): NodeKind {
    return this.shape.kinds[node] ?? 'right';
  }

  #portsOf(node: number): Ports {
    const ports = this.#ports[node];
    if (ports === undefined) throw new CheckFailed(`there is no node ${node}`);
    return ports;
  }
}
