// Outputs that stay on this node: kept within its owner's limits, given to nodes of its LAN that show the job's proof, and sent up
// only when the scheduler says that somebody wants them elsewhere.

import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fullBitmap } from '../../../proto/bitmap.ts';
import type { KeptOutputs as KeptReport, KeptWanted } from '../../../proto/gen/punnet/v1/agent.ts';
import type { BlobRef, Keeper, Lease, PeerAddress } from '../../core/index.ts';
import type { BlobClient } from '../blobs/blob-client.ts';
import { SharedWork } from '../blobs/shared-work.ts';
import { News } from '../bus/news.ts';
import type { ChunkClient } from '../exchange/chunk-client.ts';
import { PeerError } from '../exchange/chunk-client.ts';
import type { SharedBlob } from '../exchange/chunk-server.ts';
import type { Output } from '../sandbox/collect.ts';
import { KeptRecords } from './kept-records.ts';

/** As many as one report tells of. */
const jobsMost = 256;
/** Each is in memory, of which a Pi 1 has little. */
const blobsMost = 20_000;
/** A neighbour that is busy is asked again so often: it gives two blobs at a time. */
const triesMost = 60;

export interface KeptOutputsOptions {
  /** Of the records; the bytes lie among all other blobs. */
  readonly folder: string;
  readonly blobs: Pick<BlobClient, 'adopt' | 'isHere' | 'fileOf' | 'put' | 'upload'>;
  readonly client: Pick<ChunkClient, 'keptTo'>;
  readonly isPeer: (address: string) => boolean;
  /** Where peers reach this node; null: nowhere. */
  readonly here: () => PeerAddress | null;
  /** What its owner leaves for blobs. */
  readonly mostBytes: () => number;
  /** No: its file of limits has a mistake, and `mostBytes` may be nobody's word. */
  readonly areLimitsKnown: () => boolean;
  /** Different outputs that there can be; 20,000 if not given. */
  readonly mostBlobs?: number;
  /** Keeps room for what comes until it is let go. Rejects when the owner leaves none. */
  readonly takeRoom: (blob: BlobRef) => Promise<() => void>;
  readonly mayTransfer: () => boolean;
  readonly sayMissing: (sha256: string) => void;
  /** It keeps outputs of one more job, which neighbours may want soon, or of one less, for which nobody should wait. */
  readonly onNews: () => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export class KeptOutputs {
  readonly #options: KeptOutputsOptions;
  readonly #records: KeptRecords;
  readonly #sending = new Map<string, AbortController>();
  /** By keeper and hash: leases that need the same one wait for one. */
  readonly #bringing = new Map<string, SharedWork<boolean>>();
  #news = new News();
  /** Numbers files of what is coming: two keepers may be asked for equal bytes. */
  #parts = 0;

  constructor(options: KeptOutputsOptions) {
    this.#options = options;
    this.#records = new KeptRecords(options.folder);
  }

  start(): void {
    this.#records.start();
  }

  stop(): void {
    for (const sending of this.#sending.values()) sending.abort();
  }

  /** Blobs that stay whatever else needs room. */
  get pinned(): ReadonlySet<string> {
    return new Set(this.#records.held.keys());
  }

  /**
   * What the next report tells: after each change and now and then; undefined: nothing. That it keeps none is told, too, in
   * two bytes: what a disk has lost nobody should wait for.
   */
  takeReport(): KeptReport | undefined {
    const jobIds = [...this.#records.jobs.keys()].sort();
    const here = jobIds.length === 0 ? null : this.#options.here();
    const report = { jobIds, ...(here ?? { address: '', port: 0 }) };
    return this.#news.isDue(report) ? report : undefined;
  }

  /** The scheduler may have forgotten what it was told. */
  tellAgain(): void {
    this.#news = new News();
  }

  /** For its owner. */
  get status(): { readonly jobs: number; readonly bytes: number } {
    return { jobs: this.#records.jobs.size, bytes: this.#records.bytes };
  }

  /** Keeps the outputs of a lease; returns why it can't, or null. Harmless again. Throws what the disk says. */
  async keep({ jobId, keepProof = '' }: Lease, outputs: readonly Output[]): Promise<string | null> {
    const { jobs, held, bytes: before } = this.#records;
    if (!jobs.has(jobId) && jobs.size >= jobsMost) {
      return `this node keeps outputs of ${jobs.size} jobs, the most there can be: delete jobs that have ended`;
    }
    const news = outputs.filter(({ sha256 }) => !held.has(sha256));
    const added = new Map(news.map(({ sha256, sizeBytes }) => [sha256, sizeBytes]));
    const { mostBlobs = blobsMost } = this.#options;
    if (added.size > 0 && held.size + added.size > mostBlobs) {
      return `its outputs can't stay on this node: it keeps ${held.size}, the most are ${mostBlobs}, and ${added.size} would be added: leave fewer and larger ones (an archive), or delete jobs that have ended`;
    }
    const most = this.#options.mostBytes();
    const bytes = sum(added.values());
    if (before + bytes > most) {
      return `its outputs can't stay on this node: its owner leaves ${most} B for what is kept (cacheBytes), ${before} B are taken, and ${bytes} B would be added`;
    }
    if (outputs.length === 0) return null;
    const isNews = !jobs.has(jobId);
    // First: what is not on record may go from the disk for something else.
    this.#records.add(jobId, keepProof, outputs);
    for (const output of outputs) await this.#options.blobs.put(output, output.absolutePath);
    if (isNews) this.#options.onNews();
    return null;
  }

  /** What peers may have of a blob, each for who shows its proof. */
  served(sha256: string): readonly SharedBlob[] {
    const shared: SharedBlob[] = [];
    for (const { proof, blobs } of this.#records.jobs.values()) {
      const sizeBytes = blobs.get(sha256);
      if (sizeBytes !== undefined) shared.push(this.#shared({ sha256, sizeBytes }, proof));
    }
    return shared;
  }

  #shared(blob: BlobRef, proof: string): SharedBlob {
    const { blobs } = this.#options;
    return {
      chunks: 1,
      held: fullBitmap(1),
      proof: Buffer.from(proof, 'hex'),
      index: () => Promise.resolve(Buffer.alloc(0)),
      read: async () =>
        (await blobs.isHere(blob))
          ? { lengthBytes: blob.sizeBytes, bytes: createReadStream(blobs.fileOf(blob.sha256)) }
          : null,
    };
  }

  /** Its owner's limit is law: what is over it is kept no more, the oldest jobs first. Nothing goes for a mistake: it is nowhere else. */
  shrink(): void {
    if (!this.#options.areLimitsKnown()) return;
    const most = this.#options.mostBytes();
    const before = this.#records.jobs.size;
    for (const jobId of [...this.#records.jobs.keys()]) {
      const { bytes } = this.#records;
      if (bytes <= most) break;
      this.#records.remove(jobId);
      this.#options.log('outputs are kept no more: its owner leaves less', {
        job: jobId,
        bytes,
        most,
      });
    }
    if (this.#records.jobs.size < before) this.#options.onNews();
  }

  /** Jobs that are gone: their outputs are blobs as all others. */
  release(jobIds: readonly string[]): void {
    for (const jobId of jobIds) this.#records.remove(jobId);
  }

  /** Takes a blob from the node of the LAN that keeps it; false: that gives it not, and the origin has to be asked. Throws where there is no room for it. */
  bring(blob: BlobRef, keeper: Keeper, signal: AbortSignal): Promise<boolean> {
    const { address, port, proof } = keeper;
    const key = `${blob.sha256} ${address} ${port} ${proof}`;
    const known = this.#bringing.get(key);
    if (known?.isLeft === false) return known.join(signal);
    const work = new SharedWork((ended) =>
      this.#bring(blob, keeper, ended).finally(() => {
        if (this.#bringing.get(key) === work) this.#bringing.delete(key);
      }),
    );
    this.#bringing.set(key, work);
    return work.join(signal);
  }

  async #bring(blob: BlobRef, keeper: Keeper, signal: AbortSignal): Promise<boolean> {
    const { blobs, isPeer, takeRoom, log } = this.#options;
    if (await blobs.isHere(blob)) return true;
    const { address, port } = keeper;
    if (!isPeer(address)) return false;
    this.#parts += 1;
    const part = `${blobs.fileOf(blob.sha256)}.kept-${this.#parts}`;
    const letGo = await takeRoom(blob);
    try {
      await rm(part, { force: true });
      await this.#ask({ blob, keeper, part }, signal);
      return await blobs.adopt(blob, part);
    } catch (error) {
      signal.throwIfAborted();
      log('a kept output does not come over the LAN', {
        from: `${address}:${port}`,
        error: String(error),
      });
      return false;
    } finally {
      await rm(part, { force: true });
      letGo();
    }
  }

  async #ask(
    {
      blob,
      keeper,
      part,
    }: { readonly blob: BlobRef; readonly keeper: Keeper; readonly part: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { sha256, sizeBytes: lengthBytes } = blob;
    const { proof, ...peer } = keeper;
    const from = { sha256, peer, proof: Buffer.from(proof, 'hex') };
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#options.client.keptTo(part, { from, lengthBytes }, signal);
      } catch (error) {
        const restMs = error instanceof PeerError ? error.restMs : null;
        if (restMs === null || tries >= triesMost) throw error;
        await rm(part, { force: true });
        await sleep(restMs, undefined, { signal });
      }
    }
  }

  /** What is wanted elsewhere goes up, once; it is said again as long as somebody waits. */
  send(wanted: readonly KeptWanted[]): void {
    for (const { blob, capability } of wanted) {
      if (blob === undefined || this.#sending.has(blob.sha256)) continue;
      const sending = new AbortController();
      this.#sending.set(blob.sha256, sending);
      const done = (): boolean => this.#sending.delete(blob.sha256);
      this.#send(blob, capability, sending.signal)
        .catch((error: unknown) => {
          this.#options.log('a kept output is not sent', {
            sha256: blob.sha256,
            error: String(error),
          });
        })
        .finally(done);
    }
  }

  async #send(blob: BlobRef, capability: string, signal: AbortSignal): Promise<void> {
    const { blobs, mayTransfer, sayMissing } = this.#options;
    const isKept = this.#records.held.get(blob.sha256)?.sizeBytes === blob.sizeBytes;
    if (!isKept || !(await blobs.isHere(blob))) return sayMissing(blob.sha256);
    if (!mayTransfer()) throw new Error("its owner's bytes of this month are used up");
    await blobs.upload(blob, blobs.fileOf(blob.sha256), { capability, signal });
  }
}

function sum(sizes: Iterable<number>): number {
  let total = 0;
  for (const size of sizes) total += size;
  return total;
}
