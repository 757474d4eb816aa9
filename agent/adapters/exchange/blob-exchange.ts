// Carries out what the core's exchange decides: opens the target file, asks peers and the origin, serves what is here. Each answer goes
// back to the core as a command; what fails is judged there.

import { join } from 'node:path';
import { emptyBitmap, fullBitmap, isFull } from '../../../proto/bitmap.ts';
import {
  chunkSpans,
  decodeIndex,
  encodeIndex,
  indexedBytes,
  maxIndexBytes,
} from '../../../proto/chunks.ts';
import type { BlobGrant, BlobRef, ExchangeCommand, ExchangeEffect } from '../../core/index.ts';
import { ExchangeState, nextExchangeMs, takeExchange } from '../../core/index.ts';
import type { UplinkPacer } from '../blobs/uplink-pacer.ts';
import { isDiskFull } from '../state/disk-full.ts';
import { checkedIndex, indexOf } from './blob-index.ts';
import { ChunkClient, PeerError, type PeerBlob } from './chunk-client.ts';
import type { SharedBlob } from './chunk-server.ts';
import { Cutter } from './cutter.ts';
import { takeForeign, type ForeignBlob } from './foreign-blob.ts';
import {
  keep,
  openPart,
  readChunk,
  whyLeft,
  type LeftWhy,
  type OpenBlob,
  type Update,
} from './open-blob.ts';
import type { Origin } from './origin.ts';

type Effect<K extends ExchangeEffect['kind']> = Extract<ExchangeEffect, { readonly kind: K }>;
type Said = Effect<'sayPart' | 'sayLeft'>;

export interface BlobExchangeOptions {
  readonly folder: string;
  /** Another on each node. */
  readonly salt: string;
  readonly isSmallBoard: boolean;
  readonly origin: Origin;
  /** Where the node's own chunk server listens. */
  readonly port: () => number;
  readonly say: (said: readonly Said[]) => void;
  /** It is the file `<sha256>` of the folder now. */
  readonly onWhole: (sha256: string) => void;
  /** It is not exchanged here, or no more. */
  readonly onLeft: (sha256: string, why: LeftWhy) => void;
  readonly onPace: (part: number) => void;
  /** Keeps the owner's limit of the LAN. */
  readonly lanPacer: Pick<UplinkPacer, 'stream'>;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
  readonly nowMs: () => number;
}

export class BlobExchange {
  readonly #options: BlobExchangeOptions;
  readonly #state: ExchangeState;
  readonly #client: ChunkClient;
  readonly #blobs = new Map<string, OpenBlob>();
  readonly #sizes = new Map<string, number>();
  readonly #updates = new Map<string, Update>();
  /** What came from the origin, of each blob and its index. */
  readonly #originBytes = new Map<string, number>();
  readonly #proofs = new Map<string, Uint8Array>();
  readonly #requests = new Map<string, AbortController>();
  /** Packages that come from their source. */
  readonly #bringing = new Set<string>();
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  /** Bytes of chunks that came from peers. */
  takenBytes = 0;

  constructor(options: BlobExchangeOptions) {
    this.#options = options;
    this.#state = new ExchangeState(options);
    this.#client = new ChunkClient(options.lanPacer);
  }

  /** What is not whole is kept for the next start. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    this.#client.stop();
    for (const { part, file } of this.#blobs.values()) if (file === null) await part?.close();
  }

  want({ sha256, sizeBytes, capability }: BlobGrant, update: Update | null = null): void {
    this.#sizes.set(sha256, sizeBytes);
    const isUpdate = update !== null;
    if (isUpdate) this.#updates.set(sha256, update);
    this.post({ kind: 'blobWanted', sha256, sizeBytes, capability, isUpdate });
  }

  /** Of a blob that is whole; null: it is not. */
  broughtOf(sha256: string): { readonly index: Uint8Array; readonly originBytes: number } | null {
    const blob = this.#blobs.get(sha256);
    if (blob === undefined || blob.file === null) return null;
    return { index: blob.indexBytes, originBytes: this.#originBytes.get(sha256) ?? 0 };
  }

  /** A file that is this blob, by an index that was believed before; its bytes are looked at when they are given away. */
  offerFile(sha256: string, file: string, indexBytes: Buffer): boolean {
    const index = decodeIndex(indexBytes);
    if (typeof index === 'string') return false;
    const open = this.#blobs.get(sha256);
    if (open !== undefined && open.file === null) return false;
    const chunks = index.chunks.length;
    const [held, sizeBytes] = [fullBitmap(chunks), indexedBytes(index)];
    this.#sizes.set(sha256, sizeBytes);
    this.#blobs.set(sha256, {
      ...{ index, indexBytes, held, part: null, foreign: null, file, isUnchecked: true },
    });
    if (open === undefined) this.post({ kind: 'blobOpened', sha256, sizeBytes, chunks, held });
    return true;
  }

  /** A blob of fixed chunks that is whole on the disk already, and right, is there for others. Throws what the disk says. */
  async offer({ sha256, sizeBytes }: BlobRef): Promise<void> {
    const file = join(this.#options.folder, sha256);
    const index = await indexOf(file, sizeBytes);
    const chunks = index.chunks.length;
    const held = fullBitmap(chunks);
    this.#sizes.set(sha256, sizeBytes);
    this.#blobs.set(sha256, {
      ...{ index, indexBytes: encodeIndex(index), held, part: null, foreign: null, file },
    });
    this.post({ kind: 'blobOpened', sha256, sizeBytes, chunks, held });
  }

  /** A package that is wanted or, with its file, that is here for others: its hash was found right. */
  openForeign(foreign: ForeignBlob, file: string | null): void {
    const { sha256, sizeBytes } = foreign;
    // A job may have begun to want it.
    if (this.#blobs.has(sha256) || this.#sizes.has(sha256)) return;
    const held = file === null ? emptyBitmap(1) : fullBitmap(1);
    const sizes = { minBytes: sizeBytes, averageBytes: sizeBytes, maxBytes: sizeBytes };
    const index = { sizes, chunks: [{ sha256, lengthBytes: sizeBytes }] };
    this.#sizes.set(sha256, sizeBytes);
    // Peers know what would be in an index.
    const indexBytes = new Uint8Array(0);
    this.#blobs.set(sha256, { index, indexBytes, held, part: null, foreign, file });
    this.post({ kind: 'blobOpened', sha256, sizeBytes, chunks: 1, held, isForeign: true });
  }

  /** Whether it is a package that is exchanged. */
  isForeign(sha256: string): boolean {
    return (this.#blobs.get(sha256)?.foreign ?? null) !== null;
  }

  /** The blob is exchanged no more; what there is of it stays on the disk. */
  leave(sha256: string, why: LeftWhy = null): void {
    this.#close(sha256, why);
    this.post({ kind: 'blobLeft', sha256 });
  }

  /** Nobody here waits for it; a package that this node brings comes to its end, since peers wait for it. */
  giveUp(sha256: string): void {
    if (!this.#bringing.has(sha256)) this.leave(sha256);
  }

  #close(sha256: string, why: LeftWhy): void {
    const blob = this.#blobs.get(sha256);
    this.#blobs.delete(sha256);
    for (const each of [this.#sizes, this.#updates, this.#originBytes]) each.delete(sha256);
    this.#proofs.delete(sha256);
    const part = blob?.file === null ? blob.part : null;
    if (part !== null) this.#run({ sha256 }, () => part.close());
    this.#options.onLeft(sha256, why);
  }

  /** What peers of a blob show each other. */
  prove(sha256: string, proof: Uint8Array): void {
    this.#proofs.set(sha256, proof);
  }

  /** For the chunk server; null: it is not exchanged here. */
  served(sha256: string): SharedBlob | null {
    const blob = this.#blobs.get(sha256);
    const proof = this.#proofs.get(sha256);
    if (blob === undefined || proof === undefined) return null;
    const { index, indexBytes, held } = blob;
    return {
      ...{ chunks: index.chunks.length, held, proof },
      index: () => Promise.resolve(indexBytes),
      read: (chunk) => readChunk(blob, chunk),
    };
  }

  post(command: ExchangeCommand): void {
    if (this.#stopped.signal.aborted) return;
    const nowMs = this.#options.nowMs();
    const effects = takeExchange(this.#state, command, nowMs);
    const said: Said[] = [];
    for (const effect of effects) {
      if (effect.kind === 'sayLeft') this.#close(effect.sha256, null);
      if (effect.kind === 'sayPart' || effect.kind === 'sayLeft') said.push(effect);
      else this.#carryOut(effect);
    }
    if (said.length > 0) this.#options.say(said);
    clearTimeout(this.#timer);
    const nextMs = nextExchangeMs(this.#state, nowMs);
    if (nextMs === null) return;
    this.#timer = setTimeout(() => this.post({ kind: 'tick' }), Math.max(1, nextMs - nowMs));
  }

  #carryOut(effect: Exclude<ExchangeEffect, Said>): void {
    switch (effect.kind) {
      case 'openBlob':
        return this.#run(effect, () => this.#open(effect));
      case 'askPeer':
        return this.#run(effect, () => this.#ask(effect));
      case 'endRequest':
        this.#requests.get(requestOf(effect))?.abort();
        return;
      case 'swapParts':
        return this.#run(effect, () => this.#swap(effect));
      case 'fetchRun':
        return this.#run(effect, () => this.#fetch(effect));
      case 'blobWhole':
        return this.#run(effect, () => this.#finish(effect.sha256));
      case 'notExchanged':
        this.#options.log('a blob is not exchanged: there are too many', { ...effect });
        return this.leave(effect.sha256);
      case 'pace':
        return this.#options.onPace(effect.part);
    }
  }

  /** Where this node's disk is full no peer or origin has failed: others bring what it was to. */
  #run({ sha256 }: { readonly sha256: string }, step: () => Promise<void>): void {
    step().catch((error: unknown) => {
      if (this.#stopped.signal.aborted) return;
      this.#options.log('exchange failed', { sha256, error: String(error) });
      if (isDiskFull(error) && this.#sizes.has(sha256)) this.leave(sha256, 'full');
    });
  }

  #grantOf(sha256: string, capability: string | null): BlobGrant {
    return { sha256, sizeBytes: this.#sizes.get(sha256) ?? 0, capability: capability ?? '' };
  }

  async #open({ sha256, peer, indexSha256, capability }: Effect<'openBlob'>): Promise<void> {
    const grant = this.#grantOf(sha256, capability);
    const { origin, folder } = this.#options;
    const { signal } = this.#stopped;
    try {
      const bytes =
        peer === null
          ? await origin.index(grant, signal)
          : await this.#client.index(this.#peerBlob(sha256, peer), maxIndexBytes, signal);
      if (peer === null) this.#countOrigin(sha256, bytes.length);
      const update = this.#updates.get(sha256);
      const index = checkedIndex(bytes, update?.indexSha256 ?? indexSha256, grant.sizeBytes);
      const part = await openPart(folder, sha256, { index, update });
      // It may have been left meanwhile.
      if (!this.#sizes.has(sha256)) return await part.close();
      const { held } = part;
      this.#blobs.set(sha256, { index, indexBytes: bytes, held, part, foreign: null, file: null });
      const chunks = index.chunks.length;
      this.post({ kind: 'blobOpened', sha256, sizeBytes: grant.sizeBytes, chunks, held });
      if (isFull(held, chunks)) await this.#finish(sha256);
    } catch (error) {
      if (!isDiskFull(error)) this.post({ kind: 'indexFailed', sha256, peer });
      // A peer that has not got it yet is nothing to tell of.
      if (!(error instanceof PeerError)) throw error;
    }
  }

  #peerBlob(sha256: string, peer: PeerBlob['peer']): PeerBlob {
    return { sha256, peer, proof: this.#proofs.get(sha256) ?? new Uint8Array(0) };
  }

  async #ask(effect: Effect<'askPeer'>): Promise<void> {
    const { sha256, chunk, peer } = effect;
    const blob = this.#mustHave(sha256);
    const lengthBytes = blob.index.chunks[chunk]?.lengthBytes ?? 0;
    const key = requestOf(effect);
    const request = new AbortController();
    this.#requests.set(key, request);
    try {
      const from = this.#peerBlob(sha256, peer);
      const isRight = await this.#take(blob, { from, chunk }, request.signal);
      if (isRight) this.takenBytes += lengthBytes;
      else this.#options.log('a peer sent wrong bytes', { sha256, chunk, ...peer });
      this.post({ kind: isRight ? 'chunkCame' : 'chunkBad', sha256, chunk, peer });
    } catch (error) {
      if (isDiskFull(error)) throw error;
      const restMs = error instanceof PeerError ? error.restMs : null;
      const told = { sha256, chunk, peer };
      this.post(
        restMs === null ? { kind: 'peerFailed', ...told } : { kind: 'peerBusy', ...told, restMs },
      );
      if (!(error instanceof PeerError)) throw error;
    } finally {
      if (this.#requests.get(key) === request) this.#requests.delete(key);
    }
  }

  /** Whether the bytes were right, and are on the disk now. */
  async #take(
    blob: OpenBlob,
    { from, chunk }: { readonly from: PeerBlob; readonly chunk: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { sha256 } = from;
    const wanted = { chunk, lengthBytes: blob.index.chunks[chunk]?.lengthBytes ?? 0 };
    if (blob.foreign === null) {
      const bytes = await this.#client.chunk(from, wanted, signal);
      return (await blob.part?.write(chunk, bytes)) === true;
    }
    const bring = (file: string): Promise<void> =>
      this.#client.chunkTo(file, { from, ...wanted }, signal);
    return keep(blob, await takeForeign(this.#options.folder, sha256, bring));
  }

  async #swap({ sha256, peer, held: own }: Effect<'swapParts'>): Promise<void> {
    const chunks = this.#mustHave(sha256).index.chunks.length;
    const told = { held: own, chunks, port: this.#options.port() };
    const held = await this.#client
      .swap(this.#peerBlob(sha256, peer), told, this.#stopped.signal)
      .catch(() => null);
    this.post({ kind: 'peerHas', sha256, peer, held, isAsking: false });
  }

  /** Chunks count as they come; a wrong one ends the run. */
  async #fetch({ sha256, first, end, capability }: Effect<'fetchRun'>): Promise<void> {
    const blob = this.#mustHave(sha256);
    if (blob.foreign !== null) return await this.#fetchForeign(blob, blob.foreign);
    const { index, part } = blob;
    const spans = chunkSpans(index).slice(first, end);
    const offset = spans[0]?.offset ?? 0;
    const lengthBytes = spans.reduce((sum, each) => sum + each.lengthBytes, 0);
    let chunk = first;
    const cutter = new Cutter(spans.map((span) => span.lengthBytes));
    const take = async (bytes: Buffer): Promise<void> => {
      this.#countOrigin(sha256, bytes.length);
      for (const whole of cutter.cut(bytes)) {
        const isRight = (await part?.write(chunk, whole)) === true;
        if (!isRight) throw new Error(`the origin sent chunk ${chunk} with another hash`);
        this.post({ kind: 'chunkCame', sha256, chunk, peer: null });
        chunk += 1;
      }
    };
    const grant = this.#grantOf(sha256, capability);
    const { signal } = this.#stopped;
    try {
      await this.#options.origin.stream(grant, { offset, lengthBytes }, { signal, take });
      this.post({ kind: 'runEnded', sha256, isRight: chunk === end });
    } catch (error) {
      if (!isDiskFull(error)) this.post({ kind: 'runEnded', sha256, isRight: false });
      throw error;
    }
  }

  /** When its source does not give it, apt is to hear why from there: it is not exchanged any more. */
  async #fetchForeign(blob: OpenBlob, { sha256, fetchFromSource }: ForeignBlob): Promise<void> {
    const { signal } = this.#stopped;
    const bring = (file: string): Promise<void> => fetchFromSource(file, signal);
    this.#bringing.add(sha256);
    try {
      const isRight = keep(blob, await takeForeign(this.#options.folder, sha256, bring));
      if (!isRight) throw new Error('its source gives bytes of another hash');
      this.post({ kind: 'chunkCame', sha256, chunk: 0, peer: null });
      this.post({ kind: 'runEnded', sha256, isRight });
    } catch (error) {
      this.leave(sha256, whyLeft(error));
      throw error;
    } finally {
      this.#bringing.delete(sha256);
    }
  }

  async #finish(sha256: string): Promise<void> {
    const blob = this.#mustHave(sha256);
    if (blob.foreign !== null) return this.#options.onWhole(sha256);
    if (blob.file !== null || blob.part === null) return;
    try {
      blob.file = await blob.part.finish();
    } catch (error) {
      this.leave(sha256, whyLeft(error));
      throw error;
    }
    this.#options.onWhole(sha256);
  }

  #countOrigin(sha256: string, bytes: number): void {
    this.#originBytes.set(sha256, (this.#originBytes.get(sha256) ?? 0) + bytes);
  }

  #mustHave(sha256: string): OpenBlob {
    const blob = this.#blobs.get(sha256);
    if (blob === undefined) throw new Error(`blob ${sha256}: it is not open`);
    return blob;
  }
}

function requestOf({ sha256, chunk, peer }: Effect<'askPeer' | 'endRequest'>): string {
  return `${sha256} ${chunk} ${peer.address} ${peer.port}`;
}
