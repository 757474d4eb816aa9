// A release that the scheduler's core arranges and the agents' own core exchanges, both as they run in production. What
// their edges do is simulated: messages take their time, and a node gives two chunks at a time.

import type { ExchangeCommand, ExchangeEffect, PeerAddress } from '../../agent/core/index.ts';
import { ExchangeState, nextExchangeMs, takeExchange } from '../../agent/core/index.ts';
import { emptyBitmap } from '../../proto/bitmap.ts';
import { indexBytes } from '../../proto/chunks.ts';
import { CheckFailed } from '../run/checks.ts';
import { siteBound } from './bounds.ts';
import { SiteScheduler, blob } from './site-scheduler.ts';
import type { ToNode } from './site-scheduler.ts';
import type { OnChunk, Site } from './site.ts';

/** From a node to the scheduler, or back; and between two nodes of a site: assumed. */
const messageMs = 20;
const lanMs = 1;
/** Chunks that a node gives at a time, and when one that it refused may be asked for again. */
const givenAtATime = 2;
const restMs = 200;
/** Agents report about as often. */
const heartbeatMs = 10_000;
const sweepMs = 1_000;
/** Of a message beside its bitmaps: ids, address, frame. */
const messageBytes = 150;
/** A release that takes so many times the bound does not end. */
const patience = 100;

interface Node {
  readonly number: number;
  readonly state: ExchangeState;
  /** When it looks again though nothing happens. */
  tickAtMs: number;
  giving: number;
  hasIndex: boolean;
  /** The chunk after the last that it brings now. */
  runEnd: number;
}

export class Arranged {
  readonly #site: Site;
  readonly #scheduler: SiteScheduler;
  readonly #nodes: readonly Node[];

  constructor(site: Site) {
    this.#site = site;
    this.#scheduler = new SiteScheduler(site, (to) => this.#tell(to));
    this.#nodes = Array.from({ length: site.shape.nodes }, (_, number) => ({
      ...{ number, tickAtMs: Infinity, giving: 0, hasIndex: false, runEnd: 0 },
      state: new ExchangeState({ salt: String(number), isSmallBoard: false }),
    }));
  }

  begin(): OnChunk {
    const { sizeBytes } = this.#site.shape;
    for (const node of this.#nodes) {
      this.#beat(node);
      this.#act(node, { kind: 'blobWanted', sha256: blob, sizeBytes, capability: 'may' });
    }
    this.#sweep();
    return (node, chunk, from) => this.#came(this.#node(node), chunk, from);
  }

  #beat(node: Node): void {
    if (this.#site.isDone) return;
    if (this.#site.nowMs > 1000 * patience * siteBound(this.#site.shape)) {
      throw new CheckFailed(`not all nodes are whole after ${patience} times the bound`);
    }
    this.#scheduler.hear(node.number, []);
    this.#site.after(heartbeatMs, () => this.#beat(node));
  }

  #sweep(): void {
    if (this.#site.isDone) return;
    this.#scheduler.sweep();
    this.#site.after(sweepMs, () => this.#sweep());
  }

  #tell({ node: number, command, bytes }: ToNode): void {
    this.#site.countControl(messageBytes + bytes);
    this.#site.after(messageMs, () => this.#act(this.#node(number), command));
  }

  #act(node: Node, command: ExchangeCommand): void {
    const { nowMs } = this.#site;
    for (const effect of takeExchange(node.state, command, nowMs)) this.#do(node, effect);
    const next = nextExchangeMs(node.state, nowMs) ?? Infinity;
    if (next >= node.tickAtMs || this.#site.isDone) return;
    node.tickAtMs = next;
    // Rounding must not bring it there a moment too early.
    this.#site.after(next - nowMs + 0.001, () => {
      if (node.tickAtMs !== next) return;
      node.tickAtMs = Infinity;
      this.#act(node, { kind: 'tick' });
    });
  }

  #do(node: Node, effect: ExchangeEffect): void {
    switch (effect.kind) {
      case 'openBlob':
        return this.#open(node, effect.peer);
      case 'askPeer':
        return this.#ask(node, effect);
      case 'swapParts':
        return this.#swap(node, effect);
      case 'fetchRun':
        node.runEnd = effect.end;
        return this.#site.move({ ...effect, from: null, to: node.number });
      case 'sayPart':
        return this.#sayPart(node, effect);
      // Nobody's chunks are too slow or wrong here, no line is busy, and there is one blob.
      case 'endRequest':
      case 'sayLeft':
      case 'notExchanged':
      case 'blobWhole':
      case 'pace':
    }
  }

  #open(node: Node, peer: PeerAddress | null): void {
    const { sizeBytes, lanBps, downBps, requestMs } = this.#site.shape;
    const chunks = this.#site.chunkCount;
    const bytes = indexBytes(chunks);
    if (peer === null) this.#site.countControl(bytes);
    const spanMs = requestMs + (8000 * bytes) / (peer === null ? downBps : lanBps);
    this.#site.after(spanMs, () => {
      if (peer !== null && !this.#peer(peer).hasIndex) {
        return this.#act(node, { kind: 'indexFailed', sha256: blob, peer });
      }
      node.hasIndex = true;
      const held = emptyBitmap(chunks);
      this.#act(node, { kind: 'blobOpened', sha256: blob, sizeBytes, chunks, held });
    });
  }

  #ask(node: Node, { peer, chunk }: Extract<ExchangeEffect, { kind: 'askPeer' }>): void {
    const giver = this.#peer(peer);
    if (giver.giving >= givenAtATime) {
      const command = { kind: 'peerBusy', sha256: blob, chunk, peer, restMs } as const;
      return this.#site.after(lanMs, () => this.#act(node, command));
    }
    giver.giving += 1;
    const { number: from } = giver;
    this.#site.move({ from, to: node.number, first: chunk, end: chunk + 1 });
  }

  #swap(node: Node, { peer, held }: Extract<ExchangeEffect, { kind: 'swapParts' }>): void {
    const other = this.#peer(peer);
    this.#site.after(lanMs, () => {
      this.#act(other, { kind: 'peerHas', sha256: blob, peer: addressOf(node), held });
      const theirs = other.state.exchanges.get(blob)?.held.slice() ?? null;
      const answer = other.hasIndex ? theirs : null;
      this.#site.after(lanMs, () =>
        this.#act(node, { kind: 'peerHas', sha256: blob, peer, held: answer }),
      );
    });
  }

  #sayPart(node: Node, effect: Extract<ExchangeEffect, { kind: 'sayPart' }>): void {
    const { sizeBytes, held, isWhole, room, unfound } = effect;
    const bitmapBytes = (isWhole ? 0 : held.length) + unfound.length;
    this.#site.countControl(messageBytes + bitmapBytes);
    const part = {
      ...{ sha256: blob, sizeBytes, held, isWhole, room, unfound, ...addressOf(node) },
      hasLeft: false,
      isForeign: false,
    };
    this.#site.after(messageMs, () => this.#scheduler.hear(node.number, [part]));
  }

  #came(node: Node, chunk: number, from: number | null): void {
    const giver = from === null ? null : this.#node(from);
    if (giver !== null) giver.giving -= 1;
    const peer = giver === null ? null : addressOf(giver);
    this.#act(node, { kind: 'chunkCame', sha256: blob, chunk, peer });
    if (giver === null && chunk + 1 === node.runEnd) {
      this.#act(node, { kind: 'runEnded', sha256: blob, isRight: true });
    }
  }

  #peer({ address }: PeerAddress): Node {
    return this.#node(Number(address));
  }

  #node(number: number): Node {
    const node = this.#nodes[number];
    if (node === undefined) throw new CheckFailed(`there is no node ${number}`);
    return node;
  }
}

function addressOf({ number }: Node): PeerAddress {
  return { address: String(number), port: 1 };
}
