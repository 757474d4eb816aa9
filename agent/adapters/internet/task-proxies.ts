// The proxies of this node's tasks that may reach the internet. Loaded when the first of them comes: most nodes
// never run one.

import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import type { InternetUse } from '../../core/index.ts';
import { UplinkPacer } from '../blobs/uplink-pacer.ts';
import { proxySocketIn } from '../sandbox/attempt-spec.ts';
import { holds, readNearNetworks } from './near-networks.ts';
import { TaskProxy, type Way } from './task-proxy.ts';

/** What a question to DNS and its answer take of the line, beside what a proxy hands on. */
const questionBytes = 500;
const questionMs = 5_000;
/** The addresses of federation and home are asked for again after that. */
const outsideKeptMs = 600_000;
const outsideAgainMs = 5_000;

export interface TaskProxiesOptions {
  /** Why nothing may go now; null: it may. */
  readonly closed: () => string | null;
  /** Of the owner's share of the line. */
  readonly pacer: UplinkPacer;
  /** So many bytes have gone over the line. */
  readonly carried: (bytes: number) => void;
  /** Names and addresses of the federation. */
  readonly federationHosts: () => readonly string[];
  /** That the home has on its line. */
  readonly ownAddress: () => Promise<string>;
  readonly isInOverlay: (address: string) => boolean;
  readonly nowMs: () => number;
}

export class TaskProxies {
  readonly #options: TaskProxiesOptions;
  readonly #proxies = new Map<number, TaskProxy>();
  // Not the system's own look-up, which would hold one of two threads for as long as a name server is silent.
  readonly #resolver = new dns.Resolver({ timeout: questionMs, tries: 2 });
  #looking: Promise<ReadonlySet<string>> | null = null;
  #outside: { readonly addresses: ReadonlySet<string>; readonly atMs: number } | null = null;

  constructor(options: TaskProxiesOptions) {
    this.#options = options;
  }

  /** Before the attempt starts, and again in a new agent. Throws a SandboxError where there can be none. */
  async open(leaseId: number, use: InternetUse, attemptFolder: string): Promise<void> {
    this.close(leaseId);
    const { closed, pacer, carried } = this.#options;
    const own = ownPacer(use);
    const way: Way = {
      closed,
      resolve: (name) => this.#resolve(name),
      near: () => this.#near(),
      paced: (direction) => [
        ...(own === null ? [] : [own.stream(direction)]),
        pacer.stream(direction, carried),
      ],
    };
    this.#proxies.set(leaseId, await TaskProxy.listen(proxySocketIn(attemptFolder), way));
  }

  close(leaseId: number): void {
    this.#proxies.get(leaseId)?.close();
    this.#proxies.delete(leaseId);
  }

  /** What its owner allows may have changed. */
  look(): void {
    if (this.#options.closed() === null) return;
    for (const proxy of this.#proxies.values()) proxy.cut();
  }

  stop(): void {
    for (const leaseId of [...this.#proxies.keys()]) this.close(leaseId);
  }

  async #resolve(name: string): Promise<readonly string[]> {
    if (isIP(name) !== 0) return [name];
    this.#options.carried(questionBytes);
    const both = [this.#resolver.resolve4(name), this.#resolver.resolve6(name)];
    const found = await Promise.allSettled(both);
    return found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  }

  async #near(): Promise<(address: string) => boolean> {
    const networks = readNearNetworks();
    const outside = await this.#outsideAddresses();
    const { isInOverlay } = this.#options;
    return (address) => holds(networks, address) || outside.has(address) || isInOverlay(address);
  }

  /** Where the federation is, as this node reaches it, and the home itself. One look for all who ask. */
  #outsideAddresses(): Promise<ReadonlySet<string>> {
    const known = this.#outside;
    const { nowMs } = this.#options;
    if (known !== null && nowMs() - known.atMs < outsideKeptMs) {
      return Promise.resolve(known.addresses);
    }
    this.#looking ??= this.#lookOutside(known?.addresses).then(
      (addresses) => {
        this.#outside = { addresses, atMs: nowMs() };
        this.#looking = null;
        return addresses;
      },
      (error: unknown) => {
        // Tasks that try again and again do not ask the federation each time.
        setTimeout(() => (this.#looking = null), outsideAgainMs).unref();
        throw error;
      },
    );
    return this.#looking;
  }

  /** What can't be found now is as it was; rejects where it never was. */
  async #lookOutside(known?: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const { federationHosts, ownAddress } = this.#options;
    const lookUps = federationHosts().map((host) => dns.lookup(host, { all: true }));
    const own = ownAddress().then((address) => [{ address }]);
    const addresses = new Set(known);
    for (const each of await Promise.allSettled([own, ...lookUps])) {
      if (each.status === 'fulfilled') for (const { address } of each.value) addresses.add(address);
      else if (known === undefined) {
        throw new Error(`${unknown} (${String(each.reason)}): try again.`);
      }
    }
    return addresses;
  }
}

const unknown = 'the node does not know yet what is its home and its federation in the internet';

/** A replica keeps to the rates that its job declares; null: it has none. */
function ownPacer({ downBps, upBps }: InternetUse): UplinkPacer | null {
  if (downBps === 0 || upBps === 0) return null;
  return new UplinkPacer(
    () => ({ downBps, upBps }),
    () => undefined,
  );
}
