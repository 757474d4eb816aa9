// The node's part in its site's exchange of blobs: takes what the scheduler tells, serves the LAN, and gives each blob to who waits for it.

import { readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobGrant, BlobRef, PeerAddress } from '../../core/index.ts';
import type { ExchangeMessages, ExchangeNews, SaidOfBlob } from '../bus/exchange-wire.ts';
import type { OwnLan } from '../probe/lan.ts';
import { DiskFullError } from '../state/disk-full.ts';
import { BlobExchange, type BlobExchangeOptions } from './blob-exchange.ts';
import { withinMonth, type Origin } from './origin.ts';
import { ChunkServer, type ChunkServerOptions } from './chunk-server.ts';
import type { ForeignBlob } from './foreign-blob.ts';
import { KeptBlobs } from './kept-blobs.ts';
import type { Update } from './open-blob.ts';

export interface SiteExchangeOptions extends Pick<
  BlobExchangeOptions,
  'folder' | 'salt' | 'isSmallBoard' | 'log' | 'nowMs' | 'onPace' | 'lanPacer'
> {
  readonly origin: Origin;
  /** Whether the owner's month has bytes left. */
  readonly mayTransfer: () => boolean;
  /** Where the node is now; null: on no LAN. */
  readonly ownLan: () => OwnLan | null;
  /** Whom it serves and asks. */
  readonly isNeighbour: (address: string, own: OwnLan) => boolean;
  /** To the scheduler; `here` is where peers reach this node, null: nowhere. */
  readonly say: (said: readonly SaidOfBlob[], here: PeerAddress | null) => void;
  /** The blob is whole, and its hash is right. */
  readonly onWhole: (sha256: string) => void;
  /** Whether it is on the disk, with the hash of its name. */
  readonly isHere: (blob: BlobRef) => Promise<boolean>;
  /** Outputs that this node keeps; see `ChunkServerOptions`. */
  readonly keptOf?: ChunkServerOptions['keptOf'];
  /** How long a scheduler that says nothing of a package is waited for; 5 s if not given. */
  readonly silentMs?: number;
  /** Keeps room for a package until it is let go. Rejects when the owner leaves none. */
  readonly takeRoom: (blob: BlobRef) => Promise<() => void>;
}

/** A scheduler that says nothing of a package for so long is not waited for. */
const silentMs = 5_000;
/** And none of the next ones is waited for, until it says something. */
const silentForMs = 60_000;
/** What a package may take beside its bytes at 0.5 Mbit/s: others are before it, and who was to bring it may not. */
const patienceMs = 60_000;
const bytesPerMs = 62.5;
/** Who asks again within so long finds it still on its way. */
const againMs = 5_000;

/** Addresses last for hours, and each look reads the routes. */
const lanLookMs = 30_000;

/** How a wait for a blob ended: it is whole; the site does not exchange it; or no more; this node's disk is full; its index is wrong. */
type End = 'whole' | 'refused' | 'over' | 'full' | 'damaged';

export type Brought =
  | { readonly kind: Exclude<End, 'whole'> }
  | {
      readonly kind: 'whole';
      readonly index: Uint8Array;
      /** What this node took over the uplink for it. */
      readonly originBytes: number;
    };

/** A blob that is kept in a file of its own, by an index that was believed before. */
export interface OfferedFile {
  readonly sha256: string;
  readonly file: string;
  readonly index: string;
}

interface Waiter {
  readonly resolve: (end: End) => void;
}

export class SiteExchange {
  readonly #options: SiteExchangeOptions;
  readonly #exchange: BlobExchange;
  #server: ChunkServer | null = null;
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #whole = new Set<string>();
  /** Where those are that are not in the folder of blobs. */
  readonly #files = new Map<string, string>();
  /** The scheduler has named peers of these: the site exchanges them. */
  readonly #accepted = new Set<string>();
  readonly #pinned = new Set<string>();
  readonly #kept: KeptBlobs;
  #silentUntilMs = 0;
  #here: PeerAddress | null = null;
  /** Of the LAN, as it was looked at last. */
  #address: string | null = null;
  #lanLookMs = 0;
  #isSchedulerHere = true;

  constructor(options: SiteExchangeOptions) {
    const { folder, salt, isSmallBoard, log, nowMs, lanPacer } = options;
    this.#options = options;
    this.#kept = new KeptBlobs({
      ...{ folder, log, isHere: options.isHere, offer: (blob) => this.offer(blob) },
      say: (said) => options.say(said, this.#here),
    });
    this.#exchange = new BlobExchange({
      ...{ folder, salt, isSmallBoard, log, nowMs, lanPacer },
      origin: withinMonth(options.origin, options.mayTransfer),
      port: () => this.#here?.port ?? 0,
      say: (said) => options.say(said, this.#here),
      onWhole: (sha256) => this.#came(sha256),
      onLeft: (sha256, why) =>
        this.#settle(sha256, why ?? (this.#accepted.has(sha256) ? 'over' : 'refused')),
      onPace: options.onPace,
    });
  }

  /** Serves the LAN that the node is on now; a node on none takes part all the same. */
  async start(): Promise<void> {
    const address = this.#options.ownLan()?.address ?? null;
    if (address === this.#address) return;
    this.#address = address;
    this.#server?.stop();
    [this.#server, this.#here] = [null, null];
    if (address === null) return;
    const server = this.#newServer();
    this.#server = server;
    try {
      const port = await server.start(address);
      if (this.#server === server) this.#here = { address, port };
      else server.stop();
    } catch (error) {
      // It may be the interface's again at the next look.
      this.#address = null;
      this.#options.log('chunks are not served', { address, error: String(error) });
    }
  }

  /** A router may give a node another address while its tunnel goes on: the scheduler is told. Looks twice a minute at most. */
  async lookAtLan(): Promise<void> {
    const nowMs = this.#options.nowMs();
    if (nowMs < this.#lanLookMs) return;
    this.#lanLookMs = nowMs + lanLookMs;
    const before = this.#here;
    await this.start();
    if (this.#here !== before && this.#isSchedulerHere) this.tellAgain();
  }

  /** What is on the disk may be of use to others: the scheduler is asked, once it is here. */
  findKept(): Promise<void> {
    return this.#kept.find();
  }

  #newServer(): ChunkServer {
    return new ChunkServer({
      blobOf: (sha256) => this.#exchange.served(sha256),
      keptOf: (sha256) => this.#options.keptOf?.(sha256) ?? [],
      isPeer: (address) => this.#isPeer(address),
      onPeerHas: (sha256, peer, held) =>
        this.#exchange.post({ kind: 'peerHas', sha256, peer, held, isAsking: true }),
      mostOut: this.#options.isSmallBoard ? 1 : 2,
      pacer: this.#options.lanPacer,
      nowMs: this.#options.nowMs,
    });
  }

  async stop(): Promise<void> {
    this.#server?.stop();
    for (const sha256 of [...this.#waiters.keys()]) this.#settle(sha256, 'over');
    await this.#exchange.stop();
    await this.#kept.stop();
  }

  /** Where peers reach it; null: nowhere. */
  get here(): PeerAddress | null {
    return this.#here;
  }

  /** Blobs that are on their way. */
  get underWay(): ReadonlySet<string> {
    return new Set(this.#waiters.keys());
  }

  /** Blobs that others of the site count on. */
  get pinned(): ReadonlySet<string> {
    return this.#pinned;
  }

  /**
   * Resolves when the blob is here; false: it is not exchanged, and the origin has to be asked for all of it. Rejects
   * with DiskFullError, and with the signal's reason.
   */
  async bring(grant: BlobGrant, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const { sha256 } = grant;
    if (this.#whole.has(sha256) && (await this.#isHere(sha256))) return true;
    this.#leavePackage(sha256);
    const waited = this.#wait(sha256, signal);
    this.#exchange.want(grant);
    const end = await waited;
    if (end === 'full') throw new DiskFullError(`blob ${sha256}: this node's disk is full`);
    return end === 'whole';
  }

  /** As `bring`, of a blob that the disk may have much of. */
  async bringUpdate(grant: BlobGrant, update: Update, signal: AbortSignal): Promise<Brought> {
    signal.throwIfAborted();
    const { sha256 } = grant;
    const waited = this.#wait(sha256, signal);
    this.#exchange.want(grant, update);
    const kind = await waited;
    if (kind !== 'whole') return { kind };
    const brought = this.#exchange.broughtOf(sha256);
    return brought === null ? { kind: 'over' } : { kind, ...brought };
  }

  /** Nobody waits for the blob any more, and it is not worth to be brought on. */
  giveUp(sha256: string): void {
    this.#exchange.leave(sha256);
  }

  /** Others may have the blob of this file; false: it can't be read, or is on its way yet. */
  async offerFile({ sha256, file, index }: OfferedFile): Promise<boolean> {
    const bytes = await readFile(index).catch(() => null);
    this.#kept.take(sha256);
    if (bytes === null || !this.#exchange.offerFile(sha256, file, bytes)) return false;
    this.#files.set(sha256, file);
    this.#whole.add(sha256);
    return true;
  }

  #wait(sha256: string, signal: AbortSignal): Promise<End> {
    this.#kept.take(sha256);
    const waiters = this.#waiters.get(sha256) ?? new Set();
    this.#waiters.set(sha256, waiters);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve };
      waiters.add(waiter);
      signal.addEventListener('abort', () => {
        waiters.delete(waiter);
        // What has begun goes on: another task of the job will want it, and peers do.
        reject(signal.reason as Error);
      });
    });
  }

  /**
   * The file of a package, from a peer or, if this node is the one to bring it, from its source. Rejects when the site has
   * no way to it, when the scheduler says nothing for five seconds, when it does not come in the time that a thin line needs,
   * and with the signal's reason.
   */
  async get(wanted: ForeignBlob, signal: AbortSignal): Promise<string> {
    const { sha256 } = wanted;
    const file = join(this.#options.folder, sha256);
    if (await this.#options.isHere(wanted)) {
      // Its last use, for the order in which old ones are removed.
      await utimes(file, new Date(), new Date());
      this.#whole.add(sha256);
      this.#exchange.openForeign(wanted, file);
      return file;
    }
    signal.throwIfAborted();
    // It was removed from the disk.
    if (this.#whole.has(sha256)) this.#exchange.leave(sha256);
    if (!this.#isSchedulerHere) throw new Error('the scheduler is not reached');
    if (this.#options.nowMs() < this.#silentUntilMs) throw new Error('the scheduler is silent');
    const letGo = await this.#options.takeRoom(wanted);
    try {
      if ((await this.#come(wanted, signal)) === 'whole') return file;
    } finally {
      letGo();
    }
    throw new Error('its site has no way to it');
  }

  async #come(wanted: ForeignBlob, signal: AbortSignal): Promise<End> {
    const { sha256, sizeBytes } = wanted;
    signal.throwIfAborted();
    const late = new AbortController();
    const end = (why: string): void => late.abort(new Error(why));
    const leave = (): void => late.abort(signal.reason);
    const silence = setTimeout(() => {
      if (this.#accepted.has(sha256)) return;
      this.#silentUntilMs = this.#options.nowMs() + silentForMs;
      end('the scheduler says nothing of it');
    }, this.#options.silentMs ?? silentMs);
    const mostMs = patienceMs + sizeBytes / bytesPerMs;
    const lateness = setTimeout(() => end(`it is not here after ${mostMs} ms`), mostMs);
    signal.addEventListener('abort', leave, { once: true });
    try {
      const waited = this.#wait(sha256, late.signal);
      this.#exchange.openForeign(wanted, null);
      return await waited;
    } finally {
      clearTimeout(silence);
      clearTimeout(lateness);
      signal.removeEventListener('abort', leave);
      setTimeout(() => this.#giveUp(sha256), againMs).unref();
    }
  }

  #giveUp(sha256: string): void {
    if (this.#waiters.get(sha256)?.size === 0) this.#exchange.giveUp(sha256);
  }

  /** A job shares it now, in chunks of its own. */
  #leavePackage(sha256: string): void {
    if (this.#exchange.isForeign(sha256)) this.#exchange.leave(sha256);
  }

  /** The blob is here, and right: others may have it of this node. */
  async offer(blob: BlobRef): Promise<void> {
    const { sha256 } = blob;
    this.#leavePackage(sha256);
    this.#kept.take(sha256);
    if (this.#whole.has(sha256)) return;
    this.#whole.add(sha256);
    try {
      await this.#exchange.offer(blob);
    } catch (error) {
      this.#whole.delete(sha256);
      this.#options.log('a blob is not offered', { sha256, error: String(error) });
    }
  }

  /** What the scheduler says. */
  take({ leases, news }: ExchangeMessages): void {
    if (news.length + leases.length > 0) this.#silentUntilMs = 0;
    for (const each of news) this.#tell(each);
    for (const lease of leases) this.#exchange.post(lease);
  }

  #tell({ told, proof, isPinned, isClosed }: ExchangeNews): void {
    const { sha256 } = told;
    this.#kept.hear(sha256, isClosed);
    if (isPinned && !isClosed) this.#pinned.add(sha256);
    else this.#pinned.delete(sha256);
    const isForeign = this.#exchange.isForeign(sha256);
    // A package that has an index is a job's blob, of which others have other chunks.
    if (isClosed || (isForeign && told.indexSha256 !== '')) return this.#exchange.leave(sha256);
    this.#accepted.add(sha256);
    this.#exchange.prove(sha256, Buffer.from(proof, 'hex'));
    const peers = told.peers.filter(({ address }) => this.#isPeer(address));
    this.#exchange.post({ ...told, peers });
  }

  /** Whether the bus is connected. A node that has come back may be on another network. */
  async hearScheduler(isHere: boolean): Promise<void> {
    if (isHere === this.#isSchedulerHere) return;
    this.#isSchedulerHere = isHere;
    if (isHere) await this.start();
    this.#exchange.post({ kind: 'schedulerHere', isHere });
    if (isHere) return this.#kept.ask();
    // apt asks their sources.
    for (const sha256 of [...this.#waiters.keys()]) {
      if (this.#exchange.isForeign(sha256)) this.#exchange.giveUp(sha256);
    }
  }

  /** The scheduler knows nothing of this node any more: all that it has is told. */
  tellAgain(): void {
    this.#exchange.post({ kind: 'schedulerHere', isHere: true });
    this.#kept.ask();
  }

  /** From here to the origin and back, while blobs go over the line; see `ExchangeCommand`. */
  measured(spanMs: number, filledPart: number | null): void {
    this.#exchange.post({ kind: 'roundTrip', spanMs, filledPart });
  }

  /** Old blobs were removed from the disk: what is gone is not served any more. */
  async lookForRemoved(): Promise<void> {
    for (const sha256 of this.#whole) {
      if (!(await this.#isHere(sha256))) this.#exchange.leave(sha256);
    }
  }

  #isPeer(address: string): boolean {
    const own = this.#options.ownLan();
    return own !== null && this.#options.isNeighbour(address, own);
  }

  async #isHere(sha256: string): Promise<boolean> {
    const file = this.#files.get(sha256) ?? join(this.#options.folder, sha256);
    return (await stat(file).catch(() => null)) !== null;
  }

  #came(sha256: string): void {
    this.#whole.add(sha256);
    this.#options.onWhole(sha256);
    this.#settle(sha256, 'whole');
  }

  #settle(sha256: string, end: End): void {
    if (end !== 'whole') {
      for (const each of [this.#whole, this.#pinned, this.#accepted]) each.delete(sha256);
      this.#files.delete(sha256);
    }
    const waiters = this.#waiters.get(sha256);
    this.#waiters.delete(sha256);
    for (const { resolve } of waiters ?? []) resolve(end);
  }
}
