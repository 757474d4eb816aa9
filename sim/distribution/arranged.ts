// A release at one site that the scheduler's core arranges and the agents' own core exchanges, both as they run in production.
// What their edges do is simulated: messages take their time, and a node gives two chunks at a time.

import type { ExchangeCommand, ExchangeEffect, PeerAddress } from '../../agent/core/index.ts';
import { ExchangeState, nextExchangeMs, takeExchange } from '../../agent/core/index.ts';
import { emptyBitmap, fullBitmap } from '../../proto/bitmap.ts';
import type { Bitmap } from '../../proto/bitmap.ts';
import { indexBytes } from '../../proto/chunks.ts';
import { CheckFailed } from '../run/checks.ts';
import type { NodeKind } from './bounds.ts';
import { blob } from './release-scheduler.ts';
import type { Parts, ReleaseScheduler, ToNode } from './release-scheduler.ts';
import type { Moving, Site } from './site.ts';

/** From a node to the scheduler, or back; and between two nodes of a site: assumed. */
const messageMs = 20;
const lanMs = 1;
/** Who is asked and has no power is not waited for any longer, as the agent's client has it. */
const silentMs = 16_000;
/** Chunks that a node gives at a time, and when one that it refused may be asked for again. */
const givenAtATime = 2;
const restMs = 200;
/** Reports, so that the scheduler knows that a node is there. */
const heartbeatMs = 60_000;
/** Of a message beside its bitmaps: ids, address, frame. */
const messageBytes = 150;

interface Node {
  /** At its site. */
  readonly number: number;
  readonly kind: NodeKind;
  readonly state: ExchangeState;
  readonly address: PeerAddress;
  /** When it looks again though nothing happens. */
  tickAtMs: number;
  giving: number;
  hasIndex: boolean;
  /** The chunk after the last that it brings now, and how it comes. */
  runEnd: number;
  /** What comes from peers, by chunk. */
  readonly coming: Map<number, Moving>;
}

interface Circumstances {
  /** Other nodes choose otherwise. */
  readonly seed: number;
  /** When each node that dies does so; Infinity for all others. */
  readonly diesAtMs: (node: number) => number;
}

const ofBlob = { sha256: blob, hasLeft: false, isForeign: false } as const;

type Asked = Extract<ExchangeEffect, { kind: 'askPeer' }>;

export class Arranged {
  readonly #site: Site;
  readonly #scheduler: ReleaseScheduler;
  readonly #nodes: readonly Node[];
  /** Among the nodes of all sites, the number of this one's first. */
  readonly #first: number;

  constructor(site: Site, scheduler: ReleaseScheduler, { seed, diesAtMs }: Circumstances) {
    this.#site = site;
    this.#scheduler = scheduler;
    this.#first = scheduler.join(site, (to) => this.#hear(to));
    this.#nodes = site.shape.kinds.map((kind, number) => ({
      ...{ number, kind, tickAtMs: Infinity, giving: 0, hasIndex: false, runEnd: 0 },
      address: { address: String(this.#first + number), port: 1 },
      state: new ExchangeState({ salt: `${seed} ${this.#first + number}`, isSmallBoard: false }),
      coming: new Map<number, Moving>(),
    }));
    site.listen((node, chunk, from) => this.#came(this.#node(node), chunk, from));
    for (const { number, kind } of this.#nodes) {
      if (kind === 'dies') site.after(diesAtMs(number), () => this.#die(number));
    }
  }

  /** All nodes want it now. */
  begin(): void {
    const { sizeBytes } = this.#site.shape;
    for (const node of this.#nodes) {
      this.#beat(node);
      if (node.kind === 'claims') this.#claim(node);
      else this.#act(node, { kind: 'blobWanted', sha256: blob, sizeBytes, capability: 'may' });
    }
  }

  #beat(node: Node): void {
    if (this.#site.isDone || this.#site.isOff(node.number)) return;
    this.#scheduler.hear(this.#first + node.number, []);
    this.#site.after(heartbeatMs, () => this.#beat(node));
  }

  #hear({ node: number, command, bytes }: ToNode): void {
    const node = this.#node(number - this.#first);
    this.#site.countControl(messageBytes + bytes);
    this.#site.after(messageMs, () => this.#act(node, command));
  }

  #act(node: Node, command: ExchangeCommand): void {
    if (node.kind === 'claims' || this.#site.isOff(node.number)) return;
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
      case 'endRequest':
        return this.#giveUp(node, effect.chunk);
      case 'swapParts':
        return this.#swap(node, effect);
      case 'fetchRun':
        node.runEnd = effect.end;
        this.#site.move({ ...effect, from: null, to: node.number });
        return;
      case 'sayPart':
        return this.#sayPart(node, effect);
      // No line is busy with something else, and there is one blob.
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
    const failed = (): void => this.#act(node, { kind: 'indexFailed', sha256: blob, peer });
    if (peer === null) this.#site.countControl(bytes);
    else if (this.#isOff(peer)) return this.#site.after(silentMs, failed);
    const spanMs = requestMs + (8000 * bytes) / (peer === null ? downBps : lanBps);
    this.#site.after(spanMs, () => {
      if (peer !== null && !this.#peer(peer).hasIndex) return failed();
      node.hasIndex = true;
      const held = emptyBitmap(chunks);
      this.#act(node, { kind: 'blobOpened', sha256: blob, sizeBytes, chunks, held });
    });
  }

  /** Of one without power nothing is heard. */
  #ask(node: Node, { peer, chunk }: Asked): void {
    const giver = this.#peer(peer);
    if (this.#site.isOff(giver.number)) return;
    const told = { sha256: blob, chunk, peer };
    if (giver.kind === 'claims') return this.#answer(node, { kind: 'peerFailed', ...told });
    if (giver.giving >= givenAtATime) {
      return this.#answer(node, { kind: 'peerBusy', ...told, restMs });
    }
    giver.giving += 1;
    const transfer = { from: giver.number, to: node.number, first: chunk, end: chunk + 1 };
    node.coming.set(chunk, this.#site.move(transfer));
  }

  #answer(node: Node, command: ExchangeCommand): void {
    this.#site.after(2 * lanMs, () => this.#act(node, command));
  }

  #giveUp(node: Node, chunk: number): void {
    const moving = node.coming.get(chunk);
    node.coming.delete(chunk);
    if (moving === undefined || moving.isOver || moving.from === null) return;
    this.#node(moving.from).giving -= 1;
    this.#site.cut(moving);
  }

  #swap(node: Node, { peer, held }: Extract<ExchangeEffect, { kind: 'swapParts' }>): void {
    const other = this.#peer(peer);
    const isOff = this.#site.isOff(other.number);
    this.#site.after(isOff ? silentMs : lanMs, () => {
      const asking = { kind: 'peerHas', sha256: blob, peer: node.address, isAsking: true } as const;
      if (!isOff) this.#act(other, { ...asking, held });
      const answer = isOff ? null : this.#toldBy(other);
      this.#answerSwap(node, peer, answer);
    });
  }

  #answerSwap(node: Node, peer: PeerAddress, held: Bitmap | null): void {
    const told = { kind: 'peerHas', sha256: blob, peer, held, isAsking: false } as const;
    this.#site.after(lanMs, () => this.#act(node, told));
  }

  /** null: it does not know the blob's index yet. */
  #toldBy({ kind, state, hasIndex }: Node): Bitmap | null {
    if (kind === 'claims') return fullBitmap(this.#site.chunkCount);
    return hasIndex ? (state.exchanges.get(blob)?.held.slice() ?? null) : null;
  }

  #sayPart(node: Node, effect: Extract<ExchangeEffect, { kind: 'sayPart' }>): void {
    const { sizeBytes, held, isWhole, room, unfound, bringing } = effect;
    const bitmapBytes = (isWhole ? 0 : held.length) + unfound.length + bringing.length;
    const part = { sizeBytes, held, isWhole, room, unfound, bringing };
    this.#say(node, { ...part, ...ofBlob, ...node.address }, bitmapBytes);
  }

  #say(node: Node, part: Parts[number], bytes: number): void {
    this.#site.countControl(messageBytes + bytes);
    this.#site.after(messageMs, () => this.#scheduler.hear(this.#first + node.number, [part]));
  }

  #claim(node: Node): void {
    const nothing = new Uint8Array(0);
    const { sizeBytes } = this.#site.shape;
    const bitmaps = { held: nothing, unfound: nothing, bringing: nothing };
    const part = { sizeBytes, ...bitmaps, isWhole: true, room: 0 };
    this.#say(node, { ...part, ...ofBlob, ...node.address }, 0);
  }

  #came(node: Node, chunk: number, from: number | null): void {
    if (from === null) {
      this.#act(node, { kind: 'chunkCame', sha256: blob, chunk, peer: null });
      if (chunk + 1 < node.runEnd) return;
      return this.#act(node, { kind: 'runEnded', sha256: blob, isRight: true });
    }
    const giver = this.#node(from);
    giver.giving -= 1;
    node.coming.delete(chunk);
    const kind = giver.kind === 'flips' ? 'chunkBad' : 'chunkCame';
    this.#act(node, { kind, sha256: blob, chunk, peer: giver.address });
  }

  /** Whoever had something of it waits in vain. */
  #die(number: number): void {
    for (const { from, to, first } of this.#site.switchOff(number)) {
      if (to === number && from !== null) this.#node(from).giving -= 1;
      else this.#node(to).coming.delete(first);
    }
  }

  #isOff(peer: PeerAddress): boolean {
    return this.#site.isOff(this.#peer(peer).number);
  }

  #peer({ address }: PeerAddress): Node {
    return this.#node(Number(address) - this.#first);
  }

  #node(number: number): Node {
    const node = this.#nodes[number];
    if (node === undefined) throw new CheckFailed(`there is no node ${number}`);
    return node;
  }
}
