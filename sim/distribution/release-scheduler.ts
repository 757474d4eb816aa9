// The scheduler's core with one release and its sites: what nodes tell it, and what it tells them.

import type { ExchangeCommand } from '../../agent/core/index.ts';
import type { Command, Effect, Inventory } from '../../scheduler/core/index.ts';
import {
  State,
  apply,
  decide,
  defaultPolicy,
  instant,
  nodeId,
  sha256,
  siteId,
  tokenId,
} from '../../scheduler/core/index.ts';
import type { Site } from './site.ts';

export const blob = sha256('ab'.repeat(32));
/** The clock of a run starts anywhere but at 0, which the core takes for never. */
const startMs = 1_800_000_000_000;
const longMs = 1e12;

/** For one node. */
export interface ToNode {
  /** Its number among all. */
  readonly node: number;
  readonly command: ExchangeCommand;
  /** Of what it says, beside what each message has. */
  readonly bytes: number;
}

type Tell = (to: ToNode) => void;
export type Parts = NonNullable<Extract<Command, { kind: 'nodeSpoke' }>['blobParts']>;

const inventory: Inventory = {
  ...{ architecture: 'aarch64', userland: 'arm64', model: 'Raspberry Pi 3 Model B' },
  ...{ slots: 4, speedGhz: 1.2, memoryBytes: 1e9, diskBytes: 8e9 },
  ...{ agentVersion: '0.1.0', nodeVersion: '20.0.0', lan: '', sandbox: 'cgroup-v2' },
};

export class ReleaseScheduler {
  readonly #state = new State();
  readonly #nowMs: () => number;
  /** By the node's number among all. */
  readonly #tells: Tell[] = [];
  readonly #sequences: number[] = [];
  #sites = 0;

  /** `nowMs` from the start of the run. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Returns the number of the site's first node among all; the others follow. */
  join({ shape: { kinds, downBps } }: Site, tell: Tell): number {
    const first = this.#tells.length;
    const at = instant(startMs);
    const siteNumber = this.#sites;
    this.#sites += 1;
    apply(this.#state, {
      ...{ kind: 'siteSet', at, source: 'declared', siteNumber },
      ...{ siteId: siteId(`site-${siteNumber}`), downBps, upBps: downBps, share: 1 },
    });
    for (let node = first; node < first + kinds.length; node += 1) {
      const name = String(node);
      this.#tells.push(tell);
      this.#sequences.push(0);
      apply(this.#state, {
        ...{ kind: 'nodeEnrolled', at, nodeNumber: node, nodeId: nodeId(name), name, inventory },
        ...{ siteNumber, natsPublicKey: name, requestId: name, tokenId: tokenId('all') },
      });
    }
    return first;
  }

  /** All nodes that have joined want it. */
  bring({ sizeBytes, chunkCount }: { readonly sizeBytes: number; readonly chunkCount: number }) {
    const release = { sha256: blob, sizeBytes, chunkCount, priority: 1 };
    this.#give({ kind: 'wantBlobs', blobs: [{ ...release, until: instant(startMs + longMs) }] });
  }

  sweep(): void {
    this.#give({ kind: 'tick' });
  }

  /** A message of a node, by its number among all; the first one is a report. */
  hear(node: number, blobParts: Parts): void {
    const sequence = (this.#sequences[node] ?? 0) + 1;
    this.#sequences[node] = sequence;
    this.#give({
      ...{ kind: 'nodeSpoke', nodeId: nodeId(String(node)), instanceNumber: 1 },
      ...{ instanceId: 'first', sequence, status: null, inventory: null },
      ...{ held: sequence === 1 ? [] : null, started: [], exited: [], ended: [] },
      ...{ transfersWanted: [], transfersDone: [], blobParts },
    });
  }

  /** And then fills what is free, as the loop does. */
  #give(command: Command): void {
    for (const each of [command, { kind: 'place' } as const]) {
      const now = instant(startMs + Math.round(this.#nowMs()));
      const { facts, effects } = decide(this.#state, each, { now, policy: defaultPolicy });
      for (const fact of facts) apply(this.#state, fact);
      for (const effect of effects) this.#pass(effect);
    }
  }

  #pass(effect: Effect): void {
    if (effect.kind === 'leaseChunks') {
      const { runs, spanMs } = effect;
      const chunks = chunksOf(runs);
      const lease = { kind: 'chunksLeased', sha256: blob, chunks, spanMs } as const;
      const command = { ...lease, capability: 'may' };
      this.#tell({ node: Number(effect.nodeId), command, bytes: 4 * runs.length });
    }
    if (effect.kind === 'exchange' && !effect.isClosed) {
      const { peers } = effect;
      const command = { kind: 'exchangeTold', sha256: blob, indexSha256: 'i', peers } as const;
      // Address, port and their frame.
      this.#tell({ node: Number(effect.nodeId), command, bytes: 24 * peers.length });
    }
  }

  #tell(to: ToNode): void {
    this.#tells[to.node]?.(to);
  }
}

function chunksOf(runs: readonly number[]): readonly number[] {
  const chunks: number[] = [];
  for (let place = 0; place < runs.length; place += 2) {
    for (let at = runs[place] ?? 0; at < (runs[place + 1] ?? 0); at += 1) chunks.push(at);
  }
  return chunks;
}
