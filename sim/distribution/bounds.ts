// The least time in which a release can be at all nodes.

import { fixedChunkBytes } from '../../proto/chunks.ts';

/** A site to which a release is brought. */
export interface SiteShape {
  readonly nodes: number;
  readonly sizeBytes: number;
  /** Of its uplink, what the release may use. */
  readonly downBps: number;
  /** Of each node's port, in each direction. */
  readonly lanBps: number;
  /** From asking for a chunk to its first byte. */
  readonly requestMs: number;
  /** So many nodes have slower ports. */
  readonly slowNodes: number;
  readonly slowLanBps: number;
}

/** Seconds. Of any way (Kumar and Ross, Peer-assisted file distribution, 2006), and of one that moves whole chunks. */
export function siteBound(shape: SiteShape): number {
  const { nodes, downBps, lanBps, requestMs, slowNodes, slowLanBps } = shape;
  const bits = 8 * shape.sizeBytes;
  const slowest = slowNodes > 0 ? slowLanBps : lanBps;
  const ports = (nodes - slowNodes) * lanBps + slowNodes * slowLanBps;
  const fluid = Math.max(bits / downBps, bits / slowest, (nodes * bits) / (downBps + ports));
  const chunkBits = 8 * Math.min(fixedChunkBytes(shape.sizeBytes), shape.sizeBytes);
  const doublings = Math.ceil(Math.log2(nodes));
  return Math.max(fluid, bits / downBps + doublings * (chunkBits / lanBps + requestMs / 1000));
}
