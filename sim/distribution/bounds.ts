// The least time in which a release can be at all nodes.

import { fixedChunkBytes } from '../../proto/chunks.ts';

/**
 * slow: its port is; dies: it is switched off in the middle, for good; flips: each chunk that it gives has wrong bytes; claims: it
 * says that it has all, to peers and scheduler, and gives nothing.
 */
export type NodeKind = 'right' | 'slow' | 'dies' | 'flips' | 'claims';

/** A site to which a release is brought. */
export interface SiteShape {
  /** Of each node. */
  readonly kinds: readonly NodeKind[];
  readonly sizeBytes: number;
  /** Of its uplink, what the release may use. */
  readonly downBps: number;
  /** Of each node's port, in each direction. */
  readonly lanBps: number;
  readonly slowLanBps: number;
  /** From asking for a chunk to its first byte. */
  readonly requestMs: number;
}

/** Slow ones are the last, so that none of them is a cache or the root of a tree. */
export function kindsOf(nodes: number, slowNodes: number): readonly NodeKind[] {
  return Array.from({ length: nodes }, (_, node) => (node < nodes - slowNodes ? 'right' : 'slow'));
}

/** Whether a run waits for it. */
export function isToBeWhole(kind: NodeKind): boolean {
  return kind === 'right' || kind === 'slow';
}

export function portBps({ lanBps, slowLanBps }: SiteShape, kind: NodeKind): number {
  return kind === 'slow' ? slowLanBps : lanBps;
}

/** Seconds. Of any way (Kumar and Ross, Peer-assisted file distribution, 2006), and of one that moves whole chunks. */
export function siteBound(shape: SiteShape): number {
  const { kinds, downBps, lanBps, requestMs } = shape;
  const bits = 8 * shape.sizeBytes;
  const wanted = kinds.filter(isToBeWhole);
  const slowest = Math.min(...wanted.map((kind) => portBps(shape, kind)));
  const ports = kinds.reduce((sum, kind) => sum + portBps(shape, kind), 0);
  const fluid = Math.max(
    bits / downBps,
    bits / slowest,
    (wanted.length * bits) / (downBps + ports),
  );
  const chunkBits = 8 * Math.min(fixedChunkBytes(shape.sizeBytes), shape.sizeBytes);
  const doublings = Math.ceil(Math.log2(wanted.length));
  return Math.max(fluid, bits / downBps + doublings * (chunkBits / lanBps + requestMs / 1000));
}

/** Seconds. Of sites that take the same bytes from one origin, which sends no faster than it can. */
export function originBound(shapes: readonly SiteShape[], originBps: number): number {
  const bits = shapes.reduce((sum, { sizeBytes }) => sum + 8 * sizeBytes, 0);
  return Math.max(bits / originBps, ...shapes.map(siteBound));
}
