// The scheduler's core with one site and one release: what nodes tell it, and what it tells them.

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
  readonly node: number;
  readonly command: ExchangeCommand;
  /** Of what it says, beside what each message has. */
  readonly bytes: number;
}

type Parts = NonNullable<Extract<Command, { kind: 'nodeSpoke' }>['blobParts']>;

const inventory: Inventory = {
  ...{ architecture: 'aarch64', userland: 'arm64', model: 'Raspberry Pi 3 Model B' },
  ...{ slots: 4, speedGhz: 1.2, memoryBytes: 1e9, diskBytes: 8e9 },
  ...{ agentVersion: '0.1.0', nodeVersion: '20.0.0', lan: '', sandbox: 'cgroup-v2' },
};

export class SiteScheduler {
  readonly #state = new State();
  readonly #site: Site;
  readonly #tell: (to: ToNode) => void;
  readonly #sequences: Uint32Array;

  constructor(site: Site, tell: (to: ToNode) => void) {
    this.#site = site;
    this.#tell = tell;
    const { nodes, downBps, sizeBytes } = site.shape;
    this.#sequences = new Uint32Array(nodes);
    const at = instant(startMs);
    apply(this.#state, {
      ...{ kind: 'siteSet', at, source: 'declared', siteNumber: 0, siteId: siteId('site') },
      ...{ downBps, upBps: downBps, share: 1 },
    });
    for (let node = 0; node < nodes; node += 1) {
      const name = String(node);
      apply(this.#state, {
        ...{ kind: 'nodeEnrolled', at, nodeNumber: node, nodeId: nodeId(name), name, inventory },
        ...{ siteNumber: 0, natsPublicKey: name, requestId: name, tokenId: tokenId('all') },
      });
    }
    const release = { sha256: blob, sizeBytes, chunkCount: site.chunkCount, priority: 1 };
    this.#give({ kind: 'wantBlobs', blobs: [{ ...release, until: instant(startMs + longMs) }] });
  }

  sweep(): void {
    this.#give({ kind: 'tick' });
  }

  /** A message of a node, the first of which is a report. */
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
      const now = instant(startMs + Math.round(this.#site.nowMs));
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
}

function chunksOf(runs: readonly number[]): readonly number[] {
  const chunks: number[] = [];
  for (let place = 0; place < runs.length; place += 2) {
    for (let at = runs[place] ?? 0; at < (runs[place + 1] ?? 0); at += 1) chunks.push(at);
  }
  return chunks;
}
