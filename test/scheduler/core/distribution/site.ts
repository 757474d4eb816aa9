// A site whose nodes exchange a shared blob of a job, for tests: nodes are told what to say.

import type { Effect } from '../../../../scheduler/core/index.ts';
import { nodeId, sha256 } from '../../../../scheduler/core/index.ts';
import type { BlobPart, Exchange } from '../../../../scheduler/core/distribution/exchange.ts';
import { bitmapOf, chunksOf } from '../../../../scheduler/core/distribution/exchange.ts';
import { CoreHarness, template } from '../harness.ts';

export const blob = sha256('cd'.repeat(32));

/** A bitmap of these chunks. */
export function bits(chunks: Iterable<number>, count: number): Uint8Array {
  const bitmap = bitmapOf(new Uint8Array(0), count);
  for (const at of chunks) bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) | (1 << (at & 7));
  return bitmap;
}

/** Of a blob of so many chunks. */
export function chunkBytes(chunks: number): number {
  return (chunks < 128 ? 64 : 256) * 1024;
}

export class ExchangingSite {
  readonly harness = new CoreHarness();
  readonly chunks: number;
  readonly #sizeBytes: number;

  /** Nodes `pi0`, `pi1` … at a site with a line of 10 Mbit/s; a job shares a blob of so many chunks. */
  constructor(nodes: number, chunks: number, taskCount = 1) {
    this.chunks = chunks;
    this.#sizeBytes = chunks * chunkBytes(chunks);
    this.harness.setSite('school', 10e6);
    for (let at = 0; at < nodes; at += 1) this.harness.node(`pi${at}`, 'school');
    this.harness.researcher('ada');
    const shared = { path: 'data', sha256: blob, sizeBytes: this.#sizeBytes };
    this.harness.submit('job', { ...template(), sharedInputs: [shared], taskCount });
    this.harness.effects = [];
    // Each had a task of it before.
    for (let at = 0; at < nodes; at += 1) this.give(at);
  }

  /** As a node that was given a task of the job, without the task. */
  give(node: number): void {
    const [job] = this.harness.state.jobs.values();
    job?.holders.add(node);
  }

  /** The node may not have the blob. */
  take(node: number): void {
    const [job] = this.harness.state.jobs.values();
    job?.holders.delete(node);
  }

  get exchange(): Exchange | undefined {
    return this.harness.state.exchanges.of(0, blob);
  }

  /** What one node tells of the blob. */
  tell(node: number | string, changes: Partial<BlobPart> = {}): void {
    const name = typeof node === 'string' ? node : `pi${node}`;
    const part = this.part(changes);
    this.harness.speak(name, { blobParts: [part] });
  }

  part(changes: Partial<BlobPart> = {}): BlobPart {
    return {
      ...{ sha256: blob, sizeBytes: this.#sizeBytes, held: new Uint8Array(0), isWhole: false },
      ...{ room: 32, unfound: new Uint8Array(0), address: '192.168.1.9', port: 9_000 },
      ...{ hasLeft: false, isForeign: false, bringing: new Uint8Array(0) },
      ...changes,
    };
  }

  /** Chunks that nodes were asked to bring since the last call. */
  leases(): readonly { readonly node: number; readonly chunks: readonly number[] }[] {
    return this.harness.take('leaseChunks').map(({ nodeId: id, runs }) => ({
      node: Number(id.slice(2)),
      chunks: [...chunksOf(runs)],
    }));
  }

  news(): readonly Extract<Effect, { kind: 'exchange' }>[] {
    return this.harness.take('exchange');
  }

  /** Of a chunk, the nodes whose lease for it holds. */
  bringing(chunk: number): readonly number[] {
    const batches = [...(this.harness.state.sites[0]?.lanes.down.batches.values() ?? [])];
    return batches
      .filter(({ sha256: of, runs }) => of === blob && [...chunksOf(runs)].includes(chunk))
      .map(({ nodeNumber }) => nodeNumber);
  }

  revoke(node: number): void {
    this.harness.give({ kind: 'revokeNode', nodeId: nodeId(`pi${node}`) });
  }
}
