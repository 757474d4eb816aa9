// apt's proxy, for as long as the owner wants it: starts and stops it as the limits say, and tells how it goes.

import type { AptProxy, AptProxyParts, SiteExchange } from './apt-proxy.ts';

/** Where apt keeps what its sources' lists say. */
const listsFolder = '/var/lib/apt/lists';
/** A port that another program has taken may be free again. */
const againMs = 60_000;
/** An upgrade brings hundreds, and each look at the disk costs a Pi 1 a while. */
const tidyAfterMs = 10_000;

export interface SiteAptOptions {
  readonly exchange: SiteExchange;
  /** Packages have come to the disk, where they may be more than the owner leaves. */
  readonly onTaken: () => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export interface AptStatus {
  readonly port: number;
  /** Why apt asks its mirrors itself; null: it does not. */
  readonly trouble: string | null;
  /** Packages since the agent's start. */
  readonly count: { readonly site: number; readonly mirrors: number };
}

export class SiteApt {
  readonly #options: SiteAptOptions;
  #port: number | null = null;
  #proxy: AptProxy | null = null;
  #trouble: string | null = null;
  #lookMs = 0;
  #tidy: NodeJS.Timeout | null = null;
  /** What one change of the port waits for. */
  #before: Promise<void> = Promise.resolve();

  constructor(options: SiteAptOptions) {
    this.#options = options;
  }

  /** The owner's word, told again and again; null: apt is left alone. */
  follow(port: number | null): Promise<void> {
    const failed = (error: unknown): void => this.#failed(port, error as NodeJS.ErrnoException);
    this.#before = this.#before.then(() => this.#follow(port)).catch(failed);
    return this.#before;
  }

  /** null: the owner does not want it. */
  get status(): AptStatus | null {
    if (this.#port === null) return null;
    const count = this.#proxy?.count ?? { site: 0, mirrors: 0 };
    return { port: this.#port, trouble: this.#trouble, count };
  }

  async stop(): Promise<void> {
    if (this.#tidy !== null) clearTimeout(this.#tidy);
    await this.follow(null);
  }

  async #follow(port: number | null): Promise<void> {
    const isLater = this.#trouble === null || performance.now() < this.#lookMs;
    const isAsWanted = port === this.#port && isLater;
    if (isAsWanted) return;
    await this.#proxy?.stop();
    [this.#proxy, this.#trouble, this.#port] = [null, null, port];
    if (port === null) return;
    const { exchange, onTaken, log } = this.#options;
    const get: SiteExchange['get'] = async (wanted, signal) => {
      const file = await exchange.get(wanted, signal);
      this.#tidy ??= setTimeout(() => {
        this.#tidy = null;
        onTaken();
      }, tidyAfterMs).unref();
      return file;
    };
    const proxy = await newProxy({ exchange: { get }, log });
    try {
      await proxy.start(port);
      this.#proxy = proxy;
    } catch (error) {
      await proxy.stop();
      throw error;
    }
  }

  #failed(port: number | null, { code, message }: NodeJS.ErrnoException): void {
    this.#trouble =
      code === 'EADDRINUSE' ? `another program has port ${port} of this machine` : message;
    this.#lookMs = performance.now() + againMs;
    this.#options.log('apt asks its mirrors itself', { port, why: this.#trouble });
  }
}

/** Loaded when it is wanted: most owners do not, and a small board would keep it in memory. */
async function newProxy(options: Pick<AptProxyParts, 'exchange' | 'log'>): Promise<AptProxy> {
  const [{ AptProxy }, { Mirror }] = await Promise.all([
    import('./apt-proxy.ts'),
    import('./mirror.ts'),
  ]);
  const [{ SignedLists }, { readHosts }] = await Promise.all([
    import('./signed-lists.ts'),
    import('./target.ts'),
  ]);
  const lists = new SignedLists(listsFolder);
  return new AptProxy({ ...options, hosts: readHosts, mirror: new Mirror(), lists });
}
