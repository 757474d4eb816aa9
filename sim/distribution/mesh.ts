// Nodes that take from each other what the fewest have, and from the origin what none of their neighbours has, as programs
// for torrents with a web seed do: nobody says who brings what over the uplink.

import type { Draw } from '../kernel/random.ts';
import type { Site } from './site.ts';

const neighbourCount = 8;
/** Chunks that a node takes, and gives, at a time. */
const atATime = 2;

export class Mesh {
  readonly #site: Site;
  readonly #draw: Draw;
  /** Both know each other. */
  readonly #neighbours: readonly ReadonlySet<number>[];
  readonly #asked: readonly Set<number>[];
  readonly #giving: Uint8Array;
  readonly #taking: Uint8Array;
  readonly #isAtOrigin: Uint8Array;

  constructor(site: Site, draw: Draw) {
    const nodes = site.shape.kinds.length;
    this.#site = site;
    this.#draw = draw;
    this.#neighbours = drawNeighbours(nodes, draw);
    this.#asked = this.#neighbours.map(() => new Set());
    this.#giving = new Uint8Array(nodes);
    this.#taking = new Uint8Array(nodes);
    this.#isAtOrigin = new Uint8Array(nodes);
  }

  begin(): void {
    this.#site.listen((node, chunk, from) => {
      this.#asked[node]?.delete(chunk);
      if (from === null) this.#isAtOrigin[node] = 0;
      else {
        this.#giving[from] = (this.#giving[from] ?? 0) - 1;
        this.#taking[node] = (this.#taking[node] ?? 0) - 1;
      }
      this.#look(node);
      for (const other of this.#neighbours[node] ?? []) this.#look(other);
      // It can give to somebody else now.
      for (const other of this.#neighbours[from ?? node] ?? []) this.#look(other);
    });
    for (const node of this.#site.shape.kinds.keys()) this.#look(node);
  }

  #look(to: number): void {
    if (this.#site.isWhole(to)) return;
    while ((this.#taking[to] ?? 0) < atATime && this.#askNeighbour(to));
    if (this.#isAtOrigin[to] === 1 || (this.#asked[to]?.size ?? 0) > 0) return;
    const chunk = this.#anyUnseen(to);
    if (chunk < 0) return;
    this.#isAtOrigin[to] = 1;
    this.#ask(null, to, chunk);
  }

  #ask(from: number | null, to: number, chunk: number): void {
    this.#asked[to]?.add(chunk);
    this.#site.move({ from, to, first: chunk, end: chunk + 1 });
  }

  #askNeighbour(to: number): boolean {
    const near = [...(this.#neighbours[to] ?? [])];
    const free = near.filter((node) => (this.#giving[node] ?? 0) < atATime);
    if (free.length === 0) return false;
    const chunk = this.#rarest(to, near, free);
    const from = free.find((node) => this.#site.has(node, chunk));
    if (from === undefined) return false;
    this.#giving[from] = (this.#giving[from] ?? 0) + 1;
    this.#taking[to] = (this.#taking[to] ?? 0) + 1;
    this.#ask(from, to, chunk);
    return true;
  }

  /** Of those that the fewest have any, since the look begins anywhere; -1: none can be had. */
  #rarest(to: number, near: readonly number[], free: readonly number[]): number {
    const { chunkCount } = this.#site;
    const start = Math.floor(this.#draw() * chunkCount);
    let best = -1;
    let fewest = Infinity;
    for (let step = 0; step < chunkCount && fewest > 1; step += 1) {
      const chunk = (start + step) % chunkCount;
      if (!this.#lacks(to, chunk) || !free.some((node) => this.#site.has(node, chunk))) continue;
      const copies = near.filter((node) => this.#site.has(node, chunk)).length;
      if (copies >= fewest) continue;
      fewest = copies;
      best = chunk;
    }
    return best;
  }

  /** A chunk that no neighbour has; -1: there is none. */
  #anyUnseen(to: number): number {
    const { chunkCount } = this.#site;
    const near = [...(this.#neighbours[to] ?? [])];
    const start = Math.floor(this.#draw() * chunkCount);
    for (let step = 0; step < chunkCount; step += 1) {
      const chunk = (start + step) % chunkCount;
      if (this.#lacks(to, chunk) && !near.some((node) => this.#site.has(node, chunk))) return chunk;
    }
    return -1;
  }

  #lacks(node: number, chunk: number): boolean {
    return !this.#site.has(node, chunk) && !(this.#asked[node]?.has(chunk) ?? false);
  }
}

/** Each node chooses half of its neighbours, and is chosen by about as many. */
function drawNeighbours(nodes: number, draw: Draw): readonly ReadonlySet<number>[] {
  const near = Array.from({ length: nodes }, () => new Set<number>());
  const wanted = Math.min(neighbourCount / 2, nodes - 1);
  for (let node = 0; node < nodes; node += 1) {
    for (let chosen = 0; chosen < wanted;) {
      const other = Math.floor(draw() * nodes);
      if (other === node) continue;
      near[node]?.add(other);
      near[other]?.add(node);
      chosen += 1;
    }
  }
  return near;
}
