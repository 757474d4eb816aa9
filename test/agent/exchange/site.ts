// A site of nodes that exchange one blob, with the agents' own core and nothing of the network: time is a queue of events. Peers may
// lie, die or be slow as their kind says. It holds each node to what must never happen.

import { expect } from 'vitest';
import { countChunks, emptyBitmap, fullBitmap, hasChunk, setChunk } from '../../../proto/bitmap.ts';
import type { Bitmap } from '../../../proto/bitmap.ts';
import {
  ExchangeState,
  nextExchangeMs,
  takeExchange,
  type ExchangeCommand,
  type ExchangeEffect,
  type PeerAddress,
} from '../../../agent/core/index.ts';

/** flips: its chunks are wrong; claims: says that it has all and gives nothing; silent: never answers; slow: takes a minute for a
 * chunk; busy: refuses two of three. */
export type Kind = 'right' | 'flips' | 'claims' | 'silent' | 'slow' | 'busy';

export const sha256 = 'a'.repeat(64);
const sizeBytes = 1_000_000;
const chunkMs = 100;

interface Node {
  readonly address: PeerAddress;
  readonly kind: Kind;
  readonly state: ExchangeState;
  readonly held: Bitmap;
  readonly asked: Map<number, string>;
  readonly foundBad: Set<string>;
  timerMs: number;
  isWhole: boolean;
}

export interface SiteOptions {
  readonly kinds: readonly Kind[];
  readonly chunks: number;
  /** Whether the scheduler leases chunks; otherwise it is away. */
  readonly isScheduled?: boolean;
  /** The first requests to the origin that fail. */
  readonly originFailures?: number;
}

export class Site {
  readonly nodes: readonly Node[];
  readonly #options: SiteOptions;
  #events: { readonly atMs: number; readonly run: () => void }[] = [];
  #originFailures: number;
  #answers = 0;
  readonly #leasedUntil = new Map<number, number>();
  nowMs = 0;
  /** Chunks that the origin has sent. */
  originChunks = 0;
  /** Messages to the scheduler, and swaps of bitmaps. */
  messages = 0;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.#originFailures = options.originFailures ?? 0;
    this.nodes = options.kinds.map((kind, at) => ({
      ...{ address: { address: `10.0.0.${at + 1}`, port: 7_000 }, kind, timerMs: Infinity },
      state: new ExchangeState({ salt: `node ${at}`, isSmallBoard: at % 3 === 2 }),
      ...{ held: emptyBitmap(options.chunks), asked: new Map(), foundBad: new Set() },
      isWhole: false,
    }));
  }

  /** Until each right node has all, or nothing is due any more, or the time is over. */
  runUntilWhole(mostMs: number): void {
    this.#start();
    this.#run(mostMs, () => this.nodes.every(({ kind, isWhole }) => isWhole || kind !== 'right'));
  }

  /** Until nothing is due any more, or the time is over. */
  runOn(mostMs: number): void {
    this.#run(mostMs, () => false);
  }

  #start(): void {
    const isHere = this.#options.isScheduled ?? true;
    for (const node of this.nodes) {
      if (node.kind === 'silent') continue;
      if (!isHere) this.give(node, { kind: 'schedulerHere', isHere });
      this.give(node, { kind: 'blobWanted', sha256, sizeBytes, capability: 'may' });
      const peers = this.nodes.filter((each) => each !== node).map(({ address }) => address);
      this.give(node, { kind: 'exchangeTold', sha256, indexSha256: 'i', peers });
    }
  }

  #run(mostMs: number, isOver: () => boolean): void {
    while (this.#events.length > 0 && !isOver()) {
      this.#events.sort((one, other) => one.atMs - other.atMs);
      const event = this.#events.shift();
      if (event === undefined || event.atMs > mostMs) return;
      this.nowMs = event.atMs;
      event.run();
    }
  }

  #after(spanMs: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + spanMs, run });
  }

  give(node: Node, command: ExchangeCommand): void {
    for (const effect of takeExchange(node.state, command, this.nowMs))
      this.#carryOut(node, effect);
    if (node.asked.size > node.state.maxIn)
      throw new Error(`it asks for ${node.asked.size} at a time`);
    const atMs = nextExchangeMs(node.state, this.nowMs) ?? Infinity;
    if (atMs === node.timerMs || !Number.isFinite(atMs)) return;
    if (atMs <= this.nowMs) throw new Error('it wakes for what is over');
    node.timerMs = atMs;
    this.#after(atMs - this.nowMs, () => {
      if (node.timerMs !== atMs) return;
      node.timerMs = Infinity;
      this.give(node, { kind: 'tick' });
    });
  }

  #carryOut(node: Node, effect: ExchangeEffect): void {
    switch (effect.kind) {
      case 'openBlob':
        return this.#after(20, () =>
          this.give(node, {
            ...{ kind: 'blobOpened', sha256, sizeBytes, chunks: this.#options.chunks },
            held: node.held,
          }),
        );
      case 'askPeer':
        return this.#ask(node, effect.chunk, effect.peer);
      case 'endRequest':
        expect(node.asked.delete(effect.chunk)).toBe(true);
        return;
      case 'swapParts':
        return this.#swap(node, effect.peer, effect.held);
      case 'fetchRun':
        return this.#fetch(node, effect.first, effect.end);
      case 'sayPart':
        return this.#hear(node, effect);
      case 'blobWhole':
        expect(node.isWhole).toBe(false);
        node.isWhole = true;
        return;
      default:
    }
  }

  #nodeAt({ address }: PeerAddress): Node {
    const found = this.nodes.find((node) => node.address.address === address);
    if (found === undefined) throw new Error(`nobody is at ${address}`);
    return found;
  }

  #ask(node: Node, chunk: number, peer: PeerAddress): void {
    expect(node.foundBad, 'a peer that sent wrong bytes is not asked again').not.toContain(
      peer.address,
    );
    expect(node.asked.has(chunk), 'a chunk is asked for once at a time').toBe(false);
    expect(hasChunk(node.held, chunk), 'what is here is not asked for').toBe(false);
    node.asked.set(chunk, peer.address);
    const giver = this.#nodeAt(peer);
    if (giver.kind === 'silent') return;
    this.#after(giver.kind === 'slow' ? 60_000 : chunkMs, () => {
      if (node.asked.get(chunk) !== peer.address) return;
      node.asked.delete(chunk);
      this.give(node, this.#answer(node, giver, chunk));
    });
  }

  #answer(node: Node, giver: Node, chunk: number): ExchangeCommand {
    const told = { sha256, chunk, peer: giver.address };
    this.#answers += 1;
    if (giver.kind === 'busy' && this.#answers % 3 > 0) {
      return { kind: 'peerBusy', ...told, restMs: 500 };
    }
    if (giver.kind === 'flips') {
      node.foundBad.add(giver.address.address);
      return { kind: 'chunkBad', ...told };
    }
    if (giver.kind === 'claims' || !hasChunk(giver.held, chunk))
      return { kind: 'peerFailed', ...told };
    setChunk(node.held, chunk);
    return { kind: 'chunkCame', ...told };
  }

  #swap(node: Node, peer: PeerAddress, held: Bitmap): void {
    const other = this.#nodeAt(peer);
    this.messages += 1;
    this.#after(5, () => {
      if (other.kind === 'silent') {
        return this.give(node, { kind: 'peerHas', sha256, peer, held: null, isAsking: false });
      }
      this.give(other, {
        kind: 'peerHas',
        sha256,
        peer: node.address,
        held: this.#claims(node, held),
        isAsking: true,
      });
      this.give(node, {
        ...{ kind: 'peerHas', sha256, peer, isAsking: false },
        held: this.#claims(other, other.held),
      });
    });
  }

  #claims({ kind }: Node, held: Bitmap): Bitmap {
    return kind === 'claims' || kind === 'flips' ? fullBitmap(this.#options.chunks) : held.slice();
  }

  #fetch(node: Node, first: number, end: number): void {
    if (this.#originFailures > 0) {
      this.#originFailures -= 1;
      return this.#after(10, () => this.give(node, { kind: 'runEnded', sha256, isRight: false }));
    }
    for (let chunk = first; chunk < end; chunk += 1) {
      this.originChunks += 1;
      this.#after((chunk - first + 1) * chunkMs, () => {
        setChunk(node.held, chunk);
        this.give(node, { kind: 'chunkCame', sha256, chunk, peer: null });
      });
    }
    this.#after((end - first) * chunkMs + 1, () =>
      this.give(node, { kind: 'runEnded', sha256, isRight: true }),
    );
  }

  /** A scheduler that leases each chunk once, and again when its lease ran out or it is not found. */
  #hear(node: Node, part: Extract<ExchangeEffect, { readonly kind: 'sayPart' }>): void {
    this.messages += 1;
    const chunks: number[] = [];
    for (let chunk = 0; chunk < this.#options.chunks && chunks.length < part.room; chunk += 1) {
      const isUnfound = hasChunk(part.unfound, chunk);
      const isFree = (this.#leasedUntil.get(chunk) ?? 0) <= this.nowMs;
      const isHeld = this.nodes.some((each) => hasChunk(each.held, chunk));
      if (hasChunk(part.held, chunk) || !isFree || (isHeld && !isUnfound)) continue;
      this.#leasedUntil.set(chunk, this.nowMs + 60_000);
      chunks.push(chunk);
    }
    if (chunks.length === 0) return;
    this.#after(30, () =>
      this.give(node, { kind: 'chunksLeased', sha256, chunks, spanMs: 60_000, capability: 'may' }),
    );
  }

  wholeNodes(): number {
    return this.nodes.filter(({ held }) => countChunks(held) === this.#options.chunks).length;
  }
}
